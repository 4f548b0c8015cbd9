"""A corpus: a folder of layers over the same rows. The only file that knows the layout."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from curate.errors import DataError, UsageError
from curate.storage import files, manifest
from curate.storage.manifest import Manifest, ShardEntry

DOCUMENTS = "documents"


class Generation:
    """One making of a layer: where its parts lie. Nothing needs to exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def shard(self, name: str) -> Path:
        return self.folder / "shards" / f"{name}.parquet"

    def mark(self, name: str) -> Path:
        """What stands for a shard when the shard itself is a file sent out."""
        return self.folder / "shards" / f"{name}.json"

    def rejects(self, name: str) -> Path:
        return self.folder / "rejects" / f"{name}.parquet"

    def spans(self, name: str) -> Path:
        return self.folder / "spans" / f"{name}.parquet"

    def index(self, name: str) -> Path:
        return self.folder / "index" / f"{name}.parquet"

    @property
    def model(self) -> Path:
        return self.folder / "model.parquet"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.parquet"

    def work(self, name: str) -> Path:
        return self.folder / "work" / name

    def record(self, name: str) -> Path:
        return self.folder / "record" / name

    def shard_names(self) -> list[str]:
        """Names of the finished shards, in the order of their numbers, which may outgrow their width."""
        names = [path.stem for path in (self.folder / "shards").glob("[!.]*.parquet")]
        return sorted(names, key=lambda name: [part.zfill(12) for part in name.split("-")])


def generations(layer: Path) -> list[Path]:
    """The folders of a layer that are generations; others are somebody else's."""
    return [path for path in sorted(layer.glob("*/")) if re.fullmatch(r"[0-9a-f]{12}", path.name)]


def named(values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`FOLDER` or `NAME=FOLDER` as (name, folder). Raises UsageError when two share a name."""
    found: list[tuple[str, str]] = []
    for value in values:
        name, mark, path = value.partition("=")
        if not mark or os.sep in name or os.path.exists(value):
            name, path = os.path.basename(os.path.abspath(value)), value
        if not name or "#" in name or "/" in name:
            raise UsageError(f"corpus '{value}': '{name}' cannot be its name, which goes into ids; write NAME={path}")
        if name in (other for other, _ in found):
            raise UsageError(f"corpus '{value}': two are called '{name}'; name one by NAME={path}")
        found.append((name, path))
    return tuple(found)


def is_corpus(path: str | os.PathLike[str]) -> bool:
    """Whether a finished corpus is there."""
    return os.path.isdir(path) and manifest.read(Path(path) / DOCUMENTS) is not None


def layer_model(path: str | os.PathLike[str]) -> Path | None:
    """The model of the layer whose folder this is; None for anything else, and for a layer without one."""
    try:
        found = manifest.read(Path(path))
    except DataError:
        return None
    model = Generation(Path(path) / found.generation).model if found else None
    return model if model and model.exists() else None


class Corpus:
    """A folder of layers. Opening one checks only that the path can be a corpus."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if "://" in os.fspath(path):
            raise UsageError(f"corpus '{os.fspath(path)}': only local folders are supported")
        self.path = Path(os.path.abspath(os.path.expanduser(path)))

    def __repr__(self) -> str:
        return f"Corpus({str(self.path)!r})"

    def folder(self, layer: str) -> Path:
        return self.path / layer

    def generation(self, layer: str, name: str) -> Generation:
        return Generation(self.folder(layer) / name)

    def manifest(self, layer: str) -> Manifest | None:
        return manifest.read(self.folder(layer))

    def current(self, layer: str) -> Generation:
        """The generation that the layer's manifest names."""
        return self.generation(layer, self.must(layer).generation)

    def documents(self) -> Manifest:
        """The manifest of the text. Raises UsageError where there is no finished corpus."""
        found = self.manifest(DOCUMENTS)
        if found is None:
            raise UsageError(f"{self.path}: {self._instead()}")
        return found

    def _instead(self) -> str:
        """What is there in place of a finished corpus, and the next step."""
        path = shlex.quote(str(self.path))
        if self.path.is_file():
            return f"a file, not a corpus; `curate ingest {path} --to FOLDER` makes one of it"
        if self.folder(DOCUMENTS).exists():
            return "an unfinished corpus; run the command that makes it again"
        if (self.path / manifest.NAME).exists():
            if (self.path.parent / DOCUMENTS).exists():
                return f"a layer, not a corpus; name its corpus, {self.path.parent}"
            return "exported files, not a corpus; name the corpus that they came from"
        if inside := sorted(found.parent.parent.name for found in self.path.glob(f"*/{DOCUMENTS}/{manifest.NAME}")):
            return f"a folder of corpora, not a corpus; name one of: {', '.join(inside)}"
        return f"no corpus there; `curate ingest SOURCE... --to {path}` makes one"

    def must(self, layer: str) -> Manifest:
        """The manifest of a layer. Raises UsageError naming the layers there are."""
        found = self.documents() if layer == DOCUMENTS else self.manifest(layer)
        if found is None:
            raise UsageError(f"{self.path}: no layer '{layer}'; there are: {', '.join(self.layers())}")
        return found

    def layers(self) -> list[str]:
        """Names of the finished layers, documents first."""
        names = sorted(path.parent.name for path in self.path.glob(f"*/{manifest.NAME}"))
        return sorted(names, key=lambda name: name != DOCUMENTS)

    def stale(self, layer: str) -> str | None:
        """Why a layer no longer fits what it was made from; None when it fits."""
        found = self.must(layer)
        for name, content in found.inputs.items():
            if "/" in name:
                continue
            other = self.manifest(name)
            if other is None:
                return f"it was made from layer '{name}', which is gone"
            if other.content != content:
                return f"layer '{name}' has changed since"
            if name != DOCUMENTS and (why := self.stale(name)):
                return f"layer '{name}' is stale: {why}"
        return None

    def owner(self, column: str) -> str | None:
        """The layer that holds a column."""
        return self.columns().get(column)

    def columns(self) -> dict[str, str]:
        """Every column and the layer that holds it, documents first."""
        return {name: layer for layer in self.layers() for name in self.must(layer).column_names}

    def entries(self) -> list[ShardEntry]:
        return self.documents().shards

    def unused(self, only: Path | None = None) -> Iterator[Path]:
        """Generations that no manifest names, and files that dead writers left aside, in all folders or only one."""
        for layer in [only] if only else sorted(path for path in self.path.glob("*/") if path.is_dir()):
            found = manifest.read(layer)
            current = found.generation if found else None
            found_here = generations(layer)
            yield from (path for path in found_here if path.name != current)
            yield from sorted(layer.glob(f"{files.TEMPORARY}*")) if found_here else ()
            if current:
                yield from sorted((layer / current).rglob(f"{files.TEMPORARY}*"))
                if (layer / current / "work").exists():
                    yield layer / current / "work"
