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
    assert dedup_bands.report(DEFAULT, 0.8) == [
        "21 bands of 6 rows; share of pairs compared, by similarity: "
        "0.5: 28.2%, 0.6: 63.3%, 0.7: 92.8%, 0.8: 99.8%, 0.9: 100.0%"
    ]
    assert dedup_bands.report(FINEWEB, 0.75)[0].endswith("0.7: 56.5%, 0.75: 77.2%, 0.8: 92.4%, 0.9: 100.0%")
    assert dedup_bands.report(Bands(1, 128), 0.99999)[0].startswith("1 band of 128 rows")
    assert dedup_bands.report(DEFAULT, 0.8, contained=True)[1] == (
        "share of documents wholly inside another that are compared with it, by their share of its size: "
        "41%: 10%, 56%: 50%, 69%: 90%, 76%: 99%"
    )


def test_too_few_permutations():
    dedup_bands.check(None, 16)
    dedup_bands.check(DEFAULT, 126)
    with pytest.raises(UsageError, match="21 bands of 6 rows need 126 permutations, not 125"):
        dedup_bands.check(DEFAULT, 125)


def test_pieces_are_smaller_where_keys_and_signatures_are_many():
    most = dedup_bands.PIECE_DOCUMENTS
    assert dedup_bands.piece_documents(DEFAULT) == dedup_bands.piece_documents(Bands(0, 1)) == most
    for bands, values in ((Bands(450, 20), 0), (Bands(dedup_bands.MOST_VALUES, 1), 0), (DEFAULT, 4096)):
        documents = dedup_bands.piece_documents(bands, values)
        width = max(values, bands.bands * bands.rows)
        assert 1 <= documents < most
        assert documents * (8 * (1 + bands.bands) + 4 * width) <= 48 << 20
