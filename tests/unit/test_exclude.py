import pyarrow as pa
import pytest

from curate.algorithms import exclude, exclude_list
from curate.errors import UsageError
from curate.stages.exclude import STAGE, ExcludeConfig

ROWS = [
    # cluster, bytes, score
    (0, 10, 0.5),
    (0, 10, None),
    (0, 20, 0.25),
    (2, 30, 0.375),
    (5, 40, float("nan")),
    (None, 7, 0.0),
    (5, 60, None),
    (9, 1, 0.25),
    (9, 1, 0.125),
]


def shard(rows):
    clusters, sizes, scores = zip(*rows, strict=True) if rows else ((),) * 3
    return pa.table(
        {
            "cluster": pa.array(clusters, pa.int32()),
            "bytes": pa.array(sizes, pa.int64()),
            "score": pa.array(scores, pa.float32()),
            "text": pa.array(["x"] * len(rows)),
        }
    )


def decided(rows, reasons=(), cut=100, **bounds):
    rules = exclude.Rules(dict(reasons), *(bounds.get(name, {}) for name in ("least", "most", "shares")))
    parts = [shard(rows[i : i + cut]) for i in range(0, len(rows), cut)]
    return exclude.decided([exclude.sums(part, "cluster", rules.scores) for part in [*parts, shard([])]], rules)


@pytest.mark.parametrize("cut", [1, 4, 100])
@pytest.mark.parametrize("waiting", [0, 100_000])
def test_a_cluster_goes_by_its_mean_but_not_on_the_bound(cut, waiting, monkeypatch):
    monkeypatch.setattr(exclude, "_WAITING", waiting)
    found = decided(ROWS, cut=cut, least={"score": 0.375})
    assert found.to_pydict() == {
        "cluster": [0, 2, 5, 9, None],
        "documents": [3, 1, 2, 2, 1],
        "bytes": [40, 30, 100, 2, 7],
        "keep": [True, True, True, False, None],
        "reason": [None, None, None, "mean score 0.1875 < 0.375", None],
        "mean_score": [0.375, 0.375, None, 0.1875, None],
    }
    most = decided(ROWS, cut=cut, most={"score": 0.3})
    assert most["keep"].to_pylist() == [False, False, True, True, None]
    assert most["reason"][0].as_py() == "mean score 0.375 > 0.3"


@pytest.mark.parametrize(
    ("share", "gone"),
    [
        (0.1, []),
        (0.2, [0]),
        (0.39, [0]),
        (0.4, [0, 1]),
        (0.5, [0, 1]),
        (0.7, [0, 1]),
        (0.8, [0, 1, 3, 4]),
        (0.99, [0, 1, 3, 4]),
    ],
)
def test_the_least_means_that_hold_a_share(share, gone):
    rows = [(number, 1, score) for number, score in enumerate([0.1, 0.2, 0.9, 0.3, 0.3]) for _ in range(2)]
    found = decided(rows, shares={"score": share})
    assert [number for number, keep in enumerate(found["keep"].to_pylist()) if keep is False] == gone


def test_no_cluster_has_the_score():
    assert decided([(1, 1, None)], shares={"score": 0.5})["keep"].to_pylist() == [True, None]


def test_a_list_and_bounds_together():
    found = decided(ROWS, {9: "lists", 5: "menus", 700: "typo"}, least={"score": 0.2})
    assert found["cluster"].to_pylist() == [0, 2, 5, 9, 700, None]
    assert found["keep"].to_pylist() == [True, True, False, False, False, None]
    assert found["reason"][2].as_py() == "menus"
    assert found["reason"][3].as_py() == "lists; mean score 0.1875 < 0.2"
    keep, reason = exclude.verdicts(shard(ROWS)["cluster"], exclude.prepared(found))
    assert keep.to_pylist() == [True, True, True, True, False, None, False, False, False]
    assert reason.to_pylist()[3:6] == [None, "menus", None]
    lines = exclude.report_lines(found, "cluster", None)
    assert lines[0] == "left out 2 of 4 clusters, 4 of 9 (44.4%) documents, 102 of 179 (57.0%) bytes"
    assert [line.split()[0] for line in lines[2:4]] == ["5", "9"]
    assert lines[4:] == [
        "warning: the list names clusters without documents: 700",
        "warning: no document of 1 clusters has a value of score; they stay",
        "no verdict on 1 document in no cluster",
    ]


def test_where_the_means_lie_is_said_when_no_cluster_goes():
    lines = exclude.report_lines(decided(ROWS, least={"score": -9}), "cluster", None)
    assert lines[0].startswith("left out 0 of 4 clusters")
    assert lines[1].startswith("mean score: from 0.1875 in cluster 9 to ")


def test_nothing_in_any_cluster():
    found = decided([(None, 3, 1.0)], least={"score": 2})
    assert found["cluster"].to_pylist() == [None]
    keep, reason = exclude.verdicts(shard([(None, 3, 1.0)] * 2)["cluster"], exclude.prepared(found))
    assert (keep.to_pylist(), reason.to_pylist()) == ([None] * 2, [None] * 2)
    assert exclude.report_lines(found, "cluster", None)[0].startswith("left out 0 of 0 clusters")
    assert decided([], least={"score": 2}).num_rows == 1


def test_the_report_has_the_terms_of_the_clustering():
    summary = pa.table(
        {
            "cluster": [0, 2, 5, 9],
            "cluster_domain": [2, 2, 9, 9],
            "documents": [5, 1, 2, 2],
            "terms": [["keel"], ["mast"], ["onion"], ["leek", "soup"]],
        }
    )
    found = decided(ROWS, {2: "boats"})
    assert exclude.report_lines(found, "cluster", summary)[3].split() == ["mast"]
    assert exclude.report_lines(found, "cluster_domain", summary)[3].split() == ["keel"]
    assert len(exclude.report_lines(found, "topics_level2", summary)) == 4
    many = decided([(i, 1, 0.0) for i in range(50)], least={"score": 1.0})
    assert exclude.report_lines(many, "cluster", None)[-1] == "and 30 smaller with 30 documents"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to leave clusters out by"),
        ({"min_mean": ["score"]}, "not COLUMN=NUMBER"),
        ({"min_mean": ["score=1", "score=2"]}, "two bounds"),
        ({"min_mean": ["score=x"]}, "valid number"),
        ({"max_mean": ["score=nan"]}, "finite"),
        ({"drop_least": ["score=100%"]}, "less than 1"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        ExcludeConfig(**options)


def test_columns_of_the_wrong_type():
    with pytest.raises(UsageError, match="--cluster text: it holds string"):
        exclude.sums(shard(ROWS), "text", [])
    with pytest.raises(UsageError, match="text has no mean, it holds string"):
        exclude.sums(shard(ROWS), "cluster", ["text"])


# --- lists ----------------------------------------------------------------------------------------

HEAD = "clustering: cluster abc\n"


def written(tmp_path, text, name="list.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_list_in_yaml(tmp_path):
    path = written(
        tmp_path, HEAD + "exclude:\n- {cluster: 3, reason: 'menus,\n  lists'}\n- {cluster: 0, reason: ads}\n"
    )
    assert exclude_list.read(path) == ("cluster abc", {3: "menus, lists", 0: "ads"})
    assert exclude_list.read(written(tmp_path, HEAD + "exclude:\n")).reasons == {}


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_list_in_csv(tmp_path, mark):
    rows = ["clustering,reason,cluster,terms", "cluster abc,menus,3,x", "cluster abc, ,4,y"]
    path = written(tmp_path, "\ufeff" + "\r\n".join(rows).replace(",", mark), "list.csv")
    assert exclude_list.read(path) == ("cluster abc", {3: "menus"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "line 1: not YAML"),
        ("- 1", "not a list of clusters"),
        ("exclude: []", "not a list of clusters"),
        (HEAD + "exclude: {}\nmore: 1", "not a list of clusters"),
        (HEAD + "exclude: 3", "not a list of clusters"),
        (HEAD + "exclude: [3]", "entry 1: write it as"),
        (HEAD + "exclude: [{cluster: 3}]", "entry 1: write it as"),
        (HEAD + "exclude: [{cluster: x, reason: y}]", "entry 1: cluster 'x': write the number"),
        (HEAD + "exclude: [{cluster: true, reason: y}]", "cluster True: write the number"),
        (HEAD + "exclude: [{cluster: -1, reason: y}]", "cluster -1: write the number"),
        (HEAD + "exclude: [{cluster: 3, reason: ' '}]", "cluster 3 has no reason"),
        (HEAD + "exclude: [{cluster: 3, reason: a}, {cluster: 3, reason: b}]", "entry 2: cluster 3 stands there twice"),
    ],
)
def test_what_is_no_list(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        exclude_list.read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cluster,reason\n1,x\n", "no column 'clustering'"),
        ("", "no column 'clustering'"),
        ("clustering,cluster,reason\n", "0 clusterings"),
        ("clustering,cluster,reason\na,1,x\nb,2,y\n", "2 clusterings"),
        ("clustering,cluster,reason\na,one,x\n", "line 2: cluster 'one'"),
    ],
)
def test_what_is_no_table(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        exclude_list.read(written(tmp_path, text, "list.csv"))


def test_a_list_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(UsageError, match=r"--exclude '.*': .*; give a list of clusters"):
            STAGE.check(ExcludeConfig(exclude=str(path)), "abc")


def test_a_list_for_another_clustering_is_refused(tmp_path):
    path = written(tmp_path, HEAD + "exclude: [{cluster: 3, reason: x}]")
    STAGE.check(ExcludeConfig(exclude=path), "abc")
    with pytest.raises(UsageError, match="another clustering"):
        STAGE.check(ExcludeConfig(exclude=path), "abd")
    with pytest.raises(UsageError, match="'cluster_domain abc'"):
        STAGE.check(ExcludeConfig(exclude=path, cluster="cluster_domain"), "abc")
    STAGE.check(ExcludeConfig(min_mean={"score": 1}), "abd")


def test_a_template_leaves_nothing_out_until_it_is_filled_in(tmp_path):
    rows = [{"cluster": 4, "documents": 1200, "terms": ["a: b", "c"], "example": "the 'text' # of it"}]
    text = exclude_list.yaml_template("cluster abc", rows)
    assert exclude_list.read(written(tmp_path, text)) == ("cluster abc", {})
    filled = text.replace('  # - {cluster: 4, reason: ""}', '  - {cluster: 4, reason: "ads"}')
    assert exclude_list.read(written(tmp_path, filled)).reasons == {4: "ads"}
