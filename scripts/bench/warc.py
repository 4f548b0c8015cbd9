"""Web archives iterated without extraction, against FastWARC's own loop, alternating in one run.

Ours gives every page with the bytes of its payload, content codings taken off, its type, charset, URL, date and status;
FastWARC's loop, with its defaults, parses the WARC and HTTP heads of every record, whose payloads are read
(`read`, which is what the bar is held against) or not (`iterate`). CPU seconds: medians, and the median of the
ratios of each round.

    python scripts/bench/warc.py web.warc.gz --rounds 9
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable

from fastwarc.warc import ArchiveIterator

from curate.formats.pages import Page
from curate.formats.records import Settings, Source
from curate.formats.warc import pages

BAR = 0.9


def ours(path: str) -> int:
    """How many pages there are."""
    return sum(isinstance(item, Page) for item in pages(Source(path), Settings(), Counter(), Counter()))


def read(path: str) -> int:
    """How many records FastWARC finds, each of them read."""
    return sum(1 for record in ArchiveIterator(path, parse_http=True) if record.reader.read() is not None)


def iterate(path: str) -> int:
    """How many records FastWARC finds."""
    return sum(1 for _ in ArchiveIterator(path, parse_http=True))


LOOPS: dict[str, Callable[[str], int]] = {"ours": ours, "read": read, "iterate": iterate}


def seconds(loop: Callable[[str], int], path: str) -> tuple[float, int]:
    """CPU seconds of a loop, and what it counted: other work on the machine counts less than by the clock."""
    start = time.process_time()
    count = loop(path)
    return time.process_time() - start, count


def main() -> None:
    """Measure each file given."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("files", nargs="+")
    options.add_argument("--rounds", type=int, default=9)
    given = options.parse_args()
    print("file                        seconds: ours     read  iterate   ratio: to read  to iterate   pages  records")
    for path in given.files:
        rounds = [{name: seconds(loop, path) for name, loop in LOOPS.items()} for _ in range(given.rounds)]
        times = [statistics.median(found[name][0] for found in rounds) for name in LOOPS]
        ratios = [
            statistics.median(found[name][0] / found["ours"][0] for found in rounds) for name in ("read", "iterate")
        ]
        counts = [rounds[0][name][1] for name in ("ours", "read")]
        print(
            f"{os.path.basename(path):26} {times[0]:14.4f} {times[1]:8.4f} {times[2]:8.4f} "
            f"{ratios[0]:15.2f} {ratios[1]:11.2f} {counts[0]:7} {counts[1]:8}"
            f"   {'holds' if ratios[0] >= BAR else f'below {BAR}'}"
        )


if __name__ == "__main__":
    main()
