"""Run files: what is read, what is refused and in which words, and the schema for editors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from curate.errors import UsageError
from curate.runtime import runfile
from curate.stage import InputFile, InputPath, ModelPath, OldCorpus, Options, StageConfig


class IngestConfig(StageConfig):
    """Bring in files."""

    sources: list[InputPath] = Field(description="Files, folders and globs.")


class DedupConfig(StageConfig):
    """Find copies."""

    threshold: float = Field(0.8, gt=0, le=1, description="Jaccard similarity.")
    keep: Literal["longest", "first", "no"] = Field("longest", description="Which copy stays.")
    against: list[OldCorpus] = Field([], description="Corpora to compare with.")


class ClusterConfig(StageConfig):
    """Group."""

    clusters: int = Field(100, ge=1, description="How many.")


class DsirConfig(StageConfig):
    """Weigh."""

    target: list[InputFile] = Field(description="Files to be like.")
    negative: list[ModelPath] | None = Field(None, description="Files to be unlike, or builtin.")


Amount = Annotated[
    int,
    BeforeValidator(lambda value: 10_000_000 if value == "10M" else value),
    WithJsonSchema({"type": ["integer", "string"]}),
]


class MixConfig(StageConfig):
    """Mix."""

    tokens: Amount | None = Field(None, description="Budget.")
    weights: dict[str, float] = Field({}, description="Shares.")
    documents: int | None = Field(None, description="Budget.")

    @model_validator(mode="after")
    def _one_budget(self):
        if self.tokens and self.documents:
            raise ValueError("give tokens or documents, not both")
        return self


class Common(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    corpus: str | None = Field(None, description="Corpus.")
    corpora: list[str] | None = Field(None, description="Corpora.")
    as_: str | None = Field(None, alias="as", description="Name.")
    to: str | None = Field(None, description="Folder.")
    where: str | None = Field(None, description="Expression.")
    replace: bool = Field(False, description="Anew.")


class Execution(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    executor: str = Field("local", description="What runs tasks.")
    workers: int = Field(0, ge=0, description="How many.")
    max_errors: str = Field("0", description="How many.")


VERBS = {
    "ingest": IngestConfig,
    "dedup": DedupConfig,
    "cluster": ClusterConfig,
    "dsir": DsirConfig,
    "select": Options,
    "mix": MixConfig,
}

EXAMPLE = """\
steps:                                    # in order; each is one verb
  - ingest: {sources: [raw/*.jsonl.zst], to: work/pool}
  - dedup: {threshold: 0.8}
  - cluster: {clusters: 1000}
  - cluster: {as: recluster, where: dedup_keep, clusters: 200}
  - select: {where: dedup_keep AND dsir > 0, to: work/kept}
  - mix: {corpora: [work/kept, other=work/books], tokens: 10M, to: work/train}
execution: {executor: local, workers: 2}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a run file from its text, as ./demo.yaml."""
    monkeypatch.chdir(tmp_path)

    def load(text: str, *overrides: str) -> runfile.RunFile:
        (tmp_path / "demo.yaml").write_text(text, encoding="utf-8")
        return runfile.load("demo.yaml", VERBS, Common, overrides, Execution)

    return load


def options(load, step: str, *overrides: str) -> dict[str, Any]:
    return load(f"steps:\n  - {step}\n", *overrides).steps[0].options


def message(load, text: str, *overrides: str) -> str:
    with pytest.raises(UsageError) as raised:
        load(text, *overrides)
    return str(raised.value)


def test_the_example(load, tmp_path):
    loaded = load(EXAMPLE)
    assert [(step.verb, step.name, step.line) for step in loaded.steps] == [
        ("ingest", "ingest", 2),
        ("dedup", "dedup", 3),
        ("cluster", "cluster", 4),
        ("cluster", "recluster", 5),
        ("select", "select", 6),
        ("mix", "mix", 7),
    ]
    assert loaded.execution == {"executor": "local", "workers": 2}
    assert loaded.steps[0].options == {"sources": [f"{tmp_path}/raw/*.jsonl.zst"], "to": f"{tmp_path}/work/pool"}
    assert loaded.steps[3].options == {"as": "recluster", "where": "dedup_keep", "clusters": 200}
    assert loaded.steps[5].options == {
        "corpora": [f"{tmp_path}/work/kept", f"other={tmp_path}/work/books"],
        "tokens": "10M",
        "to": f"{tmp_path}/work/train",
    }


def test_a_name_that_a_verb_and_all_steps_have_is_the_verbs_own(tmp_path, monkeypatch):
    class SimilarConfig(StageConfig):
        """Compare."""

        to: list[InputFile] = Field(description="Files to be near to.")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo.yaml").write_text("steps:\n  - similar: {to: [a.jsonl, b.jsonl#question], as: near}\n")
    verbs = {**VERBS, "similar": SimilarConfig}
    found = runfile.load("demo.yaml", verbs, Common, (), Execution).steps[0].options
    assert found == {"to": [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl#question")], "as": "near"}
    (tmp_path / "demo.yaml").write_text("steps:\n  - similar: {to: a.jsonl}\n")
    with pytest.raises(UsageError, match=r"a\.jsonl': it must be a list"):
        runfile.load("demo.yaml", verbs, Common, (), Execution)


def test_a_verb_may_have_no_options(load):
    loaded = load("steps:\n- dedup:\n- cluster: {}\nexecution:\n")
    assert [step.options for step in loaded.steps] == [{}, {}]
    assert loaded.execution == {}


class TestPaths:
    def test_are_relative_to_the_run_file_wherever_one_stands(self, load, tmp_path, monkeypatch):
        (tmp_path / "elsewhere").mkdir()
        load("steps: [dedup: {corpus: pool}]")
        monkeypatch.chdir(tmp_path / "elsewhere")
        loaded = runfile.load("../demo.yaml", VERBS, Common, ["dedup.to=out"])
        assert loaded.steps[0].options == {"corpus": f"{tmp_path}/pool", "to": f"{tmp_path}/out"}

    def test_old_corpora_may_have_names(self, load, tmp_path):
        found = options(load, "dedup: {against: [old, 2024=work/pool, /data/a]}")
        assert found["against"] == [f"{tmp_path}/old", f"2024={tmp_path}/work/pool", "/data/a"]

    def test_absolute_ones_and_urls_stay(self, load):
        found = options(load, "ingest: {sources: [/data/a, s3://bucket/*.zst, ~/b], to: /out}")
        assert found["sources"][:2] == ["/data/a", "s3://bucket/*.zst"]
        assert found["sources"][2].startswith("/") and "~" not in found["sources"][2]
        assert found["to"] == "/out"

    def test_a_field_of_a_file_survives(self, load, tmp_path):
        assert options(load, "dsir: {target: ['gold/t.jsonl#answer.text']}") == {
            "target": [f"{tmp_path}/gold/t.jsonl#answer.text"]
        }

    def test_a_model_is_a_path_only_if_it_is_there(self, load, tmp_path):
        (tmp_path / "mine").mkdir()
        found = options(load, "dsir: {target: [t], negative: [builtin, org/name, mine, 'mi*', 'mine#text', 'x*']}")
        there = [f"{tmp_path}/{name}" for name in ("mine", "mi*", "mine#text")]
        assert found["negative"] == ["builtin", "org/name", *there, "x*"]


class TestValues:
    def test_options_of_text_get_what_is_written(self, load):
        found = options(load, "dedup: {as: 2024, where: yes, keep: no, replace: yes, threshold: 1}")
        assert found == {"as": "2024", "where": "yes", "keep": "no", "replace": True, "threshold": 1}
        assert load("steps: [dedup: ]\nexecution: {max_errors: 5}").execution == {"max_errors": "5"}

    def test_null_is_null(self, load):
        assert options(load, "dedup: {where: null, corpus: ~, as: }") == {"where": None, "corpus": None, "as": None}

    def test_only_plain_yaml(self, load):
        text = "steps:\n  - dedup: {threshold: !!python/object/apply:os.getcwd []}\n"
        assert message(load, text).startswith("demo.yaml:2: not plain YAML: could not determine a constructor")


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("stepz: []", "demo.yaml:1: unknown key 'stepz'; did you mean 'steps'?"),
            ("execution: {}", "demo.yaml: `steps` is missing"),
            ("", "demo.yaml: is empty"),
            ("steps: []", "demo.yaml:1: `steps` must be a list with at least one step"),
            ("steps: {dedup: {}}", "demo.yaml:1: `steps` must be a list"),
            ("steps:\n- dedupe: {}", "demo.yaml:2: unknown verb 'dedupe'; did you mean 'dedup'?"),
            (
                "steps:\n- xyz: {}",
                "demo.yaml:2: unknown verb 'xyz'; there are ingest, dedup, cluster, dsir, select, mix",
            ),
            ("steps:\n- xyz", "demo.yaml:2: a step must be a mapping, such as `threshold: 0.8`, but is 'xyz'"),
            ("steps:\n- dedup", "demo.yaml:2: a step without options is written `- dedup: {}`"),
            ("steps:\n- dsir: {target: 5}", "demo.yaml:2: dsir: target '/"),
            ("steps:\n- dedup: 0.8", "demo.yaml:2: dedup must be a mapping, such as `threshold: 0.8`, but is '0.8'"),
            ("steps:\n- dedup:\n  threshold: 1", "demo.yaml:2: a step is one verb, found 'dedup', 'threshold'; indent"),
            ("steps:\n- dedup:\n    keep: a\n    keep: b", "demo.yaml:4: 'keep' is given twice, first at demo.yaml:3"),
            ("steps: [dedup: ]\nsteps: [dedup: ]", "demo.yaml:2: 'steps' is given twice, first at demo.yaml:1"),
            ("steps:\n- mix: {weights: {a: 1, a: 2}}", "demo.yaml:2: 'a' is given twice"),
            (
                "steps:\n- dedup:\n\n    treshold: 1",
                "demo.yaml:4: dedup: unknown option 'treshold'; did you mean 'threshold'?",
            ),
            (
                "steps:\n- dedup: {wher: a}",
                "demo.yaml:2: dedup: unknown option 'wher'; did you mean 'where'?",
            ),
            (
                "steps:\n- dedup:\n    keep: longest\n    threshold: 2",
                "demo.yaml:4: dedup: threshold 2: Input should be less than or equal to 1",
            ),
            (
                "steps:\n- dedup: {replace: maybe}",
                "demo.yaml:2: dedup: replace 'maybe': Input should be a valid boolean",
            ),
            ("steps:\n- dsir: {}", "demo.yaml:2: dsir: option 'target' is missing"),
            ("steps:\n- mix: {tokens: 5, documents: 5}", "demo.yaml:2: mix: give tokens or documents, not both"),
            (
                "steps: [dedup: ]\nexecution: {workers: -1}",
                "demo.yaml:2: execution: workers -1: Input should be greater",
            ),
            (
                "steps: [dedup: ]\nexecution:\n  worker: 1",
                "demo.yaml:3: execution: unknown option 'worker'; did you mean",
            ),
            ("steps:\n- dedup: {", "demo.yaml:2: not YAML: expected the node content"),
            ("steps: [a]\n---\nsteps: [b]", "demo.yaml:2: not YAML: but found another document"),
            ("a: \x00", "demo.yaml: not YAML"),
        ],
    )
    def test_says_what_and_where(self, load, text, expected):
        assert message(load, text).startswith(expected), message(load, text)

    def test_all_problems_are_told_at_once(self, load):
        lines = message(load, "steps:\n- dedup: {treshold: 1, threshold: 9}\n- cluster: {clusters: many}").splitlines()
        assert [line.split(":")[1] for line in lines] == ["2", "2", "3"]

    def test_a_file_that_is_not_there(self):
        with pytest.raises(UsageError, match=r"absent\.yaml: cannot be read: No such file"):
            runfile.load("absent.yaml", VERBS, Common)


class TestOverrides:
    def test_address_a_step_by_name_or_verb(self, load):
        loaded = load(EXAMPLE, "recluster.clusters=500", "dedup.threshold=0.5", "execution.workers=4", "mix.tokens=")
        assert loaded.steps[3].options["clusters"] == 500
        assert loaded.steps[1].options["threshold"] == 0.5
        assert loaded.execution["workers"] == 4
        assert loaded.steps[5].options["tokens"] is None

    def test_the_last_one_counts_and_values_are_yaml(self, load, tmp_path):
        found = options(load, "ingest: {sources: [a]}", "ingest.sources=[b]", "ingest.sources=[c, d]", "ingest.to=x=y")
        assert found == {"sources": [f"{tmp_path}/c", f"{tmp_path}/d"], "to": f"{tmp_path}/x=y"}

    def test_a_verb_alone_is_enough_for_a_step_that_has_a_name(self, load):
        assert options(load, "cluster: {as: fine}", "cluster.clusters=7")["clusters"] == 7

    def test_a_name_goes_before_a_verb(self, load):
        loaded = load("steps:\n- cluster: {as: fine}\n- dedup: {as: cluster}", "cluster.threshold=0.5")
        assert loaded.steps[1].options == {"as": "cluster", "threshold": 0.5}

    @pytest.mark.parametrize(
        ("override", "expected"),
        [
            (
                "cluster.clusters=5",
                "--set cluster.clusters=5: 'cluster' may be any of cluster (line 4), recluster (line 5); tell them",
            ),
            ("dedupe.threshold=1", "--set dedupe.threshold=1: there is no step 'dedupe'; did you mean 'dedup'?"),
            ("dedup.treshold=1", "--set dedup.treshold=1: dedup: unknown option 'treshold'; did you mean 'threshold'?"),
            ("dedup.threshold=9", "--set dedup.threshold=9: dedup: threshold 9: Input should be less"),
            ("execution.worker=9", "--set execution.worker=9: execution: unknown option 'worker'"),
            ("dedup.threshold", "--set dedup.threshold: write NAME.option=value"),
            ("threshold=1", "--set threshold=1: write NAME.option=value"),
            ("dedup.threshold=[", "--set dedup.threshold=[:1: not YAML"),
        ],
    )
    def test_refused(self, load, override, expected):
        assert message(load, EXAMPLE, override).startswith(expected), message(load, EXAMPLE, override)


class TestSchema:
    def test_agrees_with_what_is_loaded(self, load):
        jsonschema = pytest.importorskip("jsonschema")
        import yaml

        found = runfile.schema(VERBS, Common, Execution)
        jsonschema.Draft202012Validator.check_schema(found)
        validator = jsonschema.Draft202012Validator(found)
        assert validator.is_valid(yaml.safe_load(EXAMPLE))
        assert validator.is_valid({"steps": [{"select": None}]})
        for wrong in (
            {"steps": []},
            {"steps": [{"dedup": {"treshold": 1}}]},
            {"steps": [{"dedup": {"threshold": 2}}]},
            {"steps": [{"dsir": None}]},
            {"steps": [{"dedup": {}, "cluster": {}}]},
            {"steps": [{"dedup": {}}], "execution": {"worker": 1}},
            {"steps": [{"dedup": {}}], "more": 1},
        ):
            assert not validator.is_valid(wrong), wrong

    def test_has_every_option_with_its_description(self):
        steps = runfile.schema(VERBS, Common, Execution)["properties"]["steps"]["items"]["oneOf"]
        assert [list(step["properties"]) for step in steps] == [[verb] for verb in VERBS]
        dedup = steps[1]["properties"]["dedup"]["anyOf"][0]["properties"]
        assert set(dedup) == {"threshold", "keep", "against", "corpus", "corpora", "as", "to", "where", "replace"}
        assert all(item["description"] for item in dedup.values())
