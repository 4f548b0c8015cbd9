"""The statistics that quality rules decide on: one pass, every one a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate.stage import Load, Options, Stage

if TYPE_CHECKING:
    import pyarrow as pa


class RulesConfig(Options):
    """Count what the rules of Gopher, C4 and FineWeb decide on, and more: lengths, repetition, kinds of characters.

    Every column is a function of the text alone. `verdict` decides by them, so that a threshold is changed
    without reading a text again.
    """


def needs(config: RulesConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: RulesConfig) -> pa.Schema:
    from curate.algorithms import rule_columns

    return rule_columns.schema()


def apply(table: pa.Table, mine: None, prepared: None, config: RulesConfig) -> pa.Table:
    from curate.algorithms import rules

    return rules.measure(table["text"])


def memory(load: Load, config: RulesConfig) -> int:
    """A shard's text, 32 MiB, 1.2 KiB a row, and scratch for the longest document: its bytes again, and 64 for each
    word, line and paragraph of it, 370 MiB at most."""
    longest = min(load.longest, load.bytes)
    return load.reading + (32 << 20) + 1200 * load.rows + longest + min(64 * longest, 370 << 20)


STAGE = Stage(name="rules", revision=2, config=RulesConfig, needs=needs, adds=adds, apply=apply, memory=memory)
