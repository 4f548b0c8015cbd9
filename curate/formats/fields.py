"""Which fields of a record go to which columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import UsageError
from curate.kernels import arrow
from curate.kernels import fields as kernels

MOST_PATHS = 64

TYPES: dict[str, tuple[int, pa.DataType]] = {
    "text": (kernels.TEXT, pa.large_string()),
    "string": (kernels.ANY_STRING, pa.string()),
    "int64": (kernels.INT64, pa.int64()),
    "float64": (kernels.FLOAT64, pa.float64()),
    "bool": (kernels.BOOL, pa.bool_()),
    "timestamp": (kernels.TIMESTAMP, pa.timestamp("us", tz="UTC")),
}


@dataclass(frozen=True)
class Column:
    """A column to fill: from `fields`, such as `text,question+answer`, as a type of TYPES.

    The names between commas are tried in order, and the first that is there and not null is taken; names
    joined by + are taken together, with a blank line between them. A name with dots is a path into
    nested objects, unless a field is called just so.
    """

    name: str
    fields: str
    type: str

    @property
    def alternatives(self) -> list[list[str]]:
        """The names of the parts of each alternative. Raises UsageError for an empty or repeated name."""
        found = [[name.strip() for name in part.split("+")] for part in self.fields.split(",")]
        for names in found:
            if "" in names:
                raise UsageError(
                    f"fields of {self.name} '{self.fields}': a name is empty; write them as text,question+answer"
                )
            if len(set(names)) < len(names):
                raise UsageError(f"fields of {self.name} '{self.fields}': a name is joined to itself; name each once")
        return found


@dataclass(frozen=True)
class Fields:
    """The columns wanted: the text first, then the id if `given_id`, then any others."""

    columns: tuple[Column, ...]
    given_id: bool = False

    @cached_property
    def names(self) -> list[str]:
        """Every field that some column may be filled from, each once: the slots."""
        return list(dict.fromkeys(name for column in self.columns for part in column.alternatives for name in part))

    @cached_property
    def wanted(self) -> kernels.Wanted:
        """The same as arrays, for kernels. Raises UsageError when there are more than MOST_PATHS paths."""
        paths = [(slot, 0, [name]) for slot, name in enumerate(self.names)]
        paths += [(slot, 1, name.split(".")) for slot, name in enumerate(self.names) if "." in name]
        if len(paths) > MOST_PATHS:
            raise UsageError(
                f"{len(paths)} fields are named, a name with dots counting twice; at most {MOST_PATHS} can be"
            )
        parts = [part.encode() for _, _, way in paths for part in way]
        alternatives = [column.alternatives for column in self.columns]
        return kernels.Wanted(
            keys=np.frombuffer(b"".join(parts) + b" ", dtype=np.uint8).copy(),
            key_offsets=_offsets(len(part) for part in parts),
            first=_offsets(len(way) for _, _, way in paths),
            slot=np.array([slot for slot, _, _ in paths], dtype=np.int64),
            rank=np.array([rank for _, rank, _ in paths], dtype=np.int64),
            alternative_first=_offsets(len(found) for found in alternatives),
            part_first=_offsets(len(names) for found in alternatives for names in found),
            part_slot=np.array(
                [self.names.index(n) for found in alternatives for ns in found for n in ns], dtype=np.int64
            ),
            types=np.array([TYPES[column.type][0] for column in self.columns], dtype=np.int64),
            id_column=1 if self.given_id else -1,
        )

    def slots(self) -> kernels.Slots:
        """Room for the places of one record's fields."""
        return kernels.Slots(*(np.zeros(len(self.names), dtype=np.int64) for _ in range(4)))


def text_only(text_field: str) -> Fields:
    """Just the text."""
    return Fields((Column("text", text_field, "text"),))


def typed(column: Column, values: arrow.Strings, valid: np.ndarray) -> pa.Array:
    """Texts that a kernel found fit, as an array of the column's type; what is not valid is null."""
    kind = TYPES[column.type][1]
    if column.type == "timestamp":
        micros = np.empty(len(values), dtype=np.int64)
        kernels.timestamps(values.offsets, values.data, micros)
        return pa.array(micros, mask=~valid).cast(kind)
    texts = arrow.string_array(values.offsets, values.data, valid)
    if column.type == "bool":
        texts = pc.utf8_lower(texts)
    return texts if column.type == "text" else texts.cast(kind)


def _offsets(lengths) -> np.ndarray:
    return np.cumsum([0, *lengths], dtype=np.int64)
