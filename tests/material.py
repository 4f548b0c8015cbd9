"""Text for tests: real sentences that every Python has, and a fixed text that is the same everywhere."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from curate import formats

MODULES = (
    "argparse",
    "ast",
    "collections",
    "configparser",
    "csv",
    "datetime",
    "decimal",
    "difflib",
    "email.message",
    "fractions",
    "functools",
    "heapq",
    "http.client",
    "inspect",
    "itertools",
    "json",
    "logging",
    "os",
    "pathlib",
    "random",
    "re",
    "shutil",
    "statistics",
    "string",
    "tarfile",
    "textwrap",
    "threading",
    "urllib.parse",
    "zipfile",
)
OTHER_SCRIPTS = (
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "いろはにほへと ちりぬるを わかよたれそ つねならむ。うゐのおくやま けふこえて あさきゆめみし ゑひもせす。",
    "视野无限广，窗外有蓝天。微风迎客，软语伴茶。中国智造，慧及全球。",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ومغلف بجلد أزرق",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน",
    "",
    "x",
    "🙂 café naïve coöperate\u0301 — “quoted” \u2028 line",
)


@cache
def docstrings(least: int = 40) -> tuple[str, ...]:
    """Docstrings of the standard library, each once, in a fixed order; some hundreds."""
    found: dict[str, None] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for _, value in sorted(vars(module).items(), key=lambda item: item[0]):
            for text in _texts(value):
                if len(text) >= least:
                    found.setdefault(text, None)
    return tuple(found)


def _texts(value: object) -> Iterator[str]:
    if not callable(value):
        return
    yield _docstring(value)
    if inspect.isclass(value):
        yield from (_docstring(member) for _, member in sorted(vars(value).items()) if callable(member))


def _docstring(value: object) -> str:
    text = getattr(value, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else ""


@cache
def fixed() -> tuple[str, ...]:
    """The same texts on every machine: pieces of the licence, copies with a few words changed, other scripts."""
    licence = (Path(__file__).parents[1] / "LICENSE").read_text(encoding="utf-8")
    sentences = [" ".join(part.split()) for part in licence.replace("\n\n", ". ").split(". ") if part.strip()]
    texts = [". ".join(sentences[i : i + n]) for n in (2, 4, 7) for i in range(0, len(sentences) - n, 2)]
    changed = [text.replace("the", "this", 2) + " Amended." for text in texts[::5]]
    copies = texts[::9]
    return (*texts, *changed, *OTHER_SCRIPTS, *copies)


def write_lines(path: Path, texts: Sequence[object]) -> Path:
    """A file for the stage `lines`: one JSON value a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    return path


def write_crawl(path: Path, texts: Sequence[str]) -> Path:
    """A web archive for `ingest`, with plain text and HTML by turns; the length of one record is wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = []
    for i, text in enumerate(texts):
        kind = "html" if i % 2 else "plain"
        content = f"HTTP/1.1 200 OK\r\nContent-Type: text/{kind}\r\n\r\n<p>{text}".encode()
        size = len(content) + (7 if i == 3 else 0)
        head = f"WARC-Type: response\r\nWARC-Target-URI: https://example.org/{i}\r\nContent-Length: {size}\r\n\r\n"
        records.append(f"WARC/1.0\r\n{head}".encode() + content + b"\r\n\r\n")
    path.write_bytes(b"".join(records))
    return path


def write_page(path: Path, text: str) -> Path:
    """A page of HTML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!doctype html><title>a page</title><p>{text}", encoding="utf-8")
    return path


def write_losses(losses: Path, benchmarks: Path, corpus: str) -> None:
    """Losses of four models on every document, and their benchmarks: better models lose less where there is a `the`."""
    documents = [row for table in formats.corpus_tables(corpus, ["id", "text"]) for row in table.to_pylist()]
    rows = [["id", "a", "b", "c", "d"]]
    for row in documents:
        side = -0.1 if "the" in row["text"] else 0.1
        rows.append(
            [row["id"], *(f"{2 + side * place + len(row['text']) % (5 + place) / 40:.4f}" for place in range(4))]
        )
    losses.write_text("".join(",".join(row) + "\n" for row in rows))
    benchmarks.write_text("model,sums,words\na,0.1,0.3\nb,0.2,0.4\nc,0.3,0.2\nd,0.6,0.8\n")


def write_records(path: Path, texts: Sequence[str], **fields: object) -> Path:
    """A JSON Lines file for `ingest`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = ({"text": text, "number": i, **fields} for i, text in enumerate(texts))
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path
