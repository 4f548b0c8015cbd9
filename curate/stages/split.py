"""Deal documents out to parts, such as to train on, to validate and to test."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from curate.stage import Census, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

_SIZE = re.compile(r"(\d[\d_,]*(?:\.\d+)?)([kMBG%]?)")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9, "G": 10**9}


def _parts(value: Any) -> Any:
    """A list of NAME=SIZE, or a mapping, as a mapping to numbers, shares and `rest`."""
    if isinstance(value, dict):
        return {name: _size(size) if isinstance(size, str) else size for name, size in value.items()}
    if not isinstance(value, list | tuple):
        return value
    found: dict[str, Any] = {}
    for item in value:
        name, mark, size = str(item).partition("=")
        if not (mark and name.strip()):
            raise ValueError(f"'{item}' is not NAME=SIZE, such as test=10k, test=1% or train=rest")
        if name.strip() in found:
            raise ValueError(f"'{name.strip()}' has two sizes; give it one")
        found[name.strip()] = size
    return {name: _size(size) for name, size in found.items()}


def _size(text: str) -> int | float | str:
    match = _SIZE.fullmatch(text.strip())
    if text.strip() == "rest" or match is None:
        return text.strip()
    number = re.sub("[_,]", "", match[1])
    if match[2] == "%":
        return float(number) / 100
    return round(float(number) * _UNITS[match[2]]) if match[2] or "." not in number else float(number)


Count = Annotated[int, Field(ge=1, strict=True)]
Part = Annotated[float, Field(gt=0, lt=1, strict=True)]
Parts = Annotated[
    dict[str, Count | Part | Annotated[str, Field(pattern="^rest$")]],
    BeforeValidator(_parts),
]


class SplitConfig(StageConfig):
    """Deal documents out at random to parts of exact sizes, such as to train on, to validate and to test.

    split: the name of a document's part, null for what is in none.
    """

    parts: Parts = Field(
        min_length=1,
        description="The parts as NAME=SIZE: a number of documents (500, 10k, 1M), a share (1%), or rest for what the "
        "others leave, such as validation=500 test=10k train=rest.",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Another seed deals otherwise.")

    @model_validator(mode="after")
    def _one_rest(self) -> SplitConfig:
        if list(self.parts.values()).count("rest") > 1:
            raise ValueError("only one part can be the rest")
        return self


def needs(config: SplitConfig) -> tuple[str, ...]:
    return ("id",)


def adds(config: SplitConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("split", pa.string())])


def survey(table: pa.Table, mine: None, config: SplitConfig) -> pa.Table:
    import pyarrow as pa

    from curate.algorithms import split

    return pa.table({"hash": split.hashes(table["id"], config.seed)})


def settle(tables: Iterable[pa.Table], config: SplitConfig) -> Settled:
    """The bounds of the parts: 16 bytes a document."""
    from curate.algorithms import split

    return Settled(split.bounds(tables, config.parts))


def apply(table: pa.Table, mine: None, model: pa.Table, config: SplitConfig) -> pa.Table:
    import pyarrow as pa

    from curate.algorithms import split

    return pa.table({"split": split.dealt(split.hashes(table["id"], config.seed), model)})


def report(model: pa.Table, summary: None, config: SplitConfig) -> list[str]:
    from curate.algorithms import split

    return split.report_lines(model)


def memory(load: Load, config: SplitConfig) -> int:
    """A shard's ids and 100 bytes a document; for the settling 24 bytes a document."""
    return (96 << 20) + 24 * load.rows if load.kind == "settle" else load.reading + 100 * load.rows


STAGE = Stage(
    name="split",
    revision=1,
    config=SplitConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle=settle),),
    apply=apply,
    report=report,
    memory=memory,
)
