import numpy as np
import pyarrow as pa
import pytest

import curate
from curate.algorithms import rule_columns, url_lists, verdict
from curate.stages.verdict import VerdictConfig, limits, needs
from tests import material, running

COLUMNS = {column.name: column for column in rule_columns.COLUMNS}
GOOD = {
    "plain_word_count": 200,
    "mean_word_length": 4.7,
    "alphabetic_word_fraction": 0.9,
    "stop_words": 6,
    "c4_sentences": 9,
    "c4_ended_sentences": 8,
    "c4_filled_lines": 10,
    "c4_punctuated_line_fraction": 0.8,
}


def rows(*changes: dict | None, layer: str = "rules") -> pa.Table:
    """Documents that are good but for some columns; None is one that the rules say nothing of."""
    found = {}
    for name, column in COLUMNS.items():
        values = [None if change is None else {**GOOD, **change}.get(name, 0) for change in changes]
        if pa.types.is_string(column.type):
            values = [None] * len(changes)
        elif pa.types.is_boolean(column.type):
            values = [None if value is None else bool(value) for value in values]
        found[f"{layer}_{name}"] = pa.array(values, column.type)
    return pa.table(found)


def judged(table: pa.Table, **options) -> list[tuple]:
    config = VerdictConfig(**options)
    columns = verdict.judged(table.select(needs(config)), limits(config), config.rules, {})
    return list(zip(*(column.to_pylist() for column in columns)))


def test_the_options_are_the_rules_and_default_to_the_recipe():
    own = {"recipe", "rules", "block_urls", "allow_urls", "require"}
    assert set(VerdictConfig.model_fields) - own == set(verdict.RULES)
    assert len(set(verdict.RULES)) == len(verdict.RULES)
    assert limits(VerdictConfig()) == verdict.RECIPES["fineweb"]
    assert {verdict.column_of(rule) for rule in verdict.RULES} <= set(COLUMNS)


def test_each_option_says_what_each_recipe_asks_for():
    for rule in verdict.RULES:
        said = VerdictConfig.model_fields[rule].description or ""
        for recipe, asked in verdict.RECIPES.items():
            assert (recipe in said) == (rule in asked)
            if rule in asked:
                assert f" {asked[rule]:.10g}" in said


def test_a_document_fails_beyond_a_threshold_and_not_on_it():
    for rule, limit in verdict.RECIPES["fineweb"].items():
        column, step = verdict.column_of(rule), 1e-9 if COLUMNS[verdict.column_of(rule)].type == pa.float64() else 1
        beyond = limit + step if rule.startswith("max_") else limit - step
        on, out = judged(rows({column: limit}, {column: beyond}), recipe="fineweb")
        assert on == (True, None, None)
        assert out == (False, rule, rule)


def test_the_first_reason_and_all_of_them():
    table = rows({"c4_curly_bracket": 1, "plain_word_count": 3, "duplicate_line_fraction": 0.9}, {}, None)
    every = "max_duplicate_line_fraction,min_plain_word_count,max_c4_curly_bracket"
    assert judged(table) == [(False, "max_duplicate_line_fraction", every), (True, None, None), (None, None, None)]


def test_recipes_ask_for_their_own_rules():
    table = rows({"c4_ended_sentences": 2}, {"c4_sentences": 2}, {"stop_words": 1})
    assert [row[0] for row in judged(table, recipe=["c4"])] == [False, True, True]
    assert [row[0] for row in judged(table, recipe="gopher")] == [True, True, False]
    assert [row[0] for row in judged(table, recipe="fineweb")] == [True, False, False]
    assert [row[0] for row in judged(table, recipe="gopher,c4,fineweb")] == [False, False, False]


def test_thresholds_given_take_the_place_of_the_recipes():
    table = rows({"duplicate_line_fraction": 0.4}, {"duplicate_line_fraction": 0.2})
    assert [row[0] for row in judged(table)] == [False, True]
    assert [row[0] for row in judged(table, max_duplicate_line_fraction="40%")] == [True, True]
    assert [row[0] for row in judged(table, max_duplicate_line_fraction=0.1)] == [False, False]
    for off in ("off", False):
        assert [row[0] for row in judged(table, max_duplicate_line_fraction=off)] == [True, True]
    stopped = rows({"stop_words": 0, "stop_word_fraction": 0.4}, {"stop_words": 0, "stop_word_fraction": 0.01})
    assert [row[0] for row in judged(stopped, min_stop_words="off", min_stop_word_fraction=0.1)] == [True, False]


def test_further_rules():
    table = rows({"eflaw": 71.0}, {"eflaw": 70.0})
    assert judged(table, require=["eflaw<=70"]) == [(False, "max_eflaw", "max_eflaw"), (True, None, None)]
    assert needs(VerdictConfig(require=["rules_eflaw >= 3"]))[-1] == "rules_eflaw"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_hash_ratio": "much"}, "max_hash_ratio.*give a number of at least 0, or off"),
        ({"max_hash_ratio": "nan"}, "max_hash_ratio.*give a number"),
        ({"max_hash_ratio": -1}, "max_hash_ratio.*give a number"),
        ({"max_hash_ratio": True}, "max_hash_ratio.*give a number"),
        ({"require": ["eflaw<70"]}, "--require 'eflaw<70': write COLUMN<=NUMBER"),
        ({"require": ["eflaw<=e"]}, "write COLUMN<=NUMBER"),
        ({"require": ["wordcount>=70"]}, "no column 'wordcount'; there are characters"),
        ({"recipe": "c5"}, "recipe"),
        ({"recipe": "c4", **dict.fromkeys(verdict.C4, "off")}, "every rule is off"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(ValueError, match=f"(?s){said}"):
        VerdictConfig(**options)


def test_lists_of_addresses_are_rules_that_come_first(tmp_path):
    (tmp_path / "list").write_text("spam.example\n")
    found = url_lists.read([str(tmp_path / "list")])
    table = rows({"stop_words": 0}, {}, {}).append_column(
        "url", pa.array(["http://a.spam.example/", "http://b/", None])
    )
    limit = {"min_stop_words": 2.0}
    block = [column.to_pylist() for column in verdict.judged(table, limit, "rules", {"block_urls": found})]
    assert block == [[False, True, True], ["block_urls", None, None], ["block_urls,min_stop_words", None, None]]
    allow = [column.to_pylist() for column in verdict.judged(table, limit, "rules", {"allow_urls": found})]
    assert allow[1] == ["min_stop_words", "allow_urls", "allow_urls"]


def test_the_url_is_read_only_for_a_list():
    assert "url" not in needs(VerdictConfig())
    assert needs(VerdictConfig(block_urls=["x"], rules="r"))[-2:] == ("r_c4_newline_ratio", "url")


def test_the_summary_adds_up_and_is_told():
    table = rows({"hash_ratio": 1.0, "stop_words": 0}, {"stop_words": 0}, {}, None)
    keep, _, failed = verdict.judged(table, limits(VerdictConfig()), "rules", {})
    sizes = pa.array([10, 20, 40, 80])
    pieces = [verdict.counts(keep[i : i + 2], failed[i : i + 2], sizes[i : i + 2]) for i in (0, 2)]
    rules = limits(VerdictConfig())
    summary = verdict.united(pieces, list(rules), rules)
    found = {row["rule"]: row for row in summary.to_pylist()}
    assert list(found)[-2:] == ["kept", "unknown"]
    assert found["max_hash_ratio"] == {
        "rule": "max_hash_ratio", "threshold": 0.1, "first": 1, "failed": 1, "alone": 0, "bytes_first": 10
    }  # fmt: skip
    assert [found["min_stop_words"][name] for name in ("first", "failed", "alone", "bytes_first")] == [1, 2, 1, 20]
    assert (found["kept"]["first"], found["unknown"]["bytes_first"]) == (1, 80)
    lines = verdict.report_lines(summary)
    assert lines[1].split() == ["max_hash_ratio", "0.1", "1", "33.3%", "14.3%", "1", "0"]
    assert lines[3].split() == ["kept", "1", "33.3%", "57.1%"]
    assert lines[-1] == "no verdict on 1 document that the rules say nothing of"
    assert verdict.report_lines(verdict.united([], list(rules), rules))[1].split() == ["kept", "0", "0.0%", "0.0%"]


def test_many_rules_at_once_keep_their_names():
    random = np.random.default_rng(0)
    changes = [{name: float(random.integers(0, 2)) for name in COLUMNS} for _ in range(50)]
    for change, (keep, first, failed) in zip(changes, judged(rows(*changes)), strict=True):
        fails = [
            rule
            for rule, limit in verdict.RECIPES["fineweb"].items()
            if (change[rule[4:]] > limit if rule.startswith("max_") else change[rule[4:]] < limit)
        ]
        assert (keep, first, failed) == (not fails, fails[0] if fails else None, ",".join(fails) or None)


def test_from_rules_to_a_verdict_by_commands(tmp_path):
    prose = (
        "The garden behind the old house was quiet, and nobody had been there for years.\n"
        "Some of the trees have grown so tall that they hide the windows of our neighbours.\n"
        "My grandmother planted roses along that wall when she was young. They still flower every summer.\n"
        "To reach the river you follow a narrow path, cross two fields with care, and climb over a fence."
    )
    texts = [
        prose,
        prose + "\nvar x = {};  and so on.",
        "\n".join(prose.split("\n")[:2]),
        prose.replace("garden", "forest"),
    ]
    material.write_records(tmp_path / "raw/a.jsonl", texts[:3])
    material.write_records(tmp_path / "raw/b.jsonl", texts[3:], url="http://www.b.example/x")
    (tmp_path / "blocked").write_text("b.example\n")
    running.step("ingest", {"sources": [str(tmp_path / "raw")]}, to=str(tmp_path / "pool"))
    pool = {"corpus": str(tmp_path / "pool")}
    running.step("rules", {}, **pool)
    running.step("verdict", {}, **pool)
    other = {"block_urls": [str(tmp_path / "blocked")], "max_c4_curly_bracket": 1}
    running.step("verdict", other, as_="mine", **pool)
    found = curate.open(str(tmp_path / "pool")).table(["verdict_keep", "verdict_reason", "mine_keep", "mine_reason"])
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        (True, None, True, None),
        (False, "max_c4_curly_bracket", True, None),
        (False, "min_plain_word_count", False, "min_plain_word_count"),
        (True, None, False, "block_urls"),
    ]
