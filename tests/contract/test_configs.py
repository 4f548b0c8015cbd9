"""The examples in `configs/` are what they say."""

from pathlib import Path

import pytest

from curate.cli.recipe import resolved
from curate.cli.running import Execution, StepOptions, checked
from curate.runtime.runfile import load
from curate.stages import ALL, stages
from tests.running import ROOT

RECIPES = sorted((ROOT / "configs").glob("*.yaml"))


def test_there_are_recipes():
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_a_recipe_is_right(path: Path):
    models = {name: stages()[name].config for name in ALL}
    loaded = load(str(path), models, StepOptions)
    steps = resolved(loaded, stages())
    assert len(steps) == len(loaded.steps) > 0
    checked(Execution, loaded.execution, "execution")


def test_the_demo_uses_every_stage_of_the_main_road():
    loaded = load(str(ROOT / "configs/demo.yaml"), {name: stages()[name].config for name in ALL}, StepOptions)
    verbs = [step.verb for step in loaded.steps]
    assert verbs == ["ingest", "dedup", "embed", "cluster", "fasttext", "dsir", "mix", "export"]
