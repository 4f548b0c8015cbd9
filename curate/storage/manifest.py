"""A layer's manifest: the one file whose appearance makes a generation the layer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import DataError
from curate.storage import files
from curate.storage.schema import FORMAT

NAME = "manifest.json"
LIST_LIMIT = 10_000


@dataclass(frozen=True)
class ShardEntry:
    """One shard: its rows, the bytes and estimated tokens of its text (0 in a layer), its digest and its cause."""

    name: str
    rows: int
    bytes: int
    tokens: int
    digest: str
    cause: str


@dataclass(frozen=True)
class Manifest:
    """What a layer is and what it was made from.

    inputs: content digest of each layer read, by layer name, or by `NAME/LAYER` for those of other corpora.
    sources: what was brought in, relative to the corpus, so that other sources are noticed.
    ledger: in, out, removed (by reason), quarantined, repeats, counts.
    indexed: whether each shard has an index.
    """

    layer: str
    stage: str
    revision: int
    fingerprint: str
    generation: str
    columns: list[list[str]]
    shards: list[ShardEntry]
    ledger: dict[str, Any]
    options: dict[str, Any]
    inputs: dict[str, str]
    sources: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    carried: bool = False
    indexed: bool = False
    format: int = FORMAT

    @property
    def content(self) -> str:
        """Digest of columns and values: equal contents, equal digests, whatever made them."""
        total = hashlib.sha256(json.dumps(self.columns).encode())
        for shard in self.shards:
            total.update(f"{shard.name} {shard.rows} {shard.digest}\n".encode())
        return total.hexdigest()[:32]

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)

    @property
    def bytes(self) -> int:
        return sum(shard.bytes for shard in self.shards)

    @property
    def tokens(self) -> int:
        return sum(shard.tokens for shard in self.shards)

    @property
    def column_names(self) -> list[str]:
        return [name for name, _ in self.columns]


def write(folder: Path, manifest: Manifest) -> None:
    """Replace a layer's manifest. Over 10,000 shards their list goes to a Parquet file of that generation."""
    value = asdict(manifest)
    if len(manifest.shards) > LIST_LIMIT:
        path = folder / manifest.generation / "shards.parquet"
        with files.replacing(path) as aside:
            pq.write_table(pa.Table.from_pylist(value["shards"]), aside)
        value["shards"] = f"{manifest.generation}/shards.parquet"
    files.write_json(folder / NAME, value)
    files.sync(folder)


def read(folder: Path) -> Manifest | None:
    """The layer's manifest, None where there is none. Raises DataError for a file that is not one."""
    path = folder / NAME
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as problem:
        raise DataError(f"{path}: not a manifest ({problem}); delete the layer's folder and make it again") from None
    found = value.get("format") if isinstance(value, dict) else None
    if found != FORMAT:
        raise DataError(f"{path}: format {found!r}, but this version reads {FORMAT}; make it again")
    if isinstance(value["shards"], str):
        value["shards"] = pq.read_table(folder / value["shards"]).to_pylist()
    value["shards"] = [ShardEntry(**entry) for entry in value["shards"]]
    return Manifest(**value)
