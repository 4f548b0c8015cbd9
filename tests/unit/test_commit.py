"""The end of a run: what it deletes, and what it leaves alone."""

import pytest

from tests import material, running

pytestmark = pytest.mark.usefixtures("own_stages")


def test_an_export_deletes_its_own_old_files_alone(tmp_path):
    material.write_lines(tmp_path / "raw/x.txt", material.docstrings()[:6])
    pool, out = str(tmp_path / "pool"), tmp_path / "out"
    running.step("lines", {"sources": [str(tmp_path / "raw")]}, to=pool)
    running.step("export", {"format": "jsonl"}, corpus=pool, to=str(out))
    (out / "mine").mkdir()
    (out / "NOTES.txt").write_text("mine")
    (out / ".writing-1-00000.jsonl").write_text("half")
    running.step("export", {"format": "parquet"}, corpus=pool, to=str(out))
    assert {path.name for path in out.iterdir()} == {"00000.parquet", "manifest.json", ".curate", "mine", "NOTES.txt"}
