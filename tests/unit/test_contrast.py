import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import contrast, loss_ngrams, ngram_model
from curate.errors import DataError, UsageError
from curate.stages.contrast import STAGE, ContrastConfig
from curate.storage import shard
from tests import material, models

SUMS = [f"Anna has {i} apples and buys {i + 3} more. How many apples has she now?" for i in range(40)]
NEWS = [f"The minister of state {i} said on Monday that talks with the union would go on" for i in range(200)]
POOL = [*NEWS[:150], *SUMS[:10], "", "été 狐"]


def array(texts):
    return pa.array(texts, pa.large_string())


IDS = pa.array([f"a/{i}" for i in range(len(POOL))])


@pytest.fixture
def target(tmp_path):
    material.write_records(tmp_path / "target.jsonl", SUMS[10:])
    return str(tmp_path / "target.jsonl")


def scores(config, ids=IDS):
    """Through the stage's functions, as the runtime calls them."""
    table = pa.table({"text": array(POOL), "id": ids, "shard": [0] * len(POOL), "row": range(len(POOL))})
    sampled = [] if config.prior else [STAGE.before[0].survey(table, None, config)]
    model = STAGE.before[0].settle(sampled, config).model
    surveyed = STAGE.before[1].survey(table, None, model, config)
    mine = pa.concat_tables(STAGE.before[1].settle([surveyed], config).rows)
    made = STAGE.apply(table, mine, None, config).table
    assert STAGE.again(made, config).table.equals(made)
    return made


def test_documents_like_the_target_come_first(target):
    made = scores(ContrastConfig(target=[target], keep_rate=0.05))
    keep = np.flatnonzero(made["contrast_keep"].to_numpy())
    assert len(keep) == 8 and np.count_nonzero((keep >= 150) & (keep < 160)) >= 7
    assert made["contrast"].to_pylist()[160] is None and made["contrast_quantile"].to_pylist()[160] is None


def test_scores_are_the_difference_of_a_prior_that_has_not_read_the_text_and_a_mixture(target):
    found = scores(ContrastConfig(target=[target], order=2, weight=0.5))["contrast"].to_pylist()
    second = loss_ngrams.halves(IDS)
    adapted = ngram_model.estimate(ngram_model.count(array(SUMS[10:]), order=2, unit="words"))
    for row in (0, 1, 2, 3, 151, 152, 161):
        others = [text for text, half in zip(POOL, second) if half != second[row]]
        prior = ngram_model.estimate(ngram_model.count(array(others), order=2, unit="words"))
        text = array([POOL[row]])
        expected = prior.bits_per_byte(text) - prior.mixed(adapted, 0.5).bits_per_byte(text)
        assert found[row] == pytest.approx(expected[0], rel=1e-5, abs=1e-7)


def test_a_prior_of_a_layer_is_adapted(target, tmp_path):
    prior = ngram_model.estimate(ngram_model.count(array(NEWS[150:]), order=3, unit="bytes"))
    path = tmp_path / "model.parquet"
    shard.write(path, loss_ngrams.to_table([prior]), {})
    found = scores(ContrastConfig(target=[target], prior=str(path), weight=0.25))["contrast"]
    expected = prior.bits_per_byte(array(POOL)) - prior.adapt(
        ngram_model.count(array(SUMS[10:]), order=3, unit="bytes"), 0.25
    ).bits_per_byte(array(POOL))
    assert found.to_numpy() == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_two_models_that_are_given(tmp_path):
    paths = []
    for name, texts in (("prior", NEWS), ("conditional", SUMS)):
        paths.append(str(tmp_path / name))
        ngram_model.estimate(ngram_model.count(array(texts), order=2)).save(paths[-1])
    found = scores(ContrastConfig(prior=paths[0], conditional=paths[1]))["contrast"].to_numpy()
    first, second = (ngram_model.NgramModel.load(path).bits_per_byte(array(POOL)) for path in paths)
    assert found == pytest.approx(first - second, nan_ok=True)


def test_what_cannot_be_adapted_or_has_no_text(target, tmp_path):
    (tmp_path / "model.arpa").write_text(models.ARPA)
    with pytest.raises(UsageError, match="--conditional"):
        contrast.adaptable(str(tmp_path / "model.arpa"))
    material.write_records(tmp_path / "none.jsonl", [""])
    with pytest.raises(DataError, match="--target"):
        scores(ContrastConfig(target=[str(tmp_path / "none.jsonl")]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either --target files or a --conditional"),
        ({"target": ["a"], "conditional": "b", "prior": "c"}, "either --target"),
        ({"conditional": "b"}, "needs the --prior"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        ContrastConfig(**options)
