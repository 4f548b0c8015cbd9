"""dedup: mark documents that duplicate another, exactly or nearly, and say which one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from curate.stage import Against, Alarm, Census, Indexed, Load, OldCorpus, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from curate.algorithms.dedup import Sketching
    from curate.algorithms.dedup_bands import Bands
    from curate.algorithms.dedup_rules import Rules
    from curate.stage import InputShard, Tables


class DedupConfig(StageConfig):
    """Mark documents that duplicate another, exactly or nearly, and say which one.

    Candidates come from MinHash bands over n-grams; each is then compared by exact Jaccard similarity with the
    documents kept before it, so nothing is removed without a kept document that it really resembles.

    It adds columns and takes no document out: `curate select CORPUS --where dedup_keep --to NEW` does.
    dedup_keep: whether it stays.
    dedup_of: the id of the document that it duplicates, null for one that stays.
    dedup_similarity: the similarity to that one, null where texts were not compared.
    dedup_size: how many documents there are of one that stays, itself included.
    dedup_capped: the search for its duplicate ended early, see --most-comparisons.
    dedup_corpus: the corpus of --against that holds dedup_of.
    """

    by: Literal["similarity", "normalised", "text", "url"] = Field(
        "similarity",
        description="What makes documents duplicates: similar n-grams, the same words in the same order (whatever "
        "case, spacing and punctuation), the same text, or the same url (whatever scheme, fragment, last slash and "
        "case of the host).",
    )
    threshold: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Similarity of n-gram sets, as --verify measures it, from which a document counts as a duplicate.",
    )
    ngram: int = Field(5, ge=1, le=100, description="Tokens in an n-gram; shorter documents match only the same ones.")
    unit: Literal["word", "character"] = Field(
        "word",
        description="What an n-gram is made of; of scripts that put no space between words each character is a word.",
    )
    permutations: int = Field(
        128, ge=16, le=4096, description="Length of a document's sketch, cut into bands to suit the threshold."
    )
    bands: int | None = Field(
        None, ge=1, description="Bands, instead of those chosen for the threshold; with --rows (FineWeb: 14 of 8)."
    )
    rows: int | None = Field(None, ge=1, description="Rows of a band, instead of those chosen; with --bands.")
    sketch: Literal["fast", "datasketch", "datasketch-1"] = Field(
        "fast",
        description="Which MinHash: the fast one, or, slowly, the signatures of datasketch 2 or 1, for exchange.",
    )
    verify: Literal["jaccard", "containment", "signature", "none"] = Field(
        "jaccard",
        description="How candidates are compared: by exact Jaccard similarity, by the share of a shorter document's "
        "n-grams in the longer, by their sketches, or not at all; only candidates, joined by bands they share, are "
        "compared.",
    )
    keep: str = Field(
        "longest",
        description="Which of several duplicates stays: longest (in bytes), first (the smallest id), newest (by date), "
        "best:COLUMN (the largest value) or source-priority:A,B,... (the first source named, its longest); those "
        "without a value last, equal ones by digest, then id.",
    )
    scope: str = Field(
        "global", description="Deduplicate the whole corpus (global), or only within equal values of a column."
    )
    most_comparisons: int = Field(
        10_000,
        ge=1,
        description="Comparisons with kept documents after which the search for a document's duplicate ends; "
        "dedup_capped marks those documents.",
    )
    against: list[OldCorpus] = Field(
        [],
        description="Corpora deduplicated before with the same options, FOLDER or NAME=FOLDER; what they hold is "
        "removed here, and they stay as they are.",
    )
    index: bool = Field(True, description="Keep keys and sketches beside the layer, for --against; 0.7 kB a document.")
    max_source_loss: Annotated[Share, Alarm] = Field(
        0.95, ge=0, le=1, description="Stop before the commit if a source of 1,000 documents or more loses more."
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Chooses the permutations.")

    @field_validator("keep")
    @classmethod
    def _known_order(cls, value: str) -> str:
        from curate.algorithms import dedup_rules

        dedup_rules.order(value)
        return value

    @model_validator(mode="after")
    def _whole_cut(self) -> DedupConfig:
        from curate.algorithms import dedup_bands

        if self.by != "similarity":
            idle = [name for name in OF_SIMILARITY if getattr(self, name) != type(self).model_fields[name].default]
            if idle:
                raise ValueError(f"{idle[0]} means nothing where by is {self.by}; leave it out")
            return self
        if (self.bands is None) != (self.rows is None):
            raise ValueError("bands and rows belong together; give both or neither")
        if self.bands is None:
            dedup_bands.chosen(self.threshold, self.permutations)
        elif self.rows is not None and self.bands * self.rows > dedup_bands.MOST_VALUES:
            raise ValueError(f"bands times rows may be at most {dedup_bands.MOST_VALUES:,}")
        return self

    @model_validator(mode="after")
    def _for_exchange(self) -> DedupConfig:
        from curate.algorithms import dedup_bands

        if self.sketch != "fast":
            dedup_bands.check(cut(self), self.permutations)
            if self.verify == "signature":
                raise ValueError("verify signature compares fast sketches only; take jaccard, containment or none")
            if self.seed >= 1 << 32:
                raise ValueError("seed must be below 2**32 for the signatures of datasketch")
        return self


def cut(config: DedupConfig) -> Bands | None:
    """The bands to look through, None for exact duplicates alone."""
    from curate.algorithms import dedup_bands

    if config.by != "similarity":
        return None
    if config.bands is not None and config.rows is not None:
        return dedup_bands.Bands(config.bands, config.rows)
    return dedup_bands.chosen(config.threshold, config.permutations)


OF_SIMILARITY = ("threshold", "ngram", "unit", "permutations", "bands", "rows", "sketch", "verify")
SOUGHT = {
    "normalised": "only documents of the same words in the same order were looked for",
    "text": "only documents of the same text were looked for",
    "url": "only documents of the same address were looked for",
}
SAME = ("by", "ngram", "unit", "permutations", "bands", "rows", "sketch", "threshold", "scope", "seed")


def needs_keys(config: DedupConfig) -> tuple[str, ...]:
    from curate.algorithms import dedup_rules

    scope = [] if config.scope == "global" else [config.scope]
    return tuple(dict.fromkeys([*dedup_rules.COLUMNS[config.by], *scope]))


def needs_old_keys(config: DedupConfig) -> tuple[str, ...]:
    return ("keys",)


def needs_sets(config: DedupConfig) -> tuple[str, ...]:
    from curate.algorithms import dedup_rules

    return dedup_rules.needs(rules(config))


def needs_old_sets(config: DedupConfig) -> tuple[str, ...]:
    return (*needs_sets(config), "dedup_keep", "dedup_size")


def needs_pairs(config: DedupConfig) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("id", "digest", "source", *filter(None, told_by(config)))))


def told_by(config: DedupConfig) -> tuple[str | None, str | None]:
    """The column that names a document and the one that says which stays, None where every document has it."""
    from curate.algorithms import dedup_rules

    column = dedup_rules.order(config.keep).column
    return "url" if config.by == "url" else None, None if column == "bytes" else column


def adds(config: DedupConfig) -> pa.Schema:
    """dedup_of: the id of a document that stays, null for those. dedup_similarity: the similarity to it, as verified.
    dedup_size: a document that stays and all that name it, the same number for each of them, members in old
    corpora counted. dedup_capped: the search for its duplicate ended early. dedup_corpus: the old corpus that
    holds dedup_of, null for this one.
    """
    import pyarrow as pa

    fields = [
        ("dedup_keep", pa.bool_()),
        ("dedup_of", pa.string()),
        ("dedup_similarity", pa.float32()),
        ("dedup_size", pa.int32()),
        ("dedup_capped", pa.bool_()),
    ]
    return pa.schema([*fields, *([("dedup_corpus", pa.string())] if config.against else [])])


def parts(inputs: list[InputShard], config: DedupConfig) -> int:
    from curate.algorithms import dedup_bands

    texts = sum(shard.bytes for shard in inputs) * (6 if config.unit == "character" else 1)  # so much more n-grams
    return dedup_bands.parts(sum(shard.rows for shard in inputs), texts, cut(config))


def sketching(config: DedupConfig) -> Sketching:
    from curate.algorithms.dedup import Sketching

    return Sketching(
        ngram=config.ngram,
        bands=cut(config),
        scope=None if config.scope == "global" else config.scope,
        seed=config.seed,
        by=config.by,
        unit=config.unit,
        sketch=config.sketch,
        permutations=config.permutations,
        index=config.index,
    )


def rules(config: DedupConfig) -> Rules:
    from curate.algorithms import dedup_rules

    verify = {"similarity": config.verify, "url": "none"}.get(config.by, "exact")
    bands = cut(config)
    return dedup_rules.Rules(
        order=dedup_rules.order(config.keep),
        verify=verify,
        threshold=config.threshold,
        unit=config.unit,
        ngram=config.ngram,
        bins=bands.bands * bands.rows if bands else 0,
        seed=config.seed,
        most_comparisons=config.most_comparisons,
    )


def indexed(config: DedupConfig) -> bool:
    return config.index


def survey_keys(table: pa.Table, mine: None, config: DedupConfig) -> Iterator[pa.Table | Indexed]:
    from curate.algorithms import dedup

    for found in dedup.survey_keys(table, sketching(config)):
        yield found if "part" in found.column_names else Indexed(found)


def survey_old_keys(table: pa.Table, mine: None, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup

    return dedup.old_keys(table)


def link_keys(tables: Tables, part: int, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup

    return dedup.join_keys(tables)


def settle_components(tables: Iterable[pa.Table], config: DedupConfig) -> Settled:
    """30 to 50 bytes for each document that shares a key with another, and two pieces of 128 MiB of its rows."""
    from curate.algorithms import dedup

    return Settled(*dedup.components_of(tables))


def survey_sets(table: pa.Table, mine: pa.Table | None, config: DedupConfig) -> Iterator[pa.Table]:
    from curate.algorithms import dedup_sets

    return dedup_sets.survey_sets(table, mine, rules(config))


def survey_old_sets(table: pa.Table, mine: pa.Table | None, config: DedupConfig) -> Iterator[pa.Table]:
    from curate.algorithms import dedup_sets

    return dedup_sets.old_sets(table, mine, rules(config))


def link_sets(tables: Tables, part: int, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_verify

    return dedup_verify.verify(tables, rules(config))


def settle_duplicates(tables: Iterable[pa.Table], config: DedupConfig) -> Settled:
    """Passes the rows on, two pieces of 128 MiB at a time."""
    from curate.algorithms import dedup_bands

    return Settled(dedup_bands.curve(cut(config)), tables)


def apply(table: pa.Table, mine: pa.Table | None, prepared: pa.Table, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_verify

    return dedup_verify.columns(mine, table, adds(config))


def survey_pairs(table: pa.Table, mine: None, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_pairs

    return dedup_pairs.survey_pairs(table, *told_by(config))


def link_pairs(tables: Tables, part: int, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_pairs

    return dedup_pairs.pairs(tables, rules(config).verify)


def settle_pairs(tables: Iterable[pa.Table], config: DedupConfig) -> Settled:
    """The counts of each source, and one part's pairs at a time."""
    from curate.algorithms import dedup_pairs

    counts, pairs = dedup_pairs.summary(tables)
    return Settled(counts, details=pairs)


def report(model: pa.Table | None, summary: pa.Table | None, config: DedupConfig) -> list[str]:
    from curate.algorithms import dedup_bands, dedup_pairs, dedup_rules

    bands = cut(config)
    contained = config.verify == "containment"
    lines = dedup_bands.report(bands, config.threshold, contained) if bands else [SOUGHT[config.by]]
    if summary is None:
        return lines
    sources = dedup_rules.order(config.keep).sources
    return [*lines, *dedup_pairs.warnings(summary, *told_by(config), sources), *dedup_pairs.report(summary)]


def alarm(summary: pa.Table, config: DedupConfig) -> None:
    from curate.algorithms import dedup_pairs

    dedup_pairs.check_losses(summary, config.max_source_loss)


def memory(load: Load, config: DedupConfig) -> int:
    """What each step's own documentation says, as if every key were repeated and every document in a component.

    Keys: a shard's text, 6 bytes a byte of its largest document (12 for characters), what `survey_keys` makes of a
    piece, and the keys until 64 MiB of them are sorted and written. Joining them: 36 bytes a key, and those
    already there that wait to be read. Sets: 8 bytes a byte of the largest document or of 16 MiB (24 of the largest for
    characters), and 64 MiB three times. Verification: 256 MiB of sets or what the largest one needs, two tables more,
    and 450 bytes a document.
    """
    if load.kind == "apply":
        return load.reading + 200 * load.rows
    if load.census == 0:
        return _memory_of_keys(load, config)
    if load.census == 1:
        return _memory_of_sets(load, config)
    if load.kind == "survey":
        return load.reading + 400 * load.rows
    return (64 << 20) + (4 * load.bytes if load.measured else 150 * load.rows)


def _memory_of_keys(load: Load, config: DedupConfig) -> int:
    from curate.algorithms import dedup_bands

    bands = cut(config) or dedup_bands.Bands(0, 1)
    keys = 1 + bands.bands
    if load.kind == "link":
        joined = load.rows * (1 if load.measured else keys)
        return (96 << 20) + 36 * joined + min(48 << 20, 24 * joined)
    if load.kind == "settle":
        return (96 << 20) + 80 * load.rows + min(256 << 20, 60 * load.rows)
    exchanged = config.permutations if config.sketch != "fast" else 0
    piece = min(load.rows, dedup_bands.piece_documents(bands, exchanged))
    made = piece * (8 * keys + 4 * (max(exchanged, bands.bands * bands.rows) if config.index else exchanged))
    kept = 4 * made if config.index else made
    sketched = (12 if config.unit == "character" else 6) * load.longest
    if exchanged:
        sketched += (64 << 20) + 24 * load.longest
    routed = min(320 << 20, 240 * keys * load.rows)
    return load.reading + sketched + 32 * load.rows + kept + 20 * keys * piece + routed


def _memory_of_sets(load: Load, config: DedupConfig) -> int:
    characters = config.unit == "character"
    if load.kind == "survey":
        routed = min(192 << 20, 16 * load.bytes + 2400 * load.rows)
        made = 8 * max(16 << 20, load.longest) + 16 * load.longest * characters
        return load.reading + made + 200 * load.rows + routed
    if load.kind == "link":
        size = load.bytes if load.measured else (8 if characters else 1.5) * load.bytes
        threshold = config.threshold / (2 - config.threshold) if config.verify == "signature" else config.threshold
        share = 1 if config.verify == "containment" else 1 - threshold
        largest = int((5 + 6 * share) * max(0, load.longest - (64 << 20)))
        sets = min(256 << 20, int(size * (1 + 4.5 * share))) + min(128 << 20, int(size))
        return (96 << 20) + sets + largest + 450 * load.rows
    return (64 << 20) + min(256 << 20, 3 * load.bytes if load.measured else 300 * load.rows)


STAGE = Stage(
    name="dedup",
    revision=4,
    config=DedupConfig,
    apply=apply,
    adds=adds,
    before=(
        Census(
            survey_keys,
            settle=settle_components,
            link=link_keys,
            needs=needs_keys,
            indexed=indexed,
            against=Against(survey_old_keys, needs_old_keys, indexed=("keys",), same=SAME),
        ),
        Census(
            survey_sets,
            settle=settle_duplicates,
            link=link_sets,
            needs=needs_sets,
            only_mine=True,
            against=Against(survey_old_sets, needs_old_sets),
        ),
    ),
    after=Census(survey_pairs, settle=settle_pairs, link=link_pairs, needs=needs_pairs),
    parts=parts,
    report=report,
    alarm=alarm,
    memory=memory,
)
