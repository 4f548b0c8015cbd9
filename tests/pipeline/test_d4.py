"""The recipe of D4, by one command on real sentences."""

import curate
from curate.cli.running import left_behind
from curate.runtime.status import pairs
from curate.storage.corpus import Corpus
from tests import material, running
from tests.running import ROOT, command


def test_the_recipe_hits_its_rates(tmp_path):
    texts = material.docstrings()
    copies = [text + "\nOnce more." for text in texts[:40] if len(text) > 300]
    material.write_records(tmp_path / "raw/texts.jsonl", [*texts, *copies])
    (tmp_path / "d4.yaml").write_text((ROOT / "configs/d4.yaml").read_text())
    ended = command("run", "d4.yaml", "--workers", "1", "--quiet", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    pool = curate.open(tmp_path / "work/pool")
    found = pool.table(["id", "dedup_keep", "semdedup_keep", "semdedup_similarity", "semdedup_of"]).to_pylist()
    left = [row for row in found if row["dedup_keep"]]
    unlike = [row for row in left if row["semdedup_keep"]]
    assert len(left) < len(found) and len(unlike) == int(0.75 * len(left))
    gone = [row for row in left if not row["semdedup_keep"]]
    assert max(row["semdedup_similarity"] for row in unlike) <= min(row["semdedup_similarity"] for row in gone)
    assert {row["semdedup_of"] for row in gone} <= {row["id"] for row in left}
    kept = curate.open(tmp_path / "work/kept").table(["id", "recluster_distance", "prototypes_keep"])
    assert kept.num_rows == len(unlike) // 3
    again = curate.open(tmp_path / "work/unlike").table(["id", "recluster_distance", "prototypes_keep"]).to_pylist()
    nearest = min(row["recluster_distance"] for row in again if row["prototypes_keep"])
    assert all(row["recluster_distance"] <= nearest for row in again if not row["prototypes_keep"])
    assert Corpus(tmp_path / "work/kept").documents().ledger["out"] == kept.num_rows
    stays = next(row for row in unlike if row["semdedup_of"] is not None)
    said = command("explain", tmp_path / "work/pool", stays["id"]).stdout
    assert f"it is most like {stays['semdedup_of']}, similarity" in said
    said = command("explain", tmp_path / "work/pool", gone[0]["id"]).stdout
    assert f"it duplicates {gone[0]['semdedup_of']}, similarity" in said
    pool = Corpus(tmp_path / "work/pool")
    named = pairs(pool, 9999, "layer = 'semdedup'")
    assert {(row["id"], row["of"], row["similarity"]) for row in named} == {
        (row["id"], row["semdedup_of"], row["semdedup_similarity"]) for row in gone if row["semdedup_of"]
    }
    assert {(row["kind"], row["source"], row["of_source"]) for row in named} == {("meaning", "texts", "texts")}
    assert {row["layer"] for row in pairs(pool, 1)} == {"dedup", "semdedup"}
    assert pairs(pool, 5, "kind = 'meaning' AND similarity > 2") == []
    (line,) = left_behind(running.plan("select", {}, corpus=str(pool.path), to=str(tmp_path / "new")))
    assert line.startswith("left behind, since its rows are large: embed;")
    assert left_behind(running.plan("embed", {}, corpus=str(pool.path))) == []
