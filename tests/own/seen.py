"""A stage of the tests that looks into corpora beside its input: an index, and of their texts only the candidates."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from curate.stage import Against, Alarm, Census, Indexed, OldCorpus, Settled, Stage, StageConfig, Tables

LETTERS = 2


class SeenConfig(StageConfig):
    """Name the first document that begins with the same characters, of old corpora before one's own."""

    characters: int = Field(20, ge=LETTERS, description="How much of the beginning is compared.")
    against: list[OldCorpus] = Field([], description="Corpora to look into first.")
    index: bool = Field(True, description="Keep the marks for later corpora.")
    most: Annotated[int, Alarm] = Field(1000, ge=0, description="So many documents that were seen are accepted.")


def adds(config: SeenConfig):
    import pyarrow as pa

    return pa.schema([("seen", pa.string()), ("seen_corpus", pa.string())])


# --- who shares a mark ----------------------------------------------------------------------------


def survey_marks(table, mine, config: SeenConfig) -> Iterator:
    """A mark is of so few letters that what shares one need not begin alike."""
    import pyarrow as pa

    marks = [zlib.crc32(text[:LETTERS].encode()) for text in table["text"].to_pylist()]
    marked = table.select(["shard", "row"]).append_column("mark", pa.array(marks, pa.uint32()))
    if config.index:
        yield Indexed(marked.select(["row", "mark"]))
    yield marked.append_column("part", marked["mark"])


def survey_old_marks(table, mine, config: SeenConfig):
    return table.select(["shard", "row", "mark"]).append_column("part", table["mark"])


def link_marks(tables: Tables, part: int, config: SeenConfig):
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = pc.value_counts(
        pa.chunked_array([chunk for table in tables.only("mark") for chunk in table["mark"].chunks])
    )
    shared = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    table = pa.concat_tables(tables)
    return table.filter(pc.is_in(table["mark"], shared))


def settle_marks(tables: Iterator, config: SeenConfig) -> Settled:
    import pyarrow as pa

    return Settled(pa.table({"settled": [True]}), tables)


# --- who begins alike -----------------------------------------------------------------------------


def survey_texts(table, mine, config: SeenConfig):
    import pyarrow as pa

    begins = [text[: config.characters] for text in table["text"].to_pylist()]
    marks = pa.array([zlib.crc32(text.encode()) for text in begins], pa.uint32())
    there = table.select(["shard", "row", "id"]).append_column("begins", pa.array(begins, pa.large_string()))
    return there.append_column("corpus", pa.nulls(len(marks), pa.string())).append_column("part", marks)


def survey_old_texts(table, mine, config: SeenConfig):
    """Of several old ones that begin alike one alone was not seen before it."""
    import pyarrow.compute as pc

    first = table.filter(pc.is_null(table["seen"]))
    there = survey_texts(first, mine, config)
    return there.set_column(4, "corpus", first["corpus"].cast("string"))


def link_texts(tables: Tables, part: int, config: SeenConfig):
    import pyarrow as pa

    rows, first = [], {}
    for row in (row for table in tables for row in table.to_pylist()):
        found = first.setdefault(row["begins"], row)
        if row["corpus"] is None and found is not row:
            rows.append({"shard": row["shard"], "row": row["row"], "of": found["id"], "of_corpus": found["corpus"]})
    kinds = [("shard", pa.int32()), ("row", pa.int64()), ("of", pa.string()), ("of_corpus", pa.string())]
    return pa.Table.from_pylist(rows, pa.schema(kinds))


def settle_texts(tables: Iterator, config: SeenConfig) -> Settled:
    return Settled(None, tables)


def apply(table, mine, prepared, config: SeenConfig):
    import pyarrow as pa

    found = {
        row: (of, corpus)
        for row, of, corpus in zip(*(mine[name].to_pylist() for name in ("row", "of", "of_corpus")), strict=True)
    }
    rows = [found.get(row, (None, None)) for row in table["row"].to_pylist()]
    return pa.Table.from_arrays([pa.array([row[i] for row in rows], pa.string()) for i in (0, 1)], schema=adds(config))


# --- what may be accepted -------------------------------------------------------------------------


def survey_seen(table, mine, config: SeenConfig):
    import pyarrow as pa

    return pa.table({"seen": [len(table) - table["seen"].null_count]})


def settle_seen(tables: Iterator, config: SeenConfig) -> Settled:
    import pyarrow as pa

    return Settled(pa.table({"seen": [sum(sum(table["seen"].to_pylist()) for table in tables)]}))


def alarm(summary, config: SeenConfig) -> None:
    from curate.errors import DataError

    if (count := summary["seen"].to_pylist()[0]) > config.most:
        raise DataError(f"{count} documents were seen before, more than --most {config.most}; raise --most to accept")


STAGE = Stage(
    name="seen",
    revision=1,
    config=SeenConfig,
    adds=adds,
    before=(
        Census(
            survey_marks,
            settle=settle_marks,
            link=link_marks,
            needs=lambda config: ("text",),
            indexed=lambda config: config.index,
            against=Against(survey_old_marks, lambda config: ("mark",), indexed=("mark",), same=("characters",)),
        ),
        Census(
            survey_texts,
            settle=settle_texts,
            link=link_texts,
            needs=lambda config: ("id", "text"),
            only_mine=True,
            against=Against(survey_old_texts, lambda config: ("id", "text", "seen")),
        ),
    ),
    apply=apply,
    after=Census(survey_seen, settle=settle_seen, needs=lambda config: ("seen",)),
    alarm=alarm,
)
