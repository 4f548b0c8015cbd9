"""Write a corpus as files for other tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from curate.stage import InputShard, Load, Stage, StageConfig

_MARKS = {"\\n": "\n", "\\t": "\t", "\\f": "\f", "\\0": "\0"}


def split(value: Any) -> Any:
    """Names given apart or with commas between them."""
    if isinstance(value, str):
        value = [value]
    return [name.strip() for item in value for name in item.split(",")] if isinstance(value, list | tuple) else value


class ExportConfig(StageConfig):
    """Write the documents as JSON Lines, Parquet or plain text, a file for each shard's worth of text."""

    format: Literal["jsonl.zst", "jsonl.gz", "jsonl", "parquet", "text"] = Field(
        "jsonl.zst", description="What to write."
    )
    columns: Annotated[list[str], BeforeValidator(split)] = Field(
        ["id", "text", "source", "url", "date", "meta"],
        min_length=1,
        description="Columns to write, of any layer, in this order, with commas between them; `meta` becomes a nested "
        "object in JSON. Plain text has the text alone.",
    )
    separator: str = Field(
        "\n\n", description="What ends each document in plain text; \\n, \\t, \\f and \\0 are understood."
    )

    @field_validator("columns")
    @classmethod
    def _once(cls, columns: list[str]) -> list[str]:
        for name in columns:
            if not name:
                raise ValueError("a column's name is empty; write --columns id,text")
            if columns.count(name) > 1:
                raise ValueError(f"column '{name}' is named twice; name it once")
        return columns

    @field_validator("separator")
    @classmethod
    def _marks(cls, separator: str) -> str:
        for written, mark in _MARKS.items():
            separator = separator.replace(written, mark)
        return separator

    @model_validator(mode="after")
    def _together(self) -> ExportConfig:
        fields = type(self).model_fields
        if self.format == "text" and self.columns != fields["columns"].default:
            raise ValueError("plain text holds the text alone; leave columns out, or choose another format")
        if self.format != "text" and self.separator != fields["separator"].default:
            raise ValueError("separator is for plain text; leave it out, or choose format text")
        return self


def needs(config: ExportConfig) -> tuple[str, ...]:
    return ("text",) if config.format == "text" else tuple(config.columns)


def slices(inputs: list[InputShard], config: ExportConfig, shard_bytes: int) -> list[dict]:
    from curate.algorithms.runs import runs

    return runs(inputs, shard_bytes)


def suffix(config: ExportConfig) -> str:
    return ".txt" if config.format == "text" else f".{config.format}"


def apply(tables: Iterator, path: str, prepared, config: ExportConfig) -> int:
    from curate.algorithms import export

    if config.format == "text":
        return export.write_text(tables, path, config.separator)
    if config.format == "parquet":
        return export.write_parquet(tables, path, config.columns)
    return export.write_json(tables, path, config.columns, config.format)


def memory(load: Load, config: ExportConfig) -> int:
    """A shard's columns, and once more what is written of its largest documents: the text of a page, in Parquet."""
    return load.reading + (4 * load.longest if config.format == "parquet" else load.longest)


STAGE = Stage(
    name="export",
    revision=1,
    config=ExportConfig,
    takes="corpus",
    makes="files",
    needs=needs,
    slices=slices,
    suffix=suffix,
    apply=apply,
    memory=memory,
)
