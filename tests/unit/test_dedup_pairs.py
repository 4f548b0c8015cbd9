"""What a deduplication tells of its pairs and its sources."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from curate.algorithms import dedup_pairs
from curate.errors import DataError


def layer(rows: list[tuple], corpora: list[str | None] | None = None) -> pa.Table:
    """Rows (id, source, text, of, similarity, size) as the census after sees them."""
    ids, sources, texts, of, similarity, size = (list(column) for column in zip(*rows, strict=True))
    columns = {
        "id": ids,
        "digest": pa.array([text.ljust(16).encode()[:16] for text in texts], pa.binary(16)),
        "source": sources,
        "dedup_keep": [value is None for value in of],
        "dedup_of": pa.array(of, pa.string()),
        "dedup_similarity": pa.array(similarity, pa.float32()),
        "dedup_size": pa.array(size, pa.int32()),
        "dedup_capped": [text == "capped" for text in texts],
    }
    if corpora is not None:
        columns["dedup_corpus"] = pa.array(corpora, pa.string())
    return pa.table(columns)


def summarised(*tables: pa.Table, parts: int = 3, verified: str = "jaccard") -> pa.Table:
    surveys = [dedup_pairs.survey_pairs(table) for table in tables]
    linked = []
    for part in range(parts):
        mine = []
        for rows in surveys:
            number = [value * parts >> 32 for value in rows["part"].to_pylist()]
            mine.append(rows.filter(pa.array([value == part for value in number], pa.bool_())).drop_columns(["part"]))
        linked.append(dedup_pairs.pairs(mine, verified))
    counts, details = dedup_pairs.summary(linked)
    whole = pa.concat_tables([counts, *details])
    assert counts["id"].null_count == counts.num_rows
    return whole


def counts_of(summary: pa.Table) -> pa.Table:
    """What a report and an alarm are given."""
    return summary.filter(pc.is_null(summary["id"]))


def pairs_of(summary: pa.Table) -> dict[str, tuple]:
    return {
        row["id"]: (row["kind"], row["of"], row["source"], row["of_source"], row["of_corpus"])
        for row in summary.to_pylist()
        if row["id"] is not None
    }


HERE = [
    ("k", "a", "same", None, None, 5),
    ("e", "a", "same", "k", 1.0, 5),
    ("n", "b", "SAME", "k", 1.0, 5),
    ("m", "b", "similar", "k", 0.9, 5),
    ("u", "b", "other", "k", None, 5),
    ("x", "b", "alone", None, None, 1),
    ("y", "b", "capped", None, None, 1),
]


def test_kinds_of_pairs_and_losses_of_sources():
    summary = summarised(layer(HERE[:3]), layer(HERE[3:]))
    assert summary.schema == dedup_pairs.SUMMARY
    assert pairs_of(summary) == {
        "e": ("exact", "k", "a", "a", None),
        "n": ("normalised", "k", "b", "a", None),
        "m": ("near", "k", "b", "a", None),
        "u": ("unverified", "k", "b", "a", None),
    }
    losses = [row for row in summary.to_pylist() if row["kind"] == "source"]
    assert [(row["source"], row["documents"], row["removed"], row["capped"]) for row in losses] == [
        ("a", 2, 1, 0),
        ("b", 5, 3, 1),
    ]
    assert dedup_pairs.report(counts_of(summary)) == [
        "removed: 1 exact, 1 normalised, 1 near, 1 unverified",
        "compared with only some candidates (dedup_capped): 1",
        "  b: 3 of 5 (60.0%)",
        "  a: 1 of 2 (50.0%)",
    ]


@pytest.mark.parametrize(
    ("verified", "kind"), [("containment", "contained"), ("signature", "near"), ("exact", "normalised")]
)
def test_a_similarity_of_one_means_what_was_compared(verified, kind):
    assert pairs_of(summarised(layer(HERE), verified=verified))["n"][0] == kind


def test_matches_in_old_corpora_are_not_looked_up_here():
    """`k` of the old corpus is not the `k` here, whatever their digests."""
    rows = [*HERE, ("o", "a", "same", "k", 1.0, 3), ("p", "b", "other", "z", 0.9, 2), ("q", "b", "other", "z", 0.9, 3)]
    summary = summarised(layer(rows, [None] * 7 + ["march", "april", "march"]))
    found = pairs_of(summary)
    assert found["o"] == ("against", "k", "a", None, "march")
    assert found["p"] == ("against", "z", "b", None, "april")
    assert found["e"] == ("exact", "k", "a", "a", None)
    told = "removed: 1 exact, 1 normalised, 1 near, 1 unverified, 2 that march holds, 1 that april holds"
    assert dedup_pairs.report(counts_of(summary))[0] == told


def test_the_same_however_it_is_cut():
    whole = summarised(layer(HERE, [None] * 7), parts=1)
    pieces = summarised(layer(HERE[4:], [None] * 3), layer(HERE[:4], [None] * 4), parts=1)
    assert whole.equals(pieces)


def test_nothing_to_tell():
    empty = layer(HERE, [None] * 7).slice(0, 0)
    summary = summarised(empty)
    assert summary.num_rows == 0 and summary.schema == dedup_pairs.SUMMARY
    assert dedup_pairs.report(counts_of(summary)) == ["removed: 0 exact, 0 normalised, 0 near"]
    dedup_pairs.check_losses(counts_of(summary), 0.0)


@pytest.mark.parametrize("values", [[None, 1.0, None, 2.0, float("nan"), 3.0, 4.0], [1.0] * 7])
def test_options_that_the_documents_do_not_answer_are_told(values):
    table = layer(HERE).append_column("score", pa.array(values, pa.float64()))
    table = table.append_column("url", pa.array(["u", *[None] * 6], pa.string()))
    linked = dedup_pairs.pairs([dedup_pairs.survey_pairs(table, "url", "score").drop_columns(["part"])])
    counts, _ = dedup_pairs.summary([linked])
    unranked = ["3 of 7 documents have no score, and so stay only where no duplicate has one"] * (values[0] is None)
    assert dedup_pairs.warnings(counts, "url", "score", ["b", "c", "d"]) == [
        "6 of 7 documents have no url, and so stay",
        *unranked,
        "--keep source-priority: no document here is of source c, d",
    ]
    assert dedup_pairs.warnings(counts_of(summarised(layer(HERE))), None, None, ["a"]) == []


# --- the alarm ------------------------------------------------------------------------------------


def losses(**sources: tuple[int, int]) -> pa.Table:
    """A summary of sources, (documents, removed) each, those removed for documents of `web` and an old corpus."""
    rows = [
        {"kind": "source", "source": name, "documents": documents, "removed": removed, "capped": 0}
        for name, (documents, removed) in sources.items()
    ]
    rows += [
        {"kind": "near", "id": f"{name}{i}", "of": "w", "source": name, "of_source": None if i % 3 else "web"}
        | ({"kind": "against", "of_corpus": "march"} if i % 3 else {})
        for name, (_, removed) in sources.items()
        for i in range(removed)
    ]
    return dedup_pairs.summary([pa.Table.from_pylist(rows, dedup_pairs.SUMMARY)])[0]


def test_a_share_at_the_limit_is_accepted_and_one_above_is_not():
    dedup_pairs.check_losses(losses(a=(1000, 950)), 0.95)
    with pytest.raises(
        DataError, match=r"1 source lost more than --max-source-loss 95% .*\n  a: 951 of 1,000 \(95.1%\)"
    ):
        dedup_pairs.check_losses(losses(a=(1000, 951)), 0.95)


def test_small_sources_are_not_looked_at():
    dedup_pairs.check_losses(losses(a=(999, 999)), 0.95)


def test_everything_is_accepted_at_one():
    dedup_pairs.check_losses(losses(a=(1000, 1000)), 1.0)


def test_the_message_names_the_worst_and_the_next_step():
    many = {f"s{i}": (1000, 990 - i) for i in range(7)}
    with pytest.raises(DataError) as raised:
        dedup_pairs.check_losses(losses(good=(5000, 4000), **many), 0.5)
    lines = str(raised.value).splitlines()
    assert lines[0] == "8 sources lost more than --max-source-loss 50% of the documents:"
    assert lines[1] == "  s0: 990 of 1,000 (99.0%), 660 for documents of march"
    assert lines[6] == "  and 3 more"
    assert lines[7].startswith("`curate show CORPUS --pairs` lists them; --keep source-priority")
    assert lines[8] == "raise --max-source-loss to accept; nothing is computed again"
