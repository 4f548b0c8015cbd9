import pytest

from curate.algorithms import dedup_bands
from curate.algorithms.dedup_bands import Bands
from curate.errors import UsageError

FINEWEB = Bands(14, 8)
DEFAULT = Bands(21, 6)


def test_the_curve():
    assert dedup_bands.probability(0.8, FINEWEB) == pytest.approx(0.924, abs=5e-4)
    assert dedup_bands.probability(0.8, DEFAULT) == pytest.approx(0.998, abs=5e-4)
    curve = dedup_bands.curve(DEFAULT).to_pydict()
    assert curve["similarity"][16] == 0.8
    assert curve["found"] == sorted(curve["found"])
    assert dedup_bands.curve(None).num_rows == 0


@pytest.mark.parametrize("found", [0.1, 0.5, 0.995])
@pytest.mark.parametrize("bands", [FINEWEB, DEFAULT])
def test_the_similarity_is_the_inverse_of_the_probability(found, bands):
    assert dedup_bands.probability(dedup_bands.similarity(found, bands), bands) == pytest.approx(found)


@pytest.mark.parametrize(("containment", "found"), [(1.0, 0.5), (1.0, 0.99), (0.9, 0.5)])
def test_sizes_that_containment_finds(containment, found):
    ratio = dedup_bands.size_ratio(found, containment, DEFAULT)
    assert ratio is not None
    longer = set(range(100_000))
    shared = round(containment * ratio * 100_000)
    shorter = set(range(100_000 - shared, 100_000 - shared + round(ratio * 100_000)))
    similarity = len(shorter & longer) / len(shorter | longer)
    assert dedup_bands.probability(similarity, DEFAULT) == pytest.approx(found, abs=1e-3)
    assert dedup_bands.size_ratio(0.99, 0.6, DEFAULT) is None


def test_reports():
    assert dedup_bands.report(None) == ["only equal documents were looked for"]
    assert dedup_bands.report(DEFAULT) == [
        "21 bands of 6 rows; share of pairs compared, by similarity: "
        "0.5: 28.2%, 0.6: 63.3%, 0.7: 92.8%, 0.8: 99.8%, 0.9: 100.0%"
    ]
    assert dedup_bands.report(DEFAULT, contained=True)[1] == (
        "share of documents wholly inside a longer one that are compared with it, by their size: "
        "10% from 41%, 50% from 56%, 90% from 69%, 99% from 76%"
    )


def test_too_few_permutations():
    dedup_bands.check(None, 16)
    dedup_bands.check(DEFAULT, 126)
    with pytest.raises(UsageError, match="21 bands of 6 rows need 126 permutations, not 125"):
        dedup_bands.check(DEFAULT, 125)
