"""A pipeline of the tests' own stages that takes a fifth of a second: every kind of stage and of census is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.runtime.executors.base import Executor
from curate.runtime.run import Result
from tests import material, running

TEXTS = (
    "  POISON in the well, of which all the village has to drink every day of the week",
    *material.docstrings()[:17],
)


@dataclass(frozen=True)
class Recipe:
    """The options of the pipeline that tests change."""

    upper: bool = False
    unit: int = 1
    few: int = 2
    where: str = "length > 60"
    carry: str = "all"
    characters: int = 20
    format: str = "jsonl"
    most: int = 1000

    def changed(self, name: str) -> Recipe:
        """With another value of one option, or the first value again."""
        other = Recipe(True, 2, 3, "length > 90 AND tally >= 0", "none", 5, "jsonl.gz")
        value = getattr(self, name)
        return replace(self, **{name: getattr(other if value == getattr(Recipe(), name) else Recipe(), name)})


def gather(root: Path) -> None:
    """Three files of text, one of them empty, one with lines that cannot be used."""
    material.write_lines(root / "raw/a.txt", TEXTS[:8])
    material.write_lines(root / "raw/b.txt", [TEXTS[2], None, *TEXTS[8:14]])
    material.write_lines(root / "raw/c.txt", [])


def steps(root: Path, recipe: Recipe) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each verb, its options and the common ones."""
    pool, kept = str(root / "pool"), str(root / "kept")
    where = recipe.where.replace("tally", "rare")
    seen = {"characters": recipe.characters, "most": recipe.most}
    return [
        ("lines", {"sources": [str(root / "raw")], "upper": recipe.upper}, {"to": pool, "shard_bytes": "1k"}),
        ("length", {"unit": recipe.unit}, {"corpus": pool}),
        ("tally", {"few": recipe.few, "sample": 9}, {"corpus": pool, "where": "length > 45", "as_": "rare"}),
        ("seen", seen, {"corpus": pool}),
        (
            "select",
            {},
            {"corpus": pool, "where": where, "carry": recipe.carry, "to": kept},
        ),
        ("seen", {**seen, "against": [pool]}, {"corpus": kept}),
        ("length", {}, {"corpus": kept, "as_": "again"}),
        ("export", {"format": recipe.format}, {"corpus": kept, "to": str(root / "out")}),
    ]


def run(root: Path, recipe: Recipe, made: Executor | None = None) -> list[Result]:
    """The whole pipeline, in this process; all errors in the text are forgiven."""
    return [
        running.step(verb, options, made, max_errors="100", **common) for verb, options, common in steps(root, recipe)
    ]


def lose_power(root: Path) -> None:
    """What was not synced is there by name, but not its bytes, and the machine has been started anew."""
    for note in root.rglob("work/boot"):
        for path in [*note.parent.glob("*.routed"), *note.parents[1].glob("index/*")]:
            path.write_bytes(b"\0" * path.stat().st_size)
        note.write_text("the start before this one")


def executed(results: list[Result]) -> list[int]:
    """How many tasks each step ran."""
    return [result.executed for result in results]


def tree(root: Path) -> dict[str, str]:
    """What must be the same: not a layer begun that the recipe no longer makes, which `clean-up` is for."""
    names = {name.partition("/")[2]: value for name, value in running.tree(root).items()}
    begun = {path.parent for path in root.glob("kept/*/*/") if not (path.parent / "manifest.json").exists()}
    return {name: value for name, value in names.items() if not begun & set((root / name).parents)}


def undisturbed(root: Path, recipe: Recipe, fresh: Callable[[], Path]) -> dict[str, str]:
    """What the same input and options give in a new folder."""
    elsewhere = fresh()
    running.copied(root / "raw", elsewhere / "raw")
    run(elsewhere, recipe)
    return tree(elsewhere)
