"""A snapshot deduplicated against an earlier one comes out as if both had been deduplicated at once."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from curate.errors import UsageError
from curate.runtime.verify import verify
from curate.storage.corpus import Corpus
from tests import material, running

AT_ONCE = "source-priority:first,second"


def changed(text: str, share: float, chance: random.Random) -> str:
    """A text with about that share of its words replaced."""
    return " ".join(word if chance.random() > share else f"w{chance.randrange(10**6)}" for word in text.split(" "))


def gather(root: Path, seed: int) -> None:
    """Two snapshots, each with duplicates of every degree within itself and of the other."""
    chance = random.Random(seed)
    texts = material.docstrings()[:150]
    for name in ("first", "second"):
        chosen = chance.sample(texts, 110)
        again = [changed(chance.choice(chosen), share, chance) for share in (0.0, 0.01, 0.02, 0.04, 0.08) * 12]
        material.write_records(root / f"raw/{name}.jsonl", [*chosen, *again, "", "one", "two"], source=name)


def ingest(root: Path, to: str, *names: str) -> None:
    options = {"sources": [str(root / f"raw/{name}.jsonl") for name in names]}
    running.step("ingest", options, to=str(root / to), shard_bytes="40k")


def dedup(root: Path, corpus: str, **options: object) -> running.Result:
    return running.step("dedup", {"max_source_loss": 1, **options}, corpus=str(root / corpus))


def rows(root: Path, corpus: str, *more: str) -> dict[str, dict]:
    columns = ["id", "dedup_keep", "dedup_of", "dedup_similarity", "dedup_size", *more]
    return {row["id"]: row for row in curate.open(root / corpus).table(columns).to_pylist()}


@pytest.fixture(scope="module")
def root(fresh) -> Path:
    """Both snapshots, the first deduplicated, and the two as one corpus."""
    found = fresh()
    gather(found, 1)
    ingest(found, "old", "first")
    ingest(found, "new", "second")
    ingest(found, "both", "first", "second")
    dedup(found, "old")
    return found


@pytest.mark.parametrize("options", [{}, {"unit": "character", "ngram": 20}, {"by": "normalised"}, {"verify": "none"}])
def test_a_second_snapshot_comes_out_as_if_both_were_deduplicated_at_once(root, options):
    before = running.tree(root / "old/documents")
    dedup(root, "old", **options)
    made = dedup(root, "new", against=[str(root / "old")], **options)
    dedup(root, "both", keep=AT_ONCE, **options)
    both, new = rows(root, "both"), rows(root, "new", "dedup_corpus")
    assert running.tree(root / "old/documents") == before
    assert len(new) == 172 and made.manifest.ledger["in"] == 172
    matched = {name for name, row in new.items() if row.pop("dedup_corpus") == "old"}
    assert matched == {name for name in new if (both[name]["dedup_of"] or "").startswith("first")}
    assert len(matched) > 60 and any(not row["dedup_keep"] and name not in matched for name, row in new.items())
    if options.get("verify") == "none":
        assert {name for name in new if new[name]["dedup_keep"]} == {name for name in new if both[name]["dedup_keep"]}
    else:
        assert new == {name: both[name] for name in new}


def test_three_snapshots(root):
    """What the second holds only because the first was no part of it is found in the second."""
    dedup(root, "old")
    dedup(root, "new", against=[f"then={root / 'old'}"])
    ingest(root, "third", "second", "first")
    dedup(root, "third", against=[f"then={root / 'old'}", str(root / "new")])
    third = rows(root, "third", "dedup_corpus")
    assert not any(row["dedup_keep"] for row in third.values())
    assert {row["dedup_corpus"] for row in third.values()} == {"then", "new"}
    kept = {name for corpus in ("old", "new") for name, row in rows(root, corpus).items() if row["dedup_keep"]}
    assert {row["dedup_of"] for row in third.values()} <= kept


def test_only_candidates_of_the_old_corpus_are_read_again(root, monkeypatch):
    from curate.storage import shard

    dedup(root, "old")
    read: list[int] = []
    original = shard.read_rows

    def counting(path, columns, rows):
        if "/old/documents/" in str(path):
            read.append(len(rows))
        return original(path, columns, rows)

    monkeypatch.setattr(shard, "read_rows", counting)
    dedup(root, "new", against=[str(root / "old")], seed=0, index=False)
    assert 0 < sum(read) < 172
    dedup(root, "old", by="url")
    read.clear()
    dedup(root, "new", against=[str(root / "old")], by="url", index=False)
    assert sum(read) == 0


def test_an_index_is_checked_and_made_anew(root):
    made = dedup(root, "old")
    folder = root / "old/dedup" / made.manifest.generation / "index"
    paths = sorted(folder.glob("*.parquet"))
    assert [path.stem for path in paths] == [entry.name for entry in made.manifest.shards] and len(paths) > 1
    names = pq.read_table(paths[0]).column_names
    assert names == ["row", "keys", "signature"]
    before = running.tree(folder)
    paths[1].unlink()
    again = dedup(root, "old")
    assert again.executed >= 1 and running.tree(folder) == before
    whole = paths[0].read_bytes()
    middle = len(whole) // 3
    paths[0].write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    problems = [problem for layer, _, found in verify(Corpus(root / "old")) for problem in found if layer == "dedup"]
    assert problems and f"index/{paths[0].stem}" in problems[0]
    paths[0].unlink()
    dedup(root, "old")
    assert running.tree(folder) == before


def test_old_corpora_that_cannot_be_compared_with(root):
    dedup(root, "old", index=False)
    with pytest.raises(UsageError, match=r"has no index; `curate dedup .*old` makes it with one"):
        dedup(root, "new", against=[str(root / "old")])
    dedup(root, "old", seed=1)
    with pytest.raises(UsageError, match=r"layer 'dedup' was made with seed 1, but now it is 0"):
        dedup(root, "new", against=[str(root / "old")])
    with pytest.raises(UsageError, match="cannot be compared with itself"):
        dedup(root, "new", against=[str(root / "new")])
    with pytest.raises(UsageError, match="no corpus there"):
        dedup(root, "new", against=[str(root / "nowhere")])
    with pytest.raises(UsageError, match="two are called 'old'"):
        dedup(root, "new", against=[str(root / "old"), str(root / "old")])
    running.step("select", {}, corpus=str(root / "old"), to=str(root / "carried"), where="dedup_keep")
    with pytest.raises(UsageError, match="was carried over from another corpus"):
        dedup(root, "new", against=[str(root / "carried")], seed=1)
