import pytest
from pydantic import ValidationError

from curate.stages.dedup_substrings import DedupSubstringsConfig
from curate.stages.export import ExportConfig, suffix
from curate.stages.mix import MixConfig, parts, slices
from curate.stages.sample import SampleConfig
from curate.storage.sources import InputShard


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("10M", 10**7),
        ("2.5B", 2_500_000_000),
        ("10k", 10_000),
        ("1_000_000", 10**6),
        ("1,000", 1000),
        (7, 7),
        ("3T", 3 * 10**12),
    ],
)
def test_amounts(written, number):
    assert MixConfig(tokens=written).tokens == number


@pytest.mark.parametrize(
    ("written", "size"), [("4M", 4_000_000), ("1.5GB", 1_500_000_000), ("64k", 64_000), (4096, 4096)]
)
def test_sizes(written, size):
    assert DedupSubstringsConfig(scope_bytes=written).scope_bytes == size


@pytest.mark.parametrize("written", ["4X", "-4M", "1", "M", "4G"])
def test_no_sizes(written):
    with pytest.raises(ValidationError):
        DedupSubstringsConfig(scope_bytes=written)


def test_weights_are_a_mapping_or_pairs():
    expected = {"web": 0.7, "a=b": 2.0}
    assert MixConfig(tokens=5, weights=["web=0.7", "a=b=2"]).weights == expected
    config = MixConfig(tokens=5, weights=expected)
    assert config.weights == expected
    assert MixConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": "10X"}, "is not an amount"),
        ({"tokens": "10M", "documents": 3}, "exclude each other"),
        ({"weights": ["web=1"]}, "means nothing without a budget"),
        ({"score": "dsir"}, "means nothing without a budget"),
        ({"tokens": 5, "weights": ["web"]}, "is not GROUP=NUMBER"),
        ({"tokens": 5, "weights": ["web=1", "web=2"]}, "two weights"),
        ({"tokens": 5, "weights": ["web=-1"]}, "greater than 0"),
        ({"tokens": 5, "weights": ["web=1"], "temperature": 2}, "not both"),
        ({"tokens": 0}, "greater than 0"),
        ({"budget": 5}, "Extra inputs"),
    ],
)
def test_mistakes_in_a_mix(options, message):
    with pytest.raises(ValidationError, match=message):
        MixConfig(**options)


def test_export_options():
    assert ExportConfig(columns=["id,text", "dsir"]).columns == ["id", "text", "dsir"]
    assert ExportConfig(columns="id, text").columns == ["id", "text"]
    config = ExportConfig(format="text", separator="\\f\\n")
    assert config.separator == "\f\n"
    assert ExportConfig.model_validate(config.model_dump(mode="json")) == config
    assert [suffix(ExportConfig(format=form)) for form in ("jsonl.zst", "text", "parquet")] == [
        ".jsonl.zst",
        ".txt",
        ".parquet",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["id", "id"]}, "named twice"),
        ({"columns": ["id,"]}, "is empty"),
        ({"format": "text", "columns": ["id"]}, "leave columns out"),
        ({"format": "parquet", "separator": "x"}, "for plain text"),
        ({"format": "csv"}, "Input should be"),
    ],
)
def test_mistakes_in_an_export(options, message):
    with pytest.raises(ValidationError, match=message):
        ExportConfig(**options)


@pytest.mark.parametrize("fraction", [0, -1, 1.5, float("nan")])
def test_mistakes_in_a_sample(fraction):
    with pytest.raises(ValidationError):
        SampleConfig(fraction=fraction)


def test_a_mix_is_cut_into_pieces_of_bounded_size():
    def corpus(gigabytes: int) -> list[InputShard]:
        return [InputShard(i, 0, f"{i:05}-000", 10**6, 1 << 27) for i in range(gigabytes * 8)]

    small = [InputShard(0, 0, "00000-000", 10, 1000)]
    assert slices(small, MixConfig(), 4 << 20) == [{"part": 0, "piece": 0, "pieces": 1}]
    assert parts(corpus(1), MixConfig()) == 80
    assert parts(corpus(100), MixConfig()) == 1024
    assert parts(corpus(40), MixConfig(documents=40 * 4 * 10**6)) < parts(corpus(40), MixConfig())
    huge = slices(corpus(1000), MixConfig(), 128 << 20)
    assert 1000 * 1024 / len(huge) <= 96
    assert [item["piece"] for item in huge] == list(range(len(huge)))
    assert all(item["part"] == item["piece"] * 1024 // item["pieces"] for item in huge)


def test_shares_may_be_percentages_or_fractions():
    assert SampleConfig.model_validate({"fraction": " 2.5% "}).fraction == SampleConfig(fraction=0.025).fraction
    assert SampleConfig.model_validate({"fraction": "0.25 / 0.75"}).fraction == 1 / 3
    for wrong in ("%", "x%", "200%", "0%", "-1%", "1/0", "1/", "/2", "3/2", "1/3%"):
        with pytest.raises(ValidationError, match="fraction"):
            SampleConfig.model_validate({"fraction": wrong})
