"""Gather real text that every Python machine already has, as JSONL.zst.

    python scripts/gather.py OUT_DIR [--max-bytes 40000000]

Reads the standard library and every installed package: docstrings (one document a module, by `ast`,
nothing is imported), descriptions from package metadata, licences, and the .md, .rst and .txt files
that packages bring. Writes OUT_DIR/<kind>-NN.jsonl.zst of about 8 MB each before compression, whose
records have `text`, `source` (the package, or "python"), `kind` (docstring, readme, license or doc),
`path`, and `url` where the metadata names a home page. The same packages give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

import zstandard

SMALLEST = 200
LARGEST = 20_000
FILE_BYTES = 8_000_000
SHARES = {"readme": 0.125, "license": 0.125, "doc": 0.125, "docstring": 1.0}
"""The share of what is left of --max-bytes that a kind may take, in this order."""

NOT_TEXT = {"__pycache__", "site-packages", "test", "tests"}
LICENSE_NAME = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
NOT_PROSE_NAME = re.compile(r"requirements|entry_points|top_level|sources|namespace_packages|cmakelists|record")
DOCSTRING = re.compile(rb"^[ \t]*[rRuU]?(\"\"\"|''')", re.MULTILINE)


class Package(NamedTuple):
    """An installed package: its files as (path to show, path on disk), in order."""

    name: str
    files: list[tuple[str, str]]
    description: str
    url: str | None


def main() -> None:
    """Gather, write, and print what there is."""
    parser = argparse.ArgumentParser(description="Gather real text that every Python machine already has.")
    parser.add_argument("out_dir", type=Path, help="Folder for the JSONL.zst files; its earlier ones are replaced.")
    parser.add_argument("--max-bytes", type=int, default=40_000_000, help="At most about this much text (%(default)s).")
    options = parser.parse_args()
    options.out_dir.mkdir(parents=True, exist_ok=True)
    packages = [standard_library(), *installed()]
    kinds = {"readme": readmes, "license": licenses, "doc": docs, "docstring": docstrings}
    left = options.max_bytes
    print(f"{'kind':<10} {'documents':>10} {'MB':>8} {'packages':>9}")
    for kind, share in SHARES.items():
        documents = limited(kinds[kind](packages), int(left * share))
        count, size, sources = write(options.out_dir, kind, documents)
        left -= size
        print(f"{kind:<10} {count:>10,} {size / 1e6:>8.1f} {sources:>9}")
    print(f"{(options.max_bytes - left) / 1e6:.1f} MB of text in {options.out_dir}")


def standard_library() -> Package:
    """Python itself."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = []
    for folder, below, names in os.walk(root):
        below[:] = sorted(set(below) - NOT_TEXT)
        files += [(str(Path(folder, name).relative_to(root)), str(Path(folder, name))) for name in names]
    return Package("python", sorted(files), "", "https://www.python.org/")


def installed() -> list[Package]:
    """Every installed distribution but this project, by name."""
    found = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name and name != "curate":
            found.setdefault(name.lower(), package(name.lower(), distribution))
    return [found[name] for name in sorted(found)]


def package(name: str, distribution: Distribution) -> Package:
    """What one distribution brings, by its record of installed files."""
    metadata = distribution.metadata
    description = metadata.get_payload()  # type: ignore[attr-defined]
    paths = [path for path in distribution.files or () if path.parts[0] != ".." and not NOT_TEXT & set(path.parts)]
    files = sorted((str(path), str(distribution.locate_file(path))) for path in paths)
    return Package(name, files, description or metadata["Description"] or "", home_page(distribution))


def home_page(distribution: Distribution) -> str | None:
    """The address a package's metadata gives for itself, the home page before others."""
    fields = distribution.metadata
    addresses = [fields["Home-page"] or ""]
    labelled = sorted(value.split(",", 1) for value in fields.get_all("Project-URL") or () if "," in value)
    for wanted in ("home", "repo", "source", "doc", ""):
        addresses += [address.strip() for label, address in labelled if wanted in label.lower()]
    return next((address for address in addresses if address.startswith("http")), None)


def readmes(packages: list[Package]) -> Iterator[dict]:
    """The long description of every package."""
    for each in packages:
        yield from documents(each, "readme", "METADATA", paragraphs(each.description))


def licenses(packages: list[Package]) -> Iterator[dict]:
    """Files with a licence's name."""
    for each in packages:
        for shown, path in each.files:
            name = Path(shown)
            if LICENSE_NAME.match(name.stem) and name.suffix.lower() in ("", ".txt", ".md", ".rst", ".apache", ".bsd"):
                yield from documents(each, "license", shown, paragraphs(read(path)))


def docs(packages: list[Package]) -> Iterator[dict]:
    """Prose in .md, .rst and .txt files, and the topics of Python's own help."""
    for each in packages:
        for shown, path in each.files:
            name = Path(shown)
            if name.suffix.lower() in (".md", ".rst", ".txt"):
                if LICENSE_NAME.match(name.stem) or NOT_PROSE_NAME.match(name.name.lower()):
                    continue
                text = read(path)
                if is_prose(text):
                    yield from documents(each, "doc", shown, paragraphs(text))
            elif shown == "pydoc_data/topics.py":
                for topic, text in help_topics(read(path)):
                    yield from documents(each, "doc", f"{shown}:{topic}", paragraphs(text))


def docstrings(packages: list[Package]) -> Iterator[dict]:
    """The docstrings of every module, each under its name."""
    modules = [(each, shown, path) for each in packages for shown, path in each.files if shown.endswith(".py")]
    with ProcessPoolExecutor() as pool:
        try:
            found = pool.map(module_docstrings, [path for _, _, path in modules], chunksize=16)
            for (each, shown, _), pieces in zip(modules, found, strict=True):
                module = shown.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                yield from documents(each, "docstring", shown, packed([module, *pieces]) if pieces else [])
        finally:
            pool.shutdown(cancel_futures=True)


def module_docstrings(path: str) -> list[str]:
    """Docstrings of a module, its classes and their methods and functions, in order, each under its name."""
    source = Path(path).read_bytes() if Path(path).is_file() else b""
    if not DOCSTRING.search(source):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(_docstrings(ast.parse(source), ""))
        except (SyntaxError, ValueError):
            return []


def _docstrings(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    if isinstance(node, ast.Module) and (text := ast.get_docstring(node)):
        yield text
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{prefix}{child.name}"
            if text := ast.get_docstring(child):
                yield f"{name}\n\n{text}"
            if isinstance(child, ast.ClassDef):
                yield from _docstrings(child, f"{name}.")


def help_topics(source: str) -> Iterator[tuple[str, str]]:
    """The pages of `help()` in a module whose one statement is topics = {...}."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            yield from sorted(ast.literal_eval(node.value).items())


def is_prose(text: str) -> bool:
    """Whether a text file is for reading and not a table, a list of words or of numbers."""
    letters = sum(map(str.isalpha, text[:LARGEST]))
    words = text[:LARGEST].split()
    return len(words) > 30 and letters > 0.6 * min(len(text), LARGEST) and 3 < letters / len(words) < 9


def read(path: str) -> str:
    """A file as text, empty when there is none or it is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def paragraphs(text: str) -> list[str]:
    """A text, or, of a long one, pieces of whole paragraphs."""
    return [text] if len(text) <= LARGEST else packed(re.split(r"\n\s*\n", text))


def packed(pieces: Iterable[str]) -> list[str]:
    """Pieces joined, with empty lines between them, to texts of at most LARGEST characters where that can be."""
    texts: list[str] = []
    for piece in pieces:
        if texts and len(texts[-1]) + 2 + len(piece) <= LARGEST:
            texts[-1] += f"\n\n{piece}"
        else:
            texts.append(piece)
    return texts


def documents(package: Package, kind: str, path: str, texts: list[str]) -> Iterator[dict]:
    """Records of the texts that are long enough; the path of the second and later ones ends in their number."""
    for number, text in enumerate(texts):
        text = inspect.cleandoc(text).strip()
        if len(text.encode("utf-8", "ignore")) >= SMALLEST:
            record = {
                "text": text,
                "source": package.name,
                "kind": kind,
                "path": path + (f"#{number}" if number else ""),
            }
            yield record | ({"url": package.url} if package.url else {})


def limited(records: Iterator[dict], limit: int) -> Iterator[dict]:
    """Records until their texts are `limit` bytes."""
    for record in records:
        limit -= len(record["text"].encode("utf-8", "replace"))
        if limit < 0:
            return
        yield record


def write(folder: Path, kind: str, records: Iterator[dict]) -> tuple[int, int, int]:
    """Write one kind's files in place of earlier ones; gives documents, bytes of text and packages."""
    for old in folder.glob(f"{kind}-*.jsonl.zst"):
        old.unlink()
    count = size = file_bytes = number = 0
    sources: set[str] = set()
    lines: list[bytes] = []
    for record in records:
        lines.append(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        file_bytes += len(lines[-1])
        count += 1
        size += len(record["text"].encode("utf-8", "replace"))
        sources.add(record["source"])
        if file_bytes >= FILE_BYTES:
            write_file(folder / f"{kind}-{number:02d}.jsonl.zst", lines)
            lines, file_bytes, number = [], 0, number + 1
    if lines:
        write_file(folder / f"{kind}-{number:02d}.jsonl.zst", lines)
    return count, size, len(sources)


def write_file(path: Path, lines: list[bytes]) -> None:
    """Write lines as one zstd frame."""
    path.write_bytes(zstandard.ZstdCompressor(level=3).compress(b"".join(lines)))


if __name__ == "__main__":
    main()
