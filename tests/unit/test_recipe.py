"""The run files that come with the package, and the commands that list and show them."""

import json
import shutil
import subprocess
import sys
import zipfile

import pytest

from curate.cli.recipe import shipped
from tests.running import ROOT, command

NAMES = [path.stem for path in sorted((ROOT / "configs").glob("*.yaml"))]


def test_the_shipped_recipes_are_those_of_the_repository():
    assert list(shipped()) == NAMES
    assert [path.resolve() for path in shipped().values()] == sorted((ROOT / "configs").glob("*.yaml"))


def test_list_names_each_and_says_what_it_is(tmp_path):
    done = command("recipe", "list", cwd=tmp_path)
    lines = done.stdout.splitlines()[2:]
    assert [line.split()[0] for line in lines] == NAMES
    assert all(len(line.split()) > 5 for line in lines)
    assert list(json.loads(command("recipe", "list", "--json", cwd=tmp_path).stdout)) == NAMES


def test_show_prints_the_file(tmp_path):
    for name in NAMES:
        assert command("recipe", "show", name, cwd=tmp_path).stdout == (ROOT / f"configs/{name}.yaml").read_text(
            "utf-8"
        )


def test_a_recipe_that_is_none_is_refused(tmp_path):
    done = command("recipe", "show", "c5", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"curate: no recipe 'c5'; there are: {', '.join(NAMES)}\n")


def test_a_wheel_has_the_recipes(tmp_path):
    pytest.importorskip("setuptools")
    copy = tmp_path / "copy"
    ignored = shutil.ignore_patterns("__pycache__", "*.py[co]")
    for folder in ("curate", "configs"):
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    build = f"import setuptools.build_meta as build; build.build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        found = {name: packed.read(name) for name in packed.namelist() if name.startswith("curate/configs/")}
    assert found == {f"curate/configs/{name}.yaml": path.read_bytes() for name, path in shipped().items()}
