import datetime
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms.where import columns, mask, unknown
from curate.errors import UsageError

UTC = datetime.UTC
TABLE = pa.table(
    {
        "n": pa.array([1, 2, 3, 4, None], pa.int64()),
        "score": pa.array([0.1, 0.5, 0.9, float("nan"), None], pa.float32()),
        "keep": pa.array([True, False, None, True, False]),
        "s": pa.array(["apple", "Banana", "ch%rry", "", None], pa.large_string()),
        "lang": pa.array(["en", "de", "en", "fr", None]).dictionary_encode(),
        "date": pa.array(
            [
                datetime.datetime(2019, 12, 31, 23, 59, tzinfo=UTC),
                datetime.datetime(2020, 1, 1, tzinfo=UTC),
                datetime.datetime(2021, 6, 1, 12, tzinfo=UTC),
                None,
                None,
            ],
            pa.timestamp("us", tz="UTC"),
        ),
        "odd name": pa.array([1, 2, 3, 4, 5], pa.int32()),
    }
)
T, F, N = True, False, None

SELECTS = {
    "keep": [T, F, N, T, F],
    "NOT keep": [F, T, N, F, T],
    "keep AND n > 0": [T, F, N, T, F],
    "keep AND n > 3": [F, F, F, T, F],
    "keep OR n > 0": [T, T, T, T, N],
    "keep IS NULL": [F, F, T, F, F],
    "keep IS NOT NULL": [T, T, F, T, T],
    "keep = TRUE": [T, F, N, T, F],
    "NOT (n > 2)": [T, T, F, F, N],
    "n = NULL": [N, N, N, N, N],
    "n IS NOT DISTINCT FROM NULL": [F, F, F, F, T],
    "n <> 2": [T, F, T, T, N],
    "n != 2": [T, F, T, T, N],
    "n IN (1, 3)": [T, F, T, F, N],
    "n NOT IN (1, 3)": [F, T, F, T, N],
    "s IN ('apple', '')": [T, F, F, T, N],
    "n BETWEEN 2 AND 3": [F, T, T, F, N],
    "n NOT BETWEEN 2 AND 3": [T, F, F, T, N],
    "n + 1 > 3": [F, F, T, T, N],
    "n * 2 - 1 >= 5": [F, F, T, T, N],
    "n / 2 > 1": [F, F, T, T, N],
    "n % 2 = 0": [F, T, F, T, N],
    "-n < -3": [F, F, F, T, N],
    "score > 0.5": [F, F, T, N, N],
    "score >= .5 AND score < 1e3": [F, T, T, N, N],
    "score IS NULL": [F, F, F, T, T],
    "score::double > 0.4": [F, T, T, N, N],
    "n::varchar = '3'": [F, F, T, F, N],
    "s LIKE 'a%'": [T, F, F, F, N],
    "s LIKE '%an%'": [F, T, F, F, N],
    "s NOT LIKE '_a%'": [T, F, T, T, N],
    "s ILIKE 'b%'": [F, T, F, F, N],
    "s ~ '^[ab]'": [T, F, F, F, N],
    "lower(s) = 'banana'": [F, T, F, F, N],
    "upper(s) = 'APPLE'": [T, F, F, F, N],
    "length(s) > 5": [F, T, T, F, N],
    "octet_length(s) = 5": [T, F, F, F, N],
    "starts_with(s, 'ch')": [F, F, T, F, N],
    "ends_with(s, 'e')": [T, F, F, F, N],
    "strpos(s, 'n') = 3": [F, T, F, F, F],
    "substr(s, 2, 2) = 'pp'": [T, F, F, F, N],
    "replace(s, 'p', '') = 'ale'": [T, F, F, F, N],
    "trim(s) = ''": [F, F, F, T, N],
    "s || '!' = 'apple!'": [T, F, F, F, N],
    "concat(s, '-', lang) = 'apple-en'": [T, F, F, F, F],
    "lang = 'en'": [T, F, T, F, N],
    "lang IN ('en', 'fr') AND score > 0.2": [F, F, T, N, N],
    "lang = 'en' OR s IS NULL": [T, F, T, F, T],
    "CASE WHEN n > 2 THEN TRUE WHEN n = 1 THEN FALSE END": [F, N, T, T, N],
    "CASE lang WHEN 'en' THEN score > 0.5 ELSE TRUE END": [F, T, T, T, T],
    "coalesce(n, 0) = 0": [F, F, F, F, T],
    "nullif(n, 2) > 0": [T, N, T, T, N],
    "greatest(n, 3) = 3": [T, T, T, F, T],
    "abs(n - 3) <= 1": [F, T, T, T, N],
    "round(sqrt(n)) = 2": [F, F, T, T, N],
    "mod(n, 3) = 1": [T, F, F, T, N],
    "date >= '2020-01-01'": [F, T, T, N, N],
    "date >= DATE '2020-01-01'": [F, T, T, N, N],
    "'2020-01-01' > date": [T, F, F, N, N],
    "date > TIMESTAMP '2020-01-01 00:00:00'": [F, F, T, N, N],
    "date > '2021-06-01 11:59:59'": [F, F, T, N, N],
    "date BETWEEN '2019-01-01' AND '2020-12-31'": [T, T, F, N, N],
    "date >= '2020-01-01' OR date IS NULL": [F, T, T, T, T],
    "extract(year from date) = 2021": [F, F, T, N, N],
    "strftime(date, '%Y-%m') = '2019-12'": [T, F, F, N, N],
    '"odd name" > 4': [F, F, F, F, T],
    "n > 2 -- and so on": [F, F, T, T, N],
    "s = 'sum(n) OVER now()'": [F, F, F, F, N],
    'n IN (1, "odd name")': [T, T, T, T, N],
    "TRUE": [T] * 5,
    "1 = 2": [F] * 5,
    "NULL": [N] * 5,
}


@pytest.mark.parametrize("expression", SELECTS)
def test_what_an_expression_selects(expression):
    keep, null = mask(TABLE, expression)
    assert (keep.dtype, null.dtype) == (np.bool_, np.bool_)
    assert [None if unknown_ else bool(kept) for kept, unknown_ in zip(keep, null, strict=True)] == SELECTS[expression]
    assert not (keep & null).any()


@pytest.mark.parametrize("expression", SELECTS)
def test_rows_are_decided_one_by_one(expression):
    keep, null = mask(TABLE, expression)
    apart = [mask(TABLE.slice(row, 1), expression) for row in range(len(TABLE))]
    assert [bool(kept[0]) for kept, _ in apart] == keep.tolist()
    assert [bool(unknown_[0]) for _, unknown_ in apart] == null.tolist()
    assert len(mask(TABLE.slice(0, 0), expression)[0]) == 0


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("count(*) > 3", "count"),
        ("count(n) > 3", "aggregate"),
        ("n > avg(n)", "aggregate"),
        ("max(n) = n", "aggregate"),
        ("first(n) = n", "aggregate"),
        ("sum(n) FILTER (WHERE keep) > 1", "aggregate"),
        ("n > ALL(score)", "aggregate"),
        ("array_length(array_agg(n)) > 1", "not allowed"),
        ("quantile_cont(n, 0.5) > 1", "Quantile"),
        ("corr(n, score) > 0", "not allowed"),
        ("max(n) OVER (PARTITION BY lang) = n", "window"),
        ("row_number() OVER (ORDER BY n) < 3", "window"),
        ("row_number() < 3", "not allowed"),
        ("lag(n) OVER (ORDER BY n) < 3", "window"),
        ("unnest(s) = 'x'", "Explode"),
        ("n IN (SELECT 1)", "not allowed"),
        ("EXISTS (SELECT 1)", "subquery"),
        ("n > 1 AS big", "second name"),
        ("n > 1 garbage", "second name"),
        ("COLUMNS('n.*') > 1", "not allowed"),
        ("date < now()", "now differs"),
        ("date < current_timestamp()", "current_timestamp differs"),
        ("date < CURRENT_DATE", "CURRENT_DATE differs"),
        ("CASE WHEN keep THEN sum(n) > 1 ELSE FALSE END", "aggregate"),
        ("coalesce(n, max(n)) > 1", "aggregate"),
        ("n >", "unable to parse"),
        ("order = 1", "in double quotes"),
        (" ", "it is empty"),
        ("n > 1; DROP TABLE x", "';'"),
        ("n > 1) AS a, (keep", "')'"),
        ("n > 1, keep", "','"),
        ("n > 1 FROM self", "FROM"),
        ("no_such_function(n)", "no_such_function"),
        ("n = $1", "$1"),
    ],
)
def test_what_is_refused_and_why(expression, reason):
    with pytest.raises(UsageError) as raised:
        columns(expression)
    assert f"`{expression}`" in str(raised.value)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("n", "Int64"),
        ("n + 1", "Int64"),
        ("lower(s)", "String"),
        ("1", "names no column"),
        ("'en'", "names no column"),
        ("s > 3", "compare"),
        ("s::int > 3", "conversion"),
        ("date > 'yesterday'", "date"),
    ],
)
def test_what_cannot_be_computed_and_why(expression, reason):
    with pytest.raises(UsageError) as raised:
        mask(TABLE, expression)
    assert f"`{expression}`" in str(raised.value)
    assert reason in str(raised.value)


def test_a_column_may_be_called_cluster():
    table = pa.table({"cluster": [0, 1], "cluster_s": [None, None], "s": ["a cluster of", "x"], "order": [1, 2]})
    for expression in ("cluster = 0", '"cluster" < 1 AND cluster_s IS NULL', "s = 'a cluster of'", '"order" = 1'):
        assert mask(table, expression)[0].tolist() == [True, False], expression
    assert columns("cluster = 0") == ["cluster"]


def test_columns_are_named_once_in_order_of_use():
    assert columns('b > 1 AND a IS NULL AND b < lower(c) OR "d e"') == ["b", "a", "c", "d e"]
    assert columns("TRUE") == []
    assert unknown("b > 1 AND a = 2 AND text LIKE 'x%'", ["text", "a"]) == ["b"]


def test_sliced_and_chunked_tables():
    table = pa.concat_tables([TABLE.slice(1, 2), TABLE.slice(3, 2)])
    assert mask(table, "n >= 2 AND s <> ''")[0].tolist() == [True, True, False, False]


def test_polars_is_imported_only_when_needed():
    code = "import sys, curate.algorithms.where; print('polars' in sys.modules, 'numba' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]
