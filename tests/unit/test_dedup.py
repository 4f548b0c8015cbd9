import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.algorithms import dedup_bands, dedup_sets
from curate.errors import UsageError
from curate.kernels import arrow, hashing
from curate.stage import InputShard, Load
from curate.stages.dedup import STAGE, DedupConfig
from tests.naive import dedup as naive

SURE = {"permutations": 64, "bands": 64, "rows": 1}
"""Bands that find every pair worth finding."""


def corpus(texts: list[str], **columns) -> pa.Table:
    text = pa.array(texts, pa.large_string())
    values = arrow.strings(text)
    digests = np.empty((len(texts), 2), dtype=np.uint64)
    hashing.digest_strings(values.offsets, values.data, digests)
    base = {
        "id": pa.array([f"d{i:04}" for i in range(len(texts))], pa.string()),
        "text": text,
        "digest": arrow.binary_array(digests.view(np.uint8)),
        "bytes": np.diff(values.offsets),
        "source": pa.array(["s"] * len(texts), pa.string()),
    }
    return pa.table({**base, **columns})


def shards(table: pa.Table, cuts: list[int]) -> list[pa.Table]:
    """Cut a corpus; a shard is given as the runtime gives it."""
    found = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, table.num_rows], strict=True)):
        piece = table.slice(start, end - start)
        piece = piece.append_column("shard", pa.array(np.full(piece.num_rows, number, np.int32)))
        found.append(piece.append_column("row", pa.array(np.arange(piece.num_rows, dtype=np.int64))))
    return found


class Held(list):
    """A part's tables as the runtime gives them."""

    def only(self, *columns: str):
        return iter([table.select(columns) for table in self])


def routed(surveys: list[pa.Table], parts: int):
    for part in range(parts):
        tables = []
        for table in surveys:
            keys = (arrow.numbers(table["part"]).astype(np.uint64) * np.uint64(parts)) >> np.uint64(32)
            tables.append(table.filter(pa.array(keys == part)).drop_columns(["part"]))
        yield part, tables


def settled(census, given: list[pa.Table], mine: list[pa.Table | None], config: DedupConfig, parts: int):
    needs = (census.needs or STAGE.needs)(config)
    surveys = [
        piece
        for table, rows in zip(given, mine, strict=True)
        for piece in census.survey(table.select([*needs, "shard", "row"]), rows, config)
        if isinstance(piece, pa.Table)
    ]
    return census.settle((census.link(Held(t), part, config) for part, t in routed(surveys, parts)), config)


def run(given: list[pa.Table], config: DedupConfig, parts: int = 1) -> pa.Table:
    """The stage as the runtime runs it, in memory: the input with the columns it adds."""
    mine: list[pa.Table | None] = [None] * len(given)
    for census in STAGE.before:
        rows = pa.concat_tables(settled(census, given, mine, config, parts).rows)
        mine = [
            rows.filter(pc.equal(rows["shard"], number)).sort_by("row").drop_columns(["shard"])
            for number in range(len(given))
        ]
    schema = STAGE.adds(config)
    added = [
        STAGE.apply(table.select(["shard", "row"]), rows if rows.num_rows else None, None, config)
        for table, rows in zip(given, mine, strict=True)
    ]
    assert all(table.schema == schema for table in added)
    whole, columns = pa.concat_tables(given), pa.concat_tables(added)
    for name in schema.names:
        whole = whole.append_column(name, columns[name])
    return whole


def deduplicated(texts: list[str], cuts: list[int] | None = None, parts: int = 1, columns=None, **options) -> pa.Table:
    return run(shards(corpus(texts, **(columns or {})), cuts or []), DedupConfig(**options), parts)


def outcome(table: pa.Table) -> dict[str, tuple[str | None, float | None, int]]:
    names = ("id", "dedup_keep", "dedup_of", "dedup_similarity", "dedup_size")
    rows = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    assert all(keep == (of is None) == (similarity is None) for _, keep, of, similarity, _ in rows)
    return {name: (of, similarity, size) for name, _, of, similarity, size in rows}


def expected(texts: list[str], threshold: float, ngram: int) -> dict:
    table = corpus(texts)
    documents = [
        {"id": name, "text": text, "digest": digest, "rank": size}
        for name, text, digest, size in zip(
            *(table[name].to_pylist() for name in ("id", "text", "digest", "bytes")), strict=True
        )
    ]
    return naive.deduplicate(documents, threshold, ngram)


def rounded(found: dict) -> dict:
    return {name: (of, similarity and np.float32(similarity), size) for name, (of, similarity, size) in found.items()}


TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "B", "b", "c", "d", "漢", "字", "é", "...", "!"]), max_size=14).map(" ".join),
    min_size=1,
    max_size=14,
)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from([0.5, 0.8, 1.0]), st.integers(1, 3), st.integers(0, 14), st.integers(1, 3))
def test_the_outcome_is_that_of_comparing_all_with_all(texts, threshold, ngram, cut, parts):
    found = deduplicated(texts, [min(cut, len(texts))], parts, threshold=threshold, ngram=ngram, **SURE)
    assert rounded(outcome(found)) == rounded(expected(texts, threshold, ngram))


def versions(seed: int, families: int, size: int) -> list[str]:
    """Families of edited versions of a text, in random order."""
    random = np.random.default_rng(seed)
    texts = []
    for _ in range(families):
        base = random.integers(0, 3000, random.integers(20, 200))
        for _ in range(random.integers(1, size)):
            edited = [f"w{word}" if random.random() > 0.02 else f"x{random.integers(3000)}" for word in base]
            texts.append(" ".join(edited[: random.integers(len(edited) * 3 // 4, len(edited)) + 1]))
    return [texts[i] for i in random.permutation(len(texts))]


def test_versions_are_deduplicated_as_by_all_pairs():
    texts = versions(0, 60, 12)
    found = rounded(outcome(deduplicated(texts, [100, 200])))
    true = rounded(expected(texts, 0.8, 5))
    missed = {name for name in true if found[name] != true[name]}
    assert len(missed) <= 0.01 * sum(of is not None for of, _, _ in true.values())
    assert all(similarity is None or similarity >= 0.8 for _, similarity, _ in found.values())
    assert all(of is None or found[of][0] is None for of, _, _ in found.values())


def test_neither_shards_nor_order_nor_parts_matter():
    texts = versions(1, 40, 8)
    table = corpus(texts)
    config = DedupConfig()
    whole = outcome(run(shards(table, []), config))
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(len(texts))))
    assert outcome(run(shards(table, [1, 50, 51]), config, 3)) == whole
    assert outcome(run(shards(shuffled, [40, 90]), config, 2)) == whole


def test_pieces_do_not_matter(monkeypatch):
    texts = versions(2, 20, 6)
    whole = outcome(deduplicated(texts, [30]))
    monkeypatch.setattr(dedup_bands, "PIECE_DOCUMENTS", 7)
    monkeypatch.setattr(dedup_sets, "PIECE_BYTES", 900)
    assert outcome(deduplicated(texts, [30])) == whole


def test_a_mass_of_identical_documents():
    texts = ["The page was not found on this server"] * 200_000 + ["the PAGE was not found, on this server!!"]
    table = deduplicated(texts, [70_000, 140_000])
    kept = table.filter(table["dedup_keep"])
    assert kept["id"].to_pylist() == ["d200000"]
    assert kept["dedup_size"].to_pylist() == [200_001]
    assert pc.unique(table["dedup_of"]).drop_null().to_pylist() == ["d200000"]
    assert pc.min(table["dedup_similarity"]).as_py() == 1.0


def test_one_word_and_empty_documents_match_only_when_equal():
    found = outcome(deduplicated(["apple", "Apple!", "pear", "", "", "...", "!!!", "...", "漢", "字", "漢"]))
    removed = {name: of for name, (of, _, _) in found.items() if of}
    # `Apple!` is the longer; the three dots and the empty text each have one copy
    assert removed == {"d0000": "d0001", "d0004": "d0003", "d0007": "d0005", "d0010": "d0008"}


def test_text_without_spaces():
    base = "".join(chr(0x4E00 + i * 7 % 3000) for i in range(400))
    near = base[:200] + "和" + base[201:]
    other = base[::-1]
    found = outcome(deduplicated([base, near, other]))
    assert [of for of, _, _ in found.values()].count(None) == 2
    assert found["d0002"] == (None, None, 1)
    assert {found["d0000"][2], found["d0001"][2]} == {2}
    assert next(s for _, s, _ in found.values() if s) == pytest.approx(391 / 401)


def test_the_chain_is_not_followed():
    words = [f"w{i:03}" for i in range(140)]
    texts = [" ".join(words[start : start + 100]) + "." * (9 - start // 5) for start in range(0, 45, 5)]
    found = outcome(deduplicated(texts, **SURE))
    # neighbours overlap by 91 of 101 n-grams, the ends not at all enough: more than one must stay
    assert [name for name, (of, _, _) in found.items() if of is None] == ["d0000", "d0003", "d0006"]
    assert found["d0001"][0] == "d0000"
    assert found["d0005"][0] == "d0003"


def test_keep_orders():
    texts = ["a b c d e f", "A b c d e f!", "a  b  c  d  e  f"]
    quality = pa.array([0.5, None, 0.7])

    def kept(**options) -> list[str]:
        table = deduplicated(texts, columns={"quality": quality}, **options)
        return table.filter(table["dedup_keep"])["id"].to_pylist()

    assert kept() == ["d0002"]
    assert kept(keep="first") == ["d0000"]
    assert kept(keep="best:quality") == ["d0002"]
    assert kept(keep="best:bytes") == ["d0002"]
    assert deduplicated(texts, keep="first", columns={"id": pa.array(["z", "y", "x"])})["dedup_keep"].to_pylist() == [
        False,
        False,
        True,
    ]


def test_equal_ranks_go_by_digest_then_id():
    texts = ["a b c", "a-b c", "a b-c", "a b c", "a-b c", "a b-c"]
    table = deduplicated(texts)
    first = min(zip(table["digest"].to_pylist(), table["id"].to_pylist(), strict=True))[1]
    assert table.filter(table["dedup_keep"])["id"].to_pylist() == [first]


def test_best_of_a_column_that_has_no_order():
    with pytest.raises(UsageError, match="best:source"):
        deduplicated(["a", "a"], keep="best:source")


def test_scope_of_a_column_without_single_values():
    with pytest.raises(UsageError, match="--scope tags"):
        deduplicated(["a", "a"], scope="tags", columns={"tags": pa.array([[1], [2]])})
    with pytest.raises(UsageError, match="--scope digest"):
        deduplicated(["a", "a"], scope="digest")


def test_scope():
    columns = {"source": pa.array(["x", "y", "x", None, None])}
    table = deduplicated(["same words here"] * 5, scope="source", columns=columns)
    assert table["dedup_of"].to_pylist() == [None, None, "d0000", None, "d0003"]


def test_the_same_words_only():
    near = " ".join(f"w{i}" for i in range(100))
    found = deduplicated([near, near + " more", near.upper() + "!", "?"], by="normalised")
    assert found["dedup_of"].to_pylist() == ["d0002", None, None, None]


def test_empty_shards_and_corpora():
    assert deduplicated([], [0]).num_rows == 0
    assert deduplicated(["a b"], [0, 1], 2)["dedup_keep"].to_pylist() == [True]


def test_planted_pairs_are_found_as_often_as_the_curve_says():
    """Pairs of about 60 and 600 words whose n-gram sets have a known similarity, and a small threshold to see all."""
    random = np.random.default_rng(3)
    config = DedupConfig(threshold=0.3, bands=10, rows=5, ngram=1)
    for shared, own in ((30, 10), (45, 5), (300, 100), (450, 50)):
        pairs = 400
        texts = []
        for pair in range(pairs):
            common = [f"p{pair}w{i}" for i in range(shared)]
            for side in "ab":
                mine = common + [f"p{pair}{side}{i}" for i in range(own)]
                texts.append(" ".join(mine[i] for i in random.permutation(len(mine))))
        table = run(shards(corpus(texts), [pairs]), config)
        similarity = shared / (shared + 2 * own)
        removed = table.filter(pc.invert(table["dedup_keep"]))
        assert set(removed["dedup_similarity"].to_pylist()) == {np.float32(similarity)}
        curve = dedup_bands.probability(similarity, dedup_bands.Bands(10, 5))
        assert abs(removed.num_rows / pairs - curve) < 4 * np.sqrt(curve * (1 - curve) / pairs) + 0.02


def test_bands_chosen():
    assert dedup_bands.chosen(0.8, 128) == dedup_bands.Bands(21, 6)
    assert dedup_bands.chosen(1.0, 128) == dedup_bands.Bands(1, 128)
    for threshold in (0.3, 0.5, 0.7, 0.9):
        bands = dedup_bands.chosen(threshold, 128)
        assert dedup_bands.probability(threshold, bands) >= 0.995
        assert bands.bands * bands.rows <= 128
    with pytest.raises(UsageError, match="raise --permutations"):
        dedup_bands.chosen(0.05, 16)


@pytest.mark.parametrize(
    "options",
    [{"bands": 4}, {"keep": "shortest"}, {"keep": "best:"}, {"threshold": 0}, {"ngram": 0}, {"treshold": 0.8}],
)
def test_bad_options(options):
    with pytest.raises(ValidationError):
        DedupConfig(**options)


@pytest.mark.parametrize("by", ["normalised", "text", "url"])
def test_options_of_similarity_alone(by):
    assert DedupConfig(by=by, threshold=0.8, keep="first").threshold == 0.8
    for options in ({"threshold": 0.7}, {"verify": "containment"}, {"bands": 14, "rows": 8}):
        with pytest.raises(ValidationError, match=f"{next(iter(options))} means nothing where by is {by}"):
            DedupConfig(by=by, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": 4097, "rows": 4}, "at most 16,384"),
        ({"seed": 1 << 63}, "less than"),
        ({"sketch": "datasketch", "seed": 1 << 32}, "seed must be below"),
        ({"sketch": "datasketch-1", "verify": "signature"}, "fast sketches only"),
    ],
)
def test_options_that_cannot_be_had_together(options, message):
    with pytest.raises(ValidationError, match=message):
        DedupConfig(**options)


def summarised(table: pa.Table, config: DedupConfig) -> pa.Table:
    given = shards(table.drop_columns(["shard", "row"]), [2])
    assert STAGE.after is not None
    assert STAGE.after.needs is not None
    needs = [*STAGE.after.needs(config), *STAGE.adds(config).names, "shard", "row"]
    surveys = [STAGE.after.survey(piece.select(needs), None, config) for piece in given]
    linked = [STAGE.after.link(iter(tables), part, config) for part, tables in routed(surveys, 3)]
    settled = STAGE.after.settle(linked, config)
    assert settled.model is not None and settled.details is not None
    return pa.concat_tables([settled.model, *settled.details])


def test_summary_and_report():
    near = " ".join(f"w{i}" for i in range(100))
    texts = [near, near, near.upper() + "!", near + " x", "other text", ""]
    source = pa.array(["a", "b", "b", "a", "c", "c"])
    config = DedupConfig()
    summary = summarised(run(shards(corpus(texts, source=source), [3]), config), config)
    rows = summary.to_pylist()
    losses = {row["source"]: (row["documents"], row["removed"]) for row in rows if row["kind"] == "source"}
    assert losses == {"a": (2, 1), "b": (2, 2), "c": (2, 0)}
    pairs = {row["id"]: row for row in rows if row["id"]}
    assert {row["of"] for row in pairs.values()} == {"d0003"}
    assert {row["of_source"] for row in pairs.values()} == {"a"}
    assert {name: row["kind"] for name, row in pairs.items()} == dict.fromkeys(("d0000", "d0001", "d0002"), "near")
    lines = STAGE.report(None, summary.filter(pc.is_null(summary["id"])), config)
    assert lines[1] == "removed: 0 exact, 0 normalised, 3 near"
    assert lines[2:] == ["  b: 2 of 2 (100.0%)", "  a: 1 of 2 (50.0%)"]
    config = DedupConfig(keep="source-priority:b,bb")
    lines = STAGE.report(None, summary.filter(pc.is_null(summary["id"])), config)
    assert lines[1] == "--keep source-priority: no document here is of source bb"
    assert STAGE.report(None, None, DedupConfig(by="url")) == ["only documents of the same address were looked for"]


def test_kinds_of_pairs():
    config = DedupConfig()
    texts = ["a b c d e f g", "a b c d e f g", "A, b c d e f", "a b c d e f"]
    summary = summarised(run(shards(corpus(texts), []), config), config)
    kinds = {row["id"]: row["kind"] for row in summary.to_pylist() if row["id"]}
    assert kinds == {"d0001": "exact", "d0003": "normalised"}


def test_memory_counts_wide_sketches_and_large_sets():
    assert STAGE.memory is not None
    survey = Load("survey", 0, 2000, 4 << 20, 1 << 20)
    wide = {"permutations": 4096}
    assert STAGE.memory(survey, DedupConfig(**wide)) > STAGE.memory(survey, DedupConfig()) + (80 << 20)
    assert STAGE.memory(survey, DedupConfig(bands=450, rows=20)) > STAGE.memory(survey, DedupConfig()) + (80 << 20)
    exchanged = DedupConfig(sketch="datasketch", index=False, **wide)
    assert STAGE.memory(survey, exchanged) > STAGE.memory(survey, DedupConfig(index=False, **wide)) + (60 << 20)
    long = Load("survey", 1, 10, 50 << 20, 50 << 20)
    assert STAGE.memory(long, DedupConfig(unit="character")) >= STAGE.memory(long, DedupConfig()) + 16 * (50 << 20)
    for options in ({}, {"verify": "containment"}, {"unit": "character"}):
        parts = [STAGE.memory(Load("link", 1, 10, 500 << 20, size), DedupConfig(**options)) for size in (64, 64 << 20)]
        assert parts[0] == parts[1]
        large = STAGE.memory(Load("link", 1, 10, 500 << 20, 400 << 20), DedupConfig(**options))
        assert large > parts[0] + 6 * (336 << 20)


def test_parts_of_characters_hold_sets_as_large_as_those_of_words():
    shards = [InputShard(0, 0, "s", 1000, 3 << 30)]
    assert STAGE.parts is not None
    assert STAGE.parts(shards, DedupConfig()) == 12
    assert STAGE.parts(shards, DedupConfig(unit="character")) == 72
