"""The language of a document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from curate.stage import Census, Load, ModelPath, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

BUILTIN = "builtin"


class LanguageConfig(StageConfig):
    """Say which language each document is in, as a code of ISO 639, and how sure that is.

    The score is about the share of the text that is in the language, times the probability that it is: low for short
    and for mixed texts. A document without a letter has no language, and the score 0.
    """

    model: ModelPath = Field(
        BUILTIN,
        description="'builtin' knows 138 languages and needs no download; or a fastText model of languages, such as "
        "lid.176.bin or GlotLID (.bin or .ftz).",
    )

    @field_validator("model")
    @classmethod
    def _is_there(cls, value: str) -> str:
        import os

        if value != BUILTIN and not os.path.isfile(value):
            raise ValueError(f"no file there; give a fastText model (.bin or .ftz), or '{BUILTIN}'")
        return value


def needs(config: LanguageConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: LanguageConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("language", pa.string()), ("language_score", pa.float32())])


def prepare(model: None, config: LanguageConfig) -> Any:
    from curate.algorithms import fasttext, language

    return language.load() if config.model == BUILTIN else fasttext.load_languages(config.model)


def apply(table: pa.Table, mine: None, prepared: Any, config: LanguageConfig) -> pa.Table:
    from curate.algorithms import language

    detect = language.detect if config.model == BUILTIN else language.detect_by
    return detect(prepared, table["text"])


def survey_languages(table: pa.Table, mine: None, config: LanguageConfig) -> pa.Table:
    from curate.algorithms import language

    return language.distribution(table["language"], table["language_score"], table["bytes"])


def settle_languages(tables: Iterable[pa.Table], config: LanguageConfig) -> Settled:
    """Add up the distributions: some kB a shard."""
    from curate.algorithms import language

    return Settled(language.united(tables))


def report(model: None, summary: pa.Table | None, config: LanguageConfig) -> list[str]:
    from curate.algorithms import language

    return language.report_lines(summary) if summary is not None else []


def memory(load: Load, config: LanguageConfig) -> int:
    """A shard's text and the model: the built-in one is 66 MiB, and 150 while it is unpacked; one and a half files."""
    import os

    if load.census < 0 and load.kind != "apply":
        return (96 << 20) + 48 * load.rows
    if config.model == BUILTIN:
        return max(160 << 20, load.reading + (72 << 20) + 48 * load.rows)
    file = os.path.getsize(config.model) if os.path.isfile(config.model) else 0
    return load.reading + file * 3 // 2 + (16 << 20) + 48 * load.rows


STAGE = Stage(
    name="language",
    revision=2,
    config=LanguageConfig,
    needs=needs,
    adds=adds,
    prepare=prepare,
    apply=apply,
    after=Census(survey_languages, settle_languages, needs=lambda config: ("bytes",)),
    report=report,
    memory=memory,
)
