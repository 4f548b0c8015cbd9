"""The stages, by name. A user's own stages join through modules named in CURATE_STAGES (comma-separated)."""

from __future__ import annotations

import importlib
import inspect
import os
import re
from functools import cache

from curate.errors import UsageError
from curate.stage import Stage

ALL = (
    "ingest",
    "language",
    "dedup",
    "dedup-lines",
    "dedup-substrings",
    "rules",
    "verdict",
    "decontaminate",
    "pii",
    "clean",
    "embed",
    "cluster",
    "semdedup",
    "prototypes",
    "similar",
    "map",
    "fasttext",
    "dsir",
    "perplexity",
    "contrast",
    "zipfit",
    "transport",
    "betr",
    "correlations",
    "preselect",
    "combine",
    "exclude",
    "select",
    "sample",
    "mix",
    "split",
    "export",
)


@cache
def load(name: str) -> Stage:
    """One stage, without importing the others. Raises UsageError for a name that is none."""
    if name in ALL:
        return importlib.import_module(f"curate.stages.{name.replace('-', '_')}").STAGE
    if name not in stages():
        raise UsageError(f"no stage '{name}'; there are: {', '.join(stages())}")
    return stages()[name]


def rooms(stage: Stage) -> list[str]:
    """What a stage's functions import from algorithms and formats when called: modules, or names in them."""
    source = inspect.getsource(inspect.getmodule(stage.config) or stage.config)
    found = []
    for package, name, names in re.findall(r"^    +from (curate\.\w+)(\.\w+)? import (.+)$", source, re.MULTILINE):
        if package in ("curate.algorithms", "curate.formats"):
            found += [package + name] if name else [f"{package}.{one}" for one in re.findall(r"\w+", names)]
    return sorted(set(found))


@cache
def stages() -> dict[str, Stage]:
    """Every stage, in the order of a pipeline, then a user's own.

    Raises UsageError for a module of CURATE_STAGES that cannot be imported or declares no stage.
    """
    found = {name: load(name) for name in ALL}
    for module in filter(None, os.environ.get("CURATE_STAGES", "").split(",")):
        try:
            stage = importlib.import_module(module).STAGE
        except (ImportError, AttributeError) as problem:
            raise UsageError(f"CURATE_STAGES: module '{module}': {problem}; it must hold STAGE") from None
        if stage.name in found:
            raise UsageError(f"CURATE_STAGES: module '{module}': stage '{stage.name}' exists already; rename it")
        found[stage.name] = stage
    return found
