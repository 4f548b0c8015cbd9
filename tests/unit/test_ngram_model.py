import itertools
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import ngram_counts, ngram_model, ngram_tokens
from curate.algorithms.ngram_model import Counts, NgramModel, count, estimate
from curate.errors import DataError, UsageError
from tests.naive import ngrams as naive

TEXTS = st.lists(st.text("ab c\né中", max_size=20), max_size=6)


def array(texts):
    return pa.array(texts, pa.large_string())


def parts(counts: Counts):
    return [counts.hashes, counts.spelled, counts.spelling, *counts.keys, *counts.counts]


def same(one, two):
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(parts(one), parts(two), strict=True))


def prose(seed, texts=60):
    """Texts in which some words are frequent, many rare, and each depends on the one before."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefg", k=chance.randint(1, 7))) for _ in range(300)]
    found = []
    for _ in range(texts):
        at, pieces = 0, []
        for _ in range(chance.randint(0, 60)):
            at = (at * 7 + int(chance.paretovariate(0.8))) % len(words)
            pieces.append(words[at])
        found.append(" ".join(pieces) + chance.choice([".", "\n", ""]))
    return found


@pytest.mark.parametrize("unit", ["bytes", "words"])
@settings(deadline=None, max_examples=40)
@given(TEXTS, TEXTS, st.integers(1, 5))
def test_counts_add_and_subtract_exactly(unit, some, others, order):
    one, two = (count(array(texts), order=order, unit=unit) for texts in (some, others))
    both = count(array(some + others), order=order, unit=unit)
    assert same(one.merge(two), both)
    assert same(both.subtract(two), one)


@settings(deadline=None, max_examples=40)
@given(TEXTS, st.integers(1, 5))
def test_counts_are_those_of_plain_python(texts, order):
    found = count(array(["before", *texts]).slice(1), order=order, unit="words")
    places = zip(found.spelled[2:-1], found.spelled[3:], strict=True)
    words = [naive.START, naive.END, *(bytes(found.spelling[a:b]).decode() for a, b in places)]
    grams = [(word,) for word in words]
    for level in range(order):
        if level:
            grams = [(*grams[int(key) >> 32], words[int(key) & 0xFFFFFFFF]) for key in found.keys[level]]
        expected = Counter(
            gram for text in texts for gram in naive.grams([naive.START, *naive.words(text), naive.END], level + 1)
        )
        assert expected == Counter(dict(zip(grams, found.counts[level].tolist(), strict=True)))
        assert (found.keys[level][1:] > found.keys[level][:-1]).all()


def zipfian(seed, texts):
    chance = random.Random(seed)
    return [[int(chance.paretovariate(0.8)) % 997 for _ in range(chance.randint(0, 12))] for _ in range(texts)]


@pytest.mark.parametrize(
    ("prune", "kenlm"),
    [
        ((), [3.7623, 4.5085, 15.4871, 10.0571, 32.8281, 27.8432]),
        ((1, 1, 2), [3.7623, 4.4637, 15.3242, 9.9444, 32.7473, 26.8251]),
    ],
)
def test_the_plain_model_is_kenlm(prune, kenlm):
    """What `lmplz -o 3`, with `--prune 0 0 1` the second time, gives, in bits a text."""
    texts = zipfian(1, 250)
    types = {token for text in texts for token in text}
    plain = naive.Model(texts, 3, lambda _: 1 / (len(types) + 2), prune)
    assert [sum(plain.bits(text)) for text in zipfian(2, 6)] == pytest.approx(kenlm, abs=2e-4)


@pytest.mark.parametrize("size", [60, 500])
@pytest.mark.parametrize("unit", ["bytes", "words"])
def test_batches_pieces_of_texts_and_counts_in_files_change_nothing(unit, size, monkeypatch, tmp_path):
    texts = array([*prose(1, 20), None, "", "a" * 30, prose(9, 1)[0] * 9])
    for order in (1, 2, 5):
        whole = count(texts, order=order, unit=unit)
        model = estimate(whole)
        losses = model.losses(texts)
        with monkeypatch.context() as patch:
            patch.setitem(ngram_counts._BATCH_BYTES, unit, size)
            patch.setattr(ngram_model, "_BATCH_BYTES", size)
            assert same(count(texts, order=order, unit=unit, folder=tmp_path if size == 60 else None), whole)
            assert not list(tmp_path.iterdir())
            for one, two in zip(model.losses(texts), losses, strict=True):
                assert one == pytest.approx(two, rel=1e-12)


@pytest.mark.parametrize("prune", [(), (1, 1, 2), (2,)])
@pytest.mark.parametrize("unit", ["bytes", "words"])
def test_costs_are_those_of_plain_kneser_ney(unit, prune):
    split = naive.words if unit == "words" else lambda text: list(text.encode())
    texts, unseen = prose(2), [*prose(3, 10), "", "abc", "Zebra  zebra\n"]
    order = 4
    counts = count(array(texts), order=order, unit=unit)
    model = estimate(counts, prune=prune)
    if unit == "words":
        types = sorted({word for text in texts for word in split(text)})
        speller = naive.Model([list(word.encode()) for word in types], 6, lambda byte: 1 / 257)

        def base(word):
            return 0.0 if word == naive.END else 2 ** -sum(speller.bits(list(word.encode())))
    else:

        def base(byte):
            return 1 / 257

    plain = naive.Model([split(text) for text in texts], order, base, prune)
    expected = [plain.bits(split(text)) for text in unseen]
    found = model.losses(array(unseen))
    sizes = np.array([len(costs) for costs in expected])
    assert found.tokens.tolist() == sizes.tolist()
    assert found.bytes.tolist() == [len(text.encode()) for text in unseen]
    assert np.abs(found.bits - [sum(costs) for costs in expected]).max() < 0.004 * sizes.max()
    unknown = [[(token,) not in plain.kept[0] for token in [*split(text), naive.END]] for text in unseen]
    assert found.unknown_tokens.tolist() == [sum(row) for row in unknown]
    costs = [sum(itertools.compress(row, which)) for row, which in zip(expected, unknown)]
    assert found.unknown_bits == pytest.approx(costs, rel=1e-3, abs=1e-2)


def test_a_model_is_a_distribution():
    """What may follow a context has probability 1 altogether: 256 bytes and the end."""
    model = estimate(count(array(prose(4)), order=4, unit="bytes"), prune=(1, 1, 2, 3))
    for context in ("", "a", "fa", "zz", "abc ab"):
        before = context.encode()
        texts = pa.array([before + bytes([byte]) for byte in range(256)], pa.binary())
        part = model._parts[0]
        found = ngram_tokens.sequences(texts, "bytes", None)
        costs, _ = part.costs(found)
        at = found.offsets[:-1] + len(before)
        end = part.costs(ngram_tokens.sequences(pa.array([before], pa.binary()), "bytes", None))[0][-1]
        assert np.exp2(-costs[at]).sum() + np.exp2(-end) == pytest.approx(1, abs=2e-3)


def test_saved_models_cost_the_same(tmp_path):
    texts = array([*prose(5), None, ""])
    for unit in ("bytes", "words"):
        model = estimate(count(texts, order=3, unit=unit)).adapt(count(texts.slice(3, 4), order=2, unit=unit), 0.25)
        model.save(tmp_path / unit)
        loaded = NgramModel.load(tmp_path / unit)
        assert (loaded.order, loaded.unit, loaded.tokenizer) == (3, unit, None)
        for one, two in zip(loaded.losses(texts), model.losses(texts), strict=True):
            assert np.array_equal(one, two)
        assert np.isnan(loaded.bits_per_byte(texts)[-2:]).all()


def test_saved_counts_are_the_same(tmp_path):
    for unit in ("bytes", "words"):
        counts = count(array(prose(5)), order=3, unit=unit)
        counts.save(tmp_path / unit)
        loaded = Counts.load(tmp_path / unit)
        assert same(loaded, counts)
        assert same(loaded.merge(loaded).subtract(loaded), counts)
        assert estimate(loaded).losses(array(["ab"])).bits == estimate(counts).losses(array(["ab"])).bits


def test_an_adapted_model_is_the_mixture():
    texts, target, other = array(prose(6)), array(prose(7)), array(["abc", "", "gag fed"])
    for unit in ("bytes", "words"):
        prior, own = (estimate(count(given, order=3, unit=unit)) for given in (texts, target))
        mixed = prior.adapt(count(target, order=3, unit=unit), 0.3)
        found = ngram_tokens.sequences(other, unit, None)
        one, two = (model._parts[0].costs(found)[0] for model in (prior, own))
        expected = -np.log2(0.7 * np.exp2(-one) + 0.3 * np.exp2(-two))
        assert mixed.losses(other).bits == pytest.approx(np.add.reduceat(expected, found.offsets[:-1]), rel=1e-9)


def test_empty_input():
    model = estimate(count(array([]), order=3, unit="words"))
    assert len(model.losses(array([])).bits) == 0
    assert np.isfinite(model.bits_per_byte(array(["some text"]))).all()


def test_tokenizer(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[U]": 2}, unk_token="[U]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path / "tokenizer.json"
    words.save(str(path))
    counts = count(array(["a b a", "b"]), order=2, unit="tokenizer", tokenizer=str(path))
    assert counts.counts[0].tolist()[:2] == [2, 2]
    estimate(counts).save(tmp_path / "model")
    path.unlink()
    model = NgramModel.load(tmp_path / "model")
    assert same(count(array(["a b a", "b"]), order=2, unit="tokenizer", tokenizer=model.tokenizer), counts)
    losses = model.losses(array(["a b", None]))
    assert losses.tokens.tolist() == [3, 1]
    plain = naive.Model([[0, 1, 0], [1]], 2, lambda _: 1 / 4)
    assert losses.bits.tolist() == pytest.approx([sum(plain.bits([0, 1])), sum(plain.bits([]))], abs=0.01)


def test_what_cannot_be(tmp_path):
    texts = array(["a b"])
    counts = count(texts, order=2)
    for wrong in (
        lambda: count(texts, order=0),
        lambda: count(texts, order=2, unit="tokenizer"),
        lambda: count(texts, order=2, unit="words", tokenizer="x.json"),
        lambda: count(texts, order=2, unit="tokenizer", tokenizer=str(tmp_path / "none.json")),
        lambda: counts.merge(count(texts, order=3)),
        lambda: estimate(counts, prune=(2, 1)),
        lambda: estimate(counts).adapt(count(texts, order=2, unit="bytes"), 0.5),
        lambda: estimate(counts).adapt(counts, 1.5),
        lambda: NgramModel.load(tmp_path / "none"),
    ):
        with pytest.raises(UsageError):
            wrong()
    with pytest.raises(DataError):
        counts.subtract(count(array(["a b", "b"]), order=2))
    estimate(counts).save(tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    damaged = whole.replace(b'"spelling": null', b'"spelling": 7777')
    for other in (b"something else", b"", whole[:-64], whole[:60], damaged, whole.replace(b"uint64", b"uint32")):
        (tmp_path / "other").write_bytes(other)
        with pytest.raises(DataError):
            NgramModel.load(tmp_path / "other")
