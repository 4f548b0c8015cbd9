"""A corpus as a person or a program reads it: layers joined by position, filtered by SQL over columns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from curate.errors import UsageError, there_are
from curate.runtime.inputs import layer_schema
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus

if TYPE_CHECKING:
    import polars


class Opened:
    """A finished corpus, read only. Layers that no longer fit the text are left out, and refused by `scan`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.corpus = Corpus(path)
        self.corpus.documents()

    def __repr__(self) -> str:
        return f"curate.open({str(self.corpus.path)!r})"

    @property
    def layers(self) -> list[str]:
        """Names of the layers that fit the text, `documents` first."""
        return [layer for layer in self.corpus.layers() if self.corpus.stale(layer) is None]

    @property
    def schema(self) -> pa.Schema:
        """Every column that can be scanned, of all layers."""
        return pa.schema([field for layer in self.layers for field in layer_schema(self.corpus, layer)])

    def __len__(self) -> int:
        return self.corpus.documents().rows

    def scan(self, columns: Sequence[str] | None = None, where: str | None = None) -> Iterator[pa.RecordBatch]:
        """Batches of the joined layers, one shard in memory at a time.

        columns: names in the order wanted, all by default. where: SQL over columns, row by row; a null does not select.
        Raises UsageError for a column that is not there, naming those that are.
        """
        from curate.algorithms import where as expressions

        names = list(columns) if columns is not None else self.schema.names
        extra = expressions.columns(where) if where is not None else []
        owners = self._owners([*names, *extra])
        for entry in self.corpus.entries():
            found: dict[str, pa.ChunkedArray] = {}
            for layer in dict.fromkeys(owners.values()):
                wanted = [name for name, owner in owners.items() if owner == layer]
                path = self.corpus.current(layer).shard(entry.name)
                found.update(zip(wanted, shards.read(path, wanted).columns, strict=True))
            table = pa.table(found)
            if where is not None:
                keep, _ = expressions.mask(table, where)
                table = table.filter(pa.array(keep))
            yield from table.select(names).to_batches()

    def table(self, columns: Sequence[str] | None = None, where: str | None = None) -> pa.Table:
        """All chosen rows at once, as an Arrow table."""
        names = list(columns) if columns is not None else self.schema.names
        self._owners(names)
        schema = pa.schema([self.schema.field(name) for name in names])
        return pa.Table.from_batches([batch.cast(schema) for batch in self.scan(names, where)], schema)

    def frame(self, columns: Sequence[str] | None = None, where: str | None = None) -> polars.DataFrame:
        """All chosen rows at once, as a polars frame."""
        import polars

        frame = polars.from_arrow(self.table(columns, where))
        assert isinstance(frame, polars.DataFrame)
        return frame

    def must(self, columns: Sequence[str]) -> None:
        """Raise UsageError for a column that is not there, naming those that are."""
        self._owners(columns)

    def _owners(self, names: Sequence[str]) -> dict[str, str]:
        there = {name: layer for layer in self.layers for name in self.corpus.must(layer).column_names}
        for name in names:
            if name in there:
                continue
            for layer in self.corpus.layers():
                if name in self.corpus.must(layer).column_names and (why := self.corpus.stale(layer)):
                    raise UsageError(
                        f"{self.corpus.path}: column '{name}' is in layer '{layer}', which is stale: {why}"
                    )
            raise UsageError(f"{self.corpus.path}: no column '{name}'; {there_are(there, name)}")
        return {name: there[name] for name in dict.fromkeys(names)} or {"id": DOCUMENTS}
