"""Write the README's table of stages from their declarations. `--check` only says whether it is right."""

from __future__ import annotations

import sys
from pathlib import Path

from curate.cli.verbs import option_names
from curate.stages import stages

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- stages: written by scripts/stage_table.py -->\n", "<!-- end of stages -->"


def stage_table() -> str:
    """The stages as a Markdown table."""
    lines = ["| verb | kind | what it does | options |", "| --- | --- | --- | --- |"]
    for stage in stages().values():
        does = (stage.config.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        options = " ".join(f"`{name}`" for name in option_names(stage))
        lines.append(f"| `{stage.name}` | {stage.panel} | {' '.join(does.split())} | {options} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Rewrite or check the table between its two marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + stage_table() + END + after
    if "--check" in sys.argv:
        return 0 if text == wanted else 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
