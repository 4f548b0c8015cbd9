"""Decide by published rules which documents stay, from the columns of `rules` alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from curate.stage import Census, InputFile, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa


def _threshold(value: Any) -> Any:
    """A number of at least 0, which may be a percentage, or `off`, which YAML reads as false."""
    if value is None or value is False or value == "off":
        return "off" if value is not None else None
    try:
        text = str(value).strip()
        number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        number = -1.0
    if value is True or not 0 <= number < float("inf"):
        raise ValueError("give a number of at least 0, or off")
    return number


Threshold = Annotated[float | Literal["off"] | None, BeforeValidator(_threshold)]


def _rule(text: str) -> Any:
    return Field(None, description=text)


class VerdictConfig(StageConfig):
    """Decide by published rules which documents stay, from the columns of `rules` alone.

    It reads no text, so other thresholds cost nothing. A threshold not given is that of the recipes named; `off` leaves
    a rule out. A document stays if it fails no rule; one exactly on a threshold does not fail.

    verdict_keep: whether it stays; null where the rules say nothing of it.
    verdict_reason: the first rule that it fails, null if none.
    verdict_failed: all rules that it fails, with commas between.
    """

    recipe: list[Literal["gopher", "c4", "fineweb"]] = Field(
        ["fineweb"],
        min_length=1,
        description="Whose rules and thresholds: gopher (repetition and quality), c4 (of lines with terminal "
        "punctuation), fineweb (gopher, then c4 of lines with any end, then its own on what c4 leaves). Several, "
        "with commas or spaces, must all be satisfied.",
    )
    rules: str = Field("rules", pattern=r"^[a-z][a-z0-9_]*$", description="The layer that holds the rules' columns.")
    block_urls: list[InputFile] = Field(
        [],
        description="Files of addresses whose documents go, a domain or the beginning of an address a line; a domain "
        "stands for its subdomains too.",
    )
    allow_urls: list[InputFile] = Field(
        [], description="Files of addresses, written likewise; documents from elsewhere, or from nowhere, go."
    )
    require: list[str] = Field(
        [],
        max_length=20,
        description="Further rules over any number among the columns: COLUMN<=NUMBER or COLUMN>=NUMBER, such as "
        "eflaw<=70 or unique_word_fraction>=0.2.",
    )
    max_duplicate_paragraph_fraction: Threshold = _rule("Paragraphs that repeat an earlier one (gopher, fineweb 0.3).")
    max_duplicate_paragraph_character_fraction: Threshold = _rule(
        "Characters in repeated paragraphs (gopher, fineweb 0.2)."
    )
    max_duplicate_line_fraction: Threshold = _rule("Lines that repeat an earlier one (gopher, fineweb 0.3).")
    max_duplicate_line_character_fraction: Threshold = _rule("Characters in repeated lines (gopher, fineweb 0.2).")
    max_top_2_gram_character_fraction: Threshold = _rule(
        "Characters in the most frequent pair of words (gopher, fineweb 0.2)."
    )
    max_top_3_gram_character_fraction: Threshold = _rule("The same for 3 words (gopher, fineweb 0.18).")
    max_top_4_gram_character_fraction: Threshold = _rule("The same for 4 words (gopher, fineweb 0.16).")
    max_duplicate_5_gram_character_fraction: Threshold = _rule(
        "Characters in runs of 5 words that stood before (gopher, fineweb 0.15)."
    )
    max_duplicate_6_gram_character_fraction: Threshold = _rule("The same for 6 words (gopher, fineweb 0.14).")
    max_duplicate_7_gram_character_fraction: Threshold = _rule("The same for 7 words (gopher, fineweb 0.13).")
    max_duplicate_8_gram_character_fraction: Threshold = _rule("The same for 8 words (gopher, fineweb 0.12).")
    max_duplicate_9_gram_character_fraction: Threshold = _rule("The same for 9 words (gopher, fineweb 0.11).")
    max_duplicate_10_gram_character_fraction: Threshold = _rule("The same for 10 words (gopher, fineweb 0.1).")
    min_plain_word_count: Threshold = _rule("Words other than punctuation (gopher, fineweb 50).")
    max_plain_word_count: Threshold = _rule("Words other than punctuation (gopher, fineweb 100000).")
    min_mean_word_length: Threshold = _rule("Characters of a word on average (gopher, fineweb 3).")
    max_mean_word_length: Threshold = _rule("Characters of a word on average (gopher, fineweb 10).")
    max_hash_ratio: Threshold = _rule("Number signs a word (gopher, fineweb 0.1).")
    max_ellipsis_ratio: Threshold = _rule("Ellipses a word (gopher, fineweb 0.1).")
    max_bullet_line_fraction: Threshold = _rule("Lines that begin with a bullet (gopher, fineweb 0.9).")
    max_ellipsis_line_fraction: Threshold = _rule("Lines that end with an ellipsis (gopher, fineweb 0.3).")
    min_alphabetic_word_fraction: Threshold = _rule("Words with a letter in them (gopher, fineweb 0.8).")
    min_stop_words: Threshold = _rule(
        "How many of eight English stop words are there (gopher, fineweb 2); off for other languages."
    )
    min_stop_word_fraction: Threshold = _rule(
        "Stop words among the words, of the language that has most of them: for texts not in English (no recipe)."
    )
    max_c4_lorem_ipsum: Threshold = _rule("Whether 'lorem ipsum' is there, 0 or 1 (fineweb 0).")
    max_c4_curly_bracket: Threshold = _rule("Whether a curly bracket is there, 0 or 1 (fineweb 0).")
    min_c4_sentences: Threshold = _rule("Sentences in the lines that C4 keeps, whatever their end (fineweb 5).")
    max_c4_ended_lorem_ipsum: Threshold = _rule("'lorem ipsum' in lines with terminal punctuation, 0 or 1 (c4 0).")
    max_c4_ended_curly_bracket: Threshold = _rule("A curly bracket in such lines, 0 or 1 (c4 0).")
    min_c4_ended_sentences: Threshold = _rule("Sentences in such lines (c4 5).")
    min_c4_filled_lines: Threshold = _rule("Lines that are not empty of those that C4 keeps (fineweb 1).")
    min_c4_punctuated_line_fraction: Threshold = _rule("Of these, lines with terminal punctuation (fineweb 0.12).")
    max_c4_short_line_fraction: Threshold = _rule("Of these, lines of at most 30 characters (fineweb 0.67).")
    max_c4_repeated_line_character_fraction: Threshold = _rule(
        "Characters in lines that repeat an earlier one of these (fineweb 0.01)."
    )
    max_c4_newline_ratio: Threshold = _rule("Newlines a word of what C4 leaves (fineweb 0.3).")

    @field_validator("recipe", mode="before")
    @classmethod
    def _with_commas(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return value
        return [part.strip() for name in names for part in (name.split(",") if isinstance(name, str) else [name])]

    @model_validator(mode="after")
    def _rules_make_sense(self) -> VerdictConfig:
        if not limits(self) and not self.block_urls and not self.allow_urls:
            raise ValueError("every rule is off; leave one on, or keep all documents without a verdict")
        return self


def limits(config: VerdictConfig) -> dict[str, float]:
    """The rules over columns that count, and their thresholds, in order."""
    from curate.algorithms import verdict

    given = {rule: getattr(config, rule) for rule in verdict.RULES}
    return verdict.thresholds(config.recipe, given, config.require)


def lists(config: VerdictConfig) -> dict[str, list[str]]:
    """The lists of addresses that are given."""
    from curate.algorithms import verdict

    return {name: paths for name in verdict.LISTS if (paths := getattr(config, name))}


def needs(config: VerdictConfig) -> tuple[str, ...]:
    from curate.algorithms import verdict

    return (*verdict.columns(limits(config), config.rules), *(["url"] if lists(config) else []))


def adds(config: VerdictConfig) -> pa.Schema:
    import pyarrow as pa

    strings = [(f"verdict_{name}", pa.string()) for name in ("reason", "failed")]
    return pa.schema([("verdict_keep", pa.bool_()), *strings])


def prepare(model: None, config: VerdictConfig) -> dict[str, Any]:
    from curate.algorithms import url_lists

    return {name: url_lists.read(paths) for name, paths in lists(config).items()}


def apply(table: pa.Table, mine: None, prepared: dict[str, Any], config: VerdictConfig) -> pa.Table:
    import pyarrow as pa

    from curate.algorithms import verdict

    return pa.table(list(verdict.judged(table, limits(config), config.rules, prepared)), schema=adds(config))


def survey_counts(table: pa.Table, mine: None, config: VerdictConfig) -> pa.Table:
    from curate.algorithms import verdict

    return verdict.counts(table["verdict_keep"], table["verdict_failed"], table["bytes"])


def settle_counts(tables: Iterable[pa.Table], config: VerdictConfig) -> Settled:
    """Add up the counts: 100 bytes a rule, whatever the number of documents."""
    from curate.algorithms import verdict

    rules = limits(config)
    return Settled(verdict.united(tables, [*lists(config), *rules], rules))


def report(model: pa.Table | None, summary: pa.Table, config: VerdictConfig) -> list[str]:
    from curate.algorithms import verdict

    return verdict.report_lines(summary)


def memory(load: Load, config: VerdictConfig) -> int:
    """A shard's columns, 200 bytes a document, and five times the lists of addresses while they are read."""
    from curate.storage.sources import listing

    files = sum(file.size for paths in lists(config).values() for file in listing(paths))
    return load.reading + 200 * load.rows + 5 * files


STAGE = Stage(
    name="verdict",
    revision=2,
    config=VerdictConfig,
    needs=needs,
    adds=adds,
    prepare=prepare,
    apply=apply,
    after=Census(survey_counts, settle_counts, needs=lambda config: ("bytes",)),
    report=report,
    memory=memory,
)
