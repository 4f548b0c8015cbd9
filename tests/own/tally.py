"""A stage of the tests that uses the whole contract: censuses sampled and routed, rows, `prepare`, `after`, rejects."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from curate.stage import Alarm, Applied, Census, Settled, Stage, StageConfig


class TallyConfig(StageConfig):
    """Count the words of each text that few others have."""

    few: int = Field(3, ge=1, description="In how many documents a word is rare.")
    sample: int = Field(40, ge=0, description="Documents from which the usual length is learnt.")
    seed: int = Field(0, ge=0, description="Another seed learns it from others.")
    most: Annotated[int, Alarm] = Field(1000, ge=0, description="So many different counts are accepted.")


def adds(config: TallyConfig):
    import pyarrow as pa

    columns = [("tally", pa.int64()), ("tally_share", pa.float64()), ("tally_pair", pa.list_(pa.float32(), 2))]
    return pa.schema(columns)


def sample(config: TallyConfig) -> int:
    return config.sample


def survey_lengths(table, mine, config: TallyConfig):
    import pyarrow as pa
    import pyarrow.compute as pc

    length = pc.cast(pc.utf8_length(table["text"]), pa.int64())
    return pa.table({"shard": table["shard"], "row": table["row"], "length": length})


def settle_lengths(tables: Iterator, config: TallyConfig) -> Settled:
    import pyarrow as pa

    found = list(tables)
    empty = pa.table({"shard": pa.array([], pa.int32()), "row": pa.array([], pa.int64())})
    empty = empty.append_column("length", pa.array([], pa.int64()))
    return Settled(pa.table({"documents": [sum(table.num_rows for table in found)]}), found or [empty])


def survey_words(table, mine, config: TallyConfig):
    """A row for each distinct word of a document; `length` is that of the sample, or null."""
    import pyarrow as pa

    lengths = dict(zip(mine["row"].to_pylist(), mine["length"].to_pylist(), strict=True)) if mine is not None else {}
    rows = []
    for shard, row, text in zip(*(table[name].to_pylist() for name in ("shard", "row", "text")), strict=True):
        for word in sorted(set(text.split())):
            mark = zlib.crc32(word.encode())
            rows.append({"part": mark, "word": word, "shard": shard, "row": row, "length": lengths.get(row)})
    kinds = [("part", pa.uint32()), ("word", pa.large_string()), ("shard", pa.int32()), ("row", pa.int64())]
    return pa.Table.from_pylist(rows, pa.schema([*kinds, ("length", pa.int64())]))


def link_words(tables: Iterator, part: int, config: TallyConfig):
    import pyarrow as pa

    table = pa.concat_tables(tables)
    words = table["word"].to_pylist()
    counts = Counter(words)
    rare = pa.array([counts[word] <= config.few for word in words], pa.bool_())
    return table.append_column("rare", rare).drop_columns(["word"])


def settle_words(tables: Iterator, config: TallyConfig) -> Settled:
    import pyarrow as pa

    table = pa.concat_tables(tables)
    grouped = table.group_by(["shard", "row"], use_threads=False).aggregate([("rare", "sum"), ("length", "max")])
    rows = grouped.rename_columns(["shard", "row", "rare", "length"])
    sampled = [length for length in rows["length"].to_pylist() if length is not None]
    usual = sum(sampled) / len(sampled) if sampled else 1.0
    return Settled(pa.table({"usual": [usual], "rare": [sum(rows["rare"].to_pylist())]}), [rows])


def prepare(model, config: TallyConfig) -> float:
    return max(model["usual"].to_pylist()[0], 1.0)


def apply(table, mine, prepared: float, config: TallyConfig) -> Applied:
    import pyarrow as pa

    from curate.storage.schema import REJECTS

    rare = dict(zip(mine["row"].to_pylist(), mine["rare"].to_pylist(), strict=True))
    rows, rejects = [], []
    for shard, row, text in zip(*(table[name].to_pylist() for name in ("shard", "row", "text")), strict=True):
        if "POISON" in text:
            rejects.append({"file": str(shard), "position": row, "unit": "row", "reason": "poison", "detail": text[:9]})
            rows.append({})
            continue
        count, size = rare.get(row, 0), len(text)
        rows.append({"tally": count, "tally_share": size / prepared, "tally_pair": [count, size]})
    counts = {"words": sum(row.get("tally", 0) for row in rows)}
    return Applied(pa.Table.from_pylist(rows, adds(config)), pa.Table.from_pylist(rejects, REJECTS), counts=counts)


def survey_after(table, mine, config: TallyConfig):
    return table.select(["tally"])


def settle_after(tables: Iterator, config: TallyConfig) -> Settled:
    import pyarrow as pa

    counts = Counter(value for table in tables for value in table["tally"].to_pylist())
    chosen = sorted((value, count) for value, count in counts.items() if value is not None)
    return Settled(pa.table({"tally": [value for value, _ in chosen], "documents": [count for _, count in chosen]}))


def report(model, summary, config: TallyConfig) -> list[str]:
    return [f"{model['rare'].to_pylist()[0]} rare words, {summary.num_rows} different tallies"]


def alarm(summary, config: TallyConfig) -> None:
    from curate.errors import DataError

    if summary.num_rows > config.most:
        raise DataError(f"{summary.num_rows} different counts, more than --most {config.most}; raise --most to accept")


STAGE = Stage(
    name="tally",
    revision=1,
    config=TallyConfig,
    needs=lambda config: ("text",),
    adds=adds,
    before=(
        Census(survey_lengths, settle=settle_lengths, sample=sample),
        Census(survey_words, settle=settle_words, link=link_words),
    ),
    prepare=prepare,
    apply=apply,
    after=Census(survey_after, settle=settle_after),
    report=report,
    alarm=alarm,
)
