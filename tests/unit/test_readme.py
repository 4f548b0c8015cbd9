"""What README promises, checked: its table of stages, the commands it names, and its run file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from curate.cli.app import build
from curate.stages import stages

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_stages_is_that_of_the_declarations():
    ended = subprocess.run([sys.executable, ROOT / "scripts" / "stage_table.py", "--check"], check=False)
    assert ended.returncode == 0, "run scripts/stage_table.py"


def test_every_command_named_is_one():
    app = build()
    known = {command.name for command in [*app.registered_commands, *app.registered_groups]}
    named = set(re.findall(r"(?:^\$ |`)curate ([a-z][a-z-]*)", README, flags=re.MULTILINE))
    assert len(named) > 8 and named <= known


def test_the_run_file_names_stages_and_their_options():
    (text,) = (block for block in re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL) if "steps:" in block)
    for step in yaml.safe_load(text)["steps"]:
        ((verb, options),) = step.items()
        own = set(options) - {"to", "where", "corpora"}
        assert own <= set(stages()[verb].config.model_fields)
