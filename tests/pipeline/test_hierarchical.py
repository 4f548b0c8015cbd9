"""The recipe of hierarchical k-means, by one command on real sentences."""

from collections import Counter

import curate
from tests import material
from tests.running import ROOT, command


def test_the_recipe_is_even_at_every_level(tmp_path):
    material.write_records(tmp_path / "raw/texts.jsonl", material.docstrings())
    (tmp_path / "hierarchical.yaml").write_text((ROOT / "configs/hierarchical.yaml").read_text())
    set_levels = ("--set", "cluster.levels=[30,6]", "--set", "cluster.resamples=2")
    ended = command("run", "hierarchical.yaml", *set_levels, "--workers", "1", "--quiet", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    columns = ["cluster_level2", "cluster"]
    pool = curate.open(tmp_path / "work/pool").table(["dedup_keep", "cluster_distance", *columns]).to_pylist()
    pool = [row for row in pool if row["dedup_keep"] and row["cluster"] is not None]
    kept = curate.open(tmp_path / "work/kept").table(["cluster_distance", *columns]).to_pylist()
    assert len(kept) == int(0.25 * len(pool))
    for name in columns:
        even(Counter(row[name] for row in pool), Counter(row[name] for row in kept), name == columns[0])
    for cluster in {row["cluster"] for row in kept}:
        near = sorted(row["cluster_distance"] for row in pool if row["cluster"] == cluster)
        taken = sorted(row["cluster_distance"] for row in kept if row["cluster"] == cluster)
        assert taken == near[: len(taken)]


def even(sizes: Counter, given: Counter, coarsest: bool) -> None:
    assert all(given[group] <= sizes[group] for group in sizes)
    partly = [given[group] for group in sizes if given[group] < sizes[group]]
    if coarsest and partly:
        assert max(partly) - min(partly) <= 1
        assert max(given.values()) == max(partly)
