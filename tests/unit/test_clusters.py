"""`curate clusters` and `curate exclude` on a small corpus, as people meet them."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
import yaml

import curate
from curate.cli.clusters import clusters, cut
from curate.errors import UsageError
from tests import material, running
from tests.running import command

WORDS = {
    "sea": "keel mast boat sail anchor",
    "soup": "onion leek carrot broth pan",
    "sky": "star moon 星星 comet orbit",
}


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    """Three subjects, each of its own source and length."""
    root = tmp_path_factory.mktemp("clusters")
    for i, (source, words) in enumerate(WORDS.items()):
        one = words.split()
        texts = [
            " ".join([*one[k % 5 :], *one[: k % 5], f"page\x1b[31m {k}\n"] + ["and"] * (10 * i)) for k in range(12 + i)
        ]
        material.write_records(root / f"raw/{source}.jsonl", texts, source=source)
    path = root / "pool"
    running.step("ingest", {"sources": [str(root / "raw")], "column": ["number=number:int64"]}, to=str(path))
    running.step("embed", {"dimensions": 16}, corpus=str(path))
    running.step("cluster", {"clusters": 3, "domains": 2, "describe": ["number", "url"]}, corpus=str(path))
    return path


@pytest.fixture
def look(pool, capsys):
    """What the command prints, in this process."""

    def run(corpus=pool, **options) -> str:
        given = {"cluster": None, "count": None, "sort": "documents", "least": False, "layer": "cluster"}
        given |= {"template": None, "as_csv": False, "json": False}
        clusters(str(corpus), **{**given, **options})
        return capsys.readouterr().out

    return run


def subject(row):
    return row["top_source"][0]["value"]


def test_the_table_fits_eighty_columns(pool, look):
    done = command("clusters", pool, COLUMNS="80")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80 and "\x1b" not in done.stdout
    assert lines[0].split() == ["cluster", "documents", "share", "tokens", "bytes", "distance", "radius"]
    sizes = [int(line.split()[1]) for line in lines[2:] if re.match(r" +\d+ +\d+ .*%", line)]
    assert sizes == [14, 13, 12]
    assert done.stdout.count("  mean  number ") == 3
    assert done.stdout.count(" nearest  ") == done.stdout.count(" farthest  ") == 3
    assert "source  sky 100%" in done.stdout
    short = look(count=1, sort="number", least=True)
    assert "source  sea 100%" in short and short.splitlines()[-1].startswith("1 of 3 clusters; -n 3 shows all")


def test_one_cluster_in_detail(pool, look, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    rows = json.loads(look(json=True))["clusters"]
    assert [subject(row) for row in rows] == ["sky", "soup", "sea"]
    number = rows[1]["cluster"]
    said = look(cluster=number)
    assert said.startswith(f"cluster {number}: 13 documents (33.3%), ")
    assert said.count("-- nearest: ") == said.count("-- farthest: ") == 5
    assert said.count("onion") >= 10 and "keel" not in said and max(map(len, said.splitlines())) <= 80
    found = json.loads(look(cluster=number, json=True))
    texts = {row["id"]: row["text"] for row in curate.open(pool).table(["id", "text"]).to_pylist()}
    assert found["nearest_texts"] == [texts[name] for name in found["nearest"]]
    assert len(found["farthest_texts"]) == 5


@pytest.mark.parametrize("suffix", ["yaml", "csv"])
def test_a_template_filled_in_leaves_clusters_out(pool, look, tmp_path, suffix):
    path = tmp_path / f"list.{suffix}"
    assert "3 clusters, none left out yet" in command("clusters", pool, "--template", path).stdout
    with pytest.raises(UsageError, match="the file exists"):
        look(template=str(path))
    rows = json.loads(look(json=True))["clusters"]
    number = next(row["cluster"] for row in rows if subject(row) == "soup")
    text = path.read_text("utf-8")
    if suffix == "yaml":
        assert yaml.safe_load(text)["exclude"] is None
        text = text.replace(f'# - {{cluster: {number}, reason: ""}}', f"- {{cluster: {number}, reason: hungry}}")
    else:
        table = list(csv.DictReader(io.StringIO(text)))
        assert [subject(row) for row in rows] == [row["top_source"].split()[0] for row in table]
        text = text.replace(f",,{number},", f",hungry,{number},")
    path.write_text(text, "utf-8")
    layer = f"exclude_{suffix}"
    done = command("exclude", pool, "--exclude", path, "--as", layer)
    assert "left out 1 of 3 clusters, 13 of 39 (33.3%) documents" in done.stderr
    assert "hungry" in done.stderr and "onion" in done.stderr
    kept = curate.open(pool).table(["source"], where=f"{layer}_keep")["source"].to_pylist()
    assert sorted(set(kept)) == ["sea", "sky"] and len(kept) == 26
    reasons = curate.open(pool).table([f"{layer}_reason"], where=f"NOT {layer}_keep")
    assert set(reasons[0].to_pylist()) == {"hungry"}


def test_a_list_for_another_clustering_is_refused_before_anything_runs(pool, look, tmp_path):
    path = tmp_path / "list.yaml"
    look(template=str(path))
    running.step("cluster", {"clusters": 2}, corpus=str(pool), as_="topics")
    done = command("exclude", pool, "--exclude", path, "--cluster", "topics", "--as", "other")
    assert done.returncode == 2 and "made for another clustering" in done.stderr
    assert not (pool / "other").exists()
    assert json.loads(look(layer="topics", json=True))["clustering"].startswith("topics ")
    by_mean = command("exclude", pool, "--min-mean", "number=1000", "--cluster", "topics", "--as", "other")
    assert "left out 2 of 2 clusters" in by_mean.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "embed"}, "no clusters in a layer 'embed'; --layer takes one of: cluster"),
        ({"cluster": 9}, "--cluster 9: no documents are in it; the clusters are numbered from 0 to 2"),
        ({"sort": "terms"}, "--sort 'terms': no such number; there are: cluster, documents, bytes"),
        ({"json": True, "as_csv": True}, "--csv and --json do not go together"),
        ({"cluster": 1, "as_csv": True}, "--cluster and --csv do not go together"),
        ({"template": "x.txt"}, "--template 'x.txt': name a .yaml or a .csv file"),
        ({"template": "/no/such/x.csv"}, "--template '/no/such/x.csv': there is no folder /no/such; make it"),
    ],
)
def test_mistakes(look, options, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        look(**options)


def test_a_corpus_without_documents(pool, look, tmp_path):
    path = str(tmp_path / "none")
    running.step("select", {}, corpus=str(pool), where="false", carry="embed", to=path)
    running.step("cluster", {}, corpus=path)
    running.step("exclude", {"max_mean": {"cluster_distance": 1}}, corpus=path)
    assert json.loads(look(path, json=True))["clusters"] == []
    assert len(look(path).splitlines()) == 2
    with pytest.raises(UsageError, match="--cluster 0: no documents are in it; there are no clusters"):
        look(path, cluster=0)


def test_a_carried_layer_has_no_table(pool, look, tmp_path):
    running.step("select", {}, corpus=str(pool), where="cluster = 0", to=str(tmp_path / "kept"))
    with pytest.raises(UsageError, match="was carried over from another corpus"):
        look(tmp_path / "kept")
    running.step("exclude", {"min_mean": {"number": 1000}}, corpus=str(tmp_path / "kept"))
    assert set(curate.open(tmp_path / "kept").table(["exclude_keep"])[0].to_pylist()) == {False}


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 3, ""),
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("星星星", 6, "星星星"),
        ("星星星", 5, "星星…"),
        ("a\x1bb\n", 9, "a b"),
    ],
)
def test_lines_are_cut_to_columns(text, width, expected):
    assert cut(text, width) == expected
