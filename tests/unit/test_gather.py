import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

SCRIPT = Path(__file__).parents[2] / "scripts" / "gather.py"


@pytest.fixture(scope="module")
def gather():
    spec = importlib.util.spec_from_file_location("gather", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["gather"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["gather"]


def records(path: Path) -> list[dict]:
    with open(path, "rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        return [json.loads(line) for line in lines]


def test_two_runs_give_the_same_files_of_every_kind(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "doc-77.jsonl.zst").write_bytes(b"left from an earlier run")
        subprocess.run([sys.executable, SCRIPT, tmp_path / name, "--max-bytes", "400000"], check=True, timeout=120)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert sorted(one) == [f"{kind}-00.jsonl.zst" for kind in ("doc", "docstring", "license", "readme")]
    found = [record for name in sorted(one) for record in records(tmp_path / "one" / name)]
    assert {record["kind"] for record in found} == {"docstring", "readme", "license", "doc"}
    assert "python" in {record["source"] for record in found}
    assert "curate" not in {record["source"] for record in found}
    for record in found:
        assert set(record) - {"url"} == {"text", "source", "kind", "path"}
        assert record.get("url", "http").startswith("http")
        assert len(record["text"].encode()) >= 200
    assert 300_000 < sum(len(record["text"].encode()) for record in found) <= 400_000


def test_docstrings_of_a_module_in_order_each_under_its_name(gather, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        '"""Module."""\nx = """not one"""\n@wraps\nclass A:\n    """Class\n    of\n      things.\n    """\n'
        '    async def f(self, a=1):\n        r"""Method."""\n        def inner():\n            """Hidden."""\n'
        "    def g(self): pass\ndef h():\n    '''Function.'''\n"
    )
    assert gather.module_docstrings(str(path)) == [
        "Module.",
        "A\n\nClass\nof\n  things.",
        "A.f\n\nMethod.",
        "h\n\nFunction.",
    ]
    path.write_text('def broken(:\n    """Text."""\n')
    assert gather.module_docstrings(str(path)) == []
    assert gather.module_docstrings(str(tmp_path / "missing.py")) == []


def test_long_texts_are_cut_between_paragraphs(gather):
    text = "\n\n".join(f"Paragraph {number}. " + "word " * 300 for number in range(100))
    pieces = gather.paragraphs(text)
    assert max(map(len, pieces)) <= gather.LARGEST
    assert "\n\n".join(pieces) == text
    assert gather.paragraphs("short\n\n\ntext") == ["short\n\n\ntext"]


def test_what_is_prose(gather):
    assert gather.is_prose("This is a page that somebody wrote so that somebody else could read it. " * 5)
    assert not gather.is_prose("\n".join(f"{n} {n * n} {n**3}" for n in range(100)))
    assert not gather.is_prose("too short")


def test_documents_that_are_too_short_are_left_out_and_parts_numbered(gather):
    package = gather.Package("p", [], "", "https://example.org")
    found = list(gather.documents(package, "doc", "a/b.md", ["x" * 199, "y" * 200, "é" * 100]))
    assert [record["path"] for record in found] == ["a/b.md#1", "a/b.md#2"]
    assert found[0] == {
        "text": "y" * 200,
        "source": "p",
        "kind": "doc",
        "path": "a/b.md#1",
        "url": "https://example.org",
    }
