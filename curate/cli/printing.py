"""What people see while a command runs and when it has ended."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from curate.errors import counted


def number(value: float) -> str:
    """12,345 for counts."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """12.3 k or 4.5 M for counts that need no more."""
    for unit in ("", " k", " M", " G"):
        if value < 1000 or unit == " G":
            return f"{value:.0f}" if not unit else f"{value:.1f}{unit}"
        value /= 1000
    raise AssertionError


def size(value: float) -> str:
    """Bytes in the unit that reads best."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """Seconds as 4.2 s, 3:05 min or 2:10:00 h."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> str:
    """Columns lined up with two spaces between; `right` are the columns to align at the right."""
    texts = [[str(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(headings))]
    lines = []
    for row in texts:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


class Reporter:
    """Progress on standard error: one line that moves on a terminal, else a plain line now and then."""

    def __init__(self, quiet: bool = False, as_json: bool = False, every: float = 10.0) -> None:
        self._quiet = quiet or as_json
        self._moving = sys.stderr.isatty()
        self._every = every
        self._last = time.monotonic()
        self._drawn = False

    def progress(self, event: Any) -> None:
        """Show a `runtime.run.Progress`."""
        now = time.monotonic()
        if self._quiet or (now - self._last < (0.1 if self._moving else self._every)):
            return
        self._last = now
        rate = event.bytes / event.seconds if event.seconds > 0 else 0
        left = event.seconds / event.done * (event.tasks - event.done)
        text = f"{event.title}: {event.phase} {event.done}/{event.tasks}"
        if event.rows:
            text += f", {counted(event.rows, 'document')}, {size(rate)}/s"
        text += f", {duration(left)} left"
        if self._moving:
            sys.stderr.write(f"\r\x1b[K{text[:118]}")
            self._drawn = True
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def line(self, text: str = "") -> None:
        """A line for people, on standard error so that standard output stays for programs."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            self._drawn = False
        if not self._quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def emit_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


_LEFT_OUT = ("files left out: ", "members left out: ")


def removed_text(ledger: dict[str, Any]) -> str:
    """Why documents or parts of them are gone, as `not chosen by --where 12, lines 30 of 9 documents`."""
    parts = [f"{reason} {number(count)}" for reason, count in ledger["removed"].items()]
    if ledger["quarantined"]:
        parts.append(f"quarantined {number(ledger['quarantined'])}")
    if ledger["repeats"]:
        parts.append(f"repeated {number(ledger['repeats'])}")
    parts += [
        f"{name} {number(count)}"
        for name, count in ledger["counts"].items()
        if name.endswith(("_keep false", "_capped true")) or name.startswith(_LEFT_OUT)
    ]
    changed = counted(ledger["counts"].get("documents_changed", 0), "document")
    parts += [
        f"{unit} {number(ledger['counts'][f'{unit}_removed'])} of {changed}"
        for unit in ("lines", "paragraphs", "words")
        if ledger["counts"].get(f"{unit}_removed")
    ]
    return ", ".join(parts) or "none"
