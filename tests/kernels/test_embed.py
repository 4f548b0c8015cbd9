import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, embed
from tests.naive import embed as naive

ALPHABET = embed.alphabet()
BASIC = "aBcéßΣжñ 12٣_-.,\n\u0301िक्षا中文カナไทยក\U0001f600\U00020000\u00adİ"
TEXTS = st.lists(
    st.one_of(st.text(BASIC, max_size=40), st.text(max_size=20), st.just("internationalisation" * 4)), max_size=6
)
MASK = np.uint64(63)
NONE = np.empty(0, dtype=np.int64)


def sliced(texts):
    return arrow.strings(pa.array(["before it", *texts, "after it"], pa.large_string()).slice(1, len(texts)))


def hashed(values):
    ends = np.empty(len(values), dtype=np.int64)
    embed.hash_words(*values, ALPHABET, np.empty(0, dtype=np.uint64), NONE, NONE, ends)
    count = ends[-1] if len(ends) else 0
    hashes, starts, stops = np.empty(count, np.uint64), np.empty(count, np.int64), np.empty(count, np.int64)
    embed.hash_words(*values, ALPHABET, hashes, starts, stops, ends)
    return hashes, starts, stops, ends


def vocabulary(words):
    slots = 1 << (2 * len(words)).bit_length()
    keys, ranks = np.zeros(slots, dtype=np.uint64), np.zeros(slots, dtype=np.int32)
    embed.place_words(np.array(words, dtype=np.uint64), keys, ranks)
    for array in (keys, ranks):
        array.setflags(write=False)
    return embed.Vocabulary(keys, ranks, len(words), MASK)


def some_words(texts):
    """Every other distinct hash: half of the words stay unknown."""
    return list(dict.fromkeys(token[0] for text in texts for token in naive.tokens(text)))[::2]


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_words_and_pairs(texts):
    values = sliced(texts)
    hashes, starts, stops, ends = hashed(values)
    found = [naive.tokens(text) for text in texts]
    assert hashes.tolist() == [token[0] for tokens in found for token in tokens]
    assert ends.tolist() == np.cumsum([len(tokens) for tokens in found], dtype=int).tolist()
    expected = [text[token[2] : token[3]] for text, tokens in zip(texts, found, strict=True) for token in tokens]
    assert [bytes(values.data[a:b]).decode() for a, b in zip(starts, stops, strict=True)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cats, CATS!", ["Cats", "CATS"]),
        ("naïve Über_1", ["naïve", "Über_1"]),
        ("中文字", ["中", "文", "中文", "字", "文字"]),
        ("中 文", ["中", "文"]),
        ("हिन्दी", ["हिन्दी"]),
        ("", []),
        ("!?\u0301", []),
    ],
)
def test_examples_of_words(text, expected):
    values = sliced([text])
    _, starts, stops, _ = hashed(values)
    assert [bytes(values.data[a:b]).decode() for a, b in zip(starts, stops, strict=True)] == expected


def test_case_and_digits_do_not_count():
    hashes = hashed(sliced(["Year 1999", "year ٢٠٢٤"]))[0]
    assert hashes[:2].tolist() == hashes[2:].tolist()


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_numbering(texts):
    hashes, _, _, ends = hashed(sliced(texts))
    slots = 1 << (2 * len(hashes)).bit_length()
    words, documents = np.empty(len(hashes), np.uint64), np.empty(len(hashes), np.int32)
    found = embed.number_words(hashes, ends, np.zeros(slots, np.uint64), np.empty(slots, np.int32), words, documents)
    sets = [{token[0] for token in naive.tokens(text)} for text in texts]
    assert words[:found].tolist() == list(dict.fromkeys(hashes.tolist()))
    assert documents[:found].tolist() == [sum(word in one for one in sets) for word in words[:found].tolist()]


def test_hashes_with_the_top_bit_set_are_found():
    words = [1 << 63, (1 << 64) - 1, (1 << 63) + 1, 1]
    known = vocabulary(words)
    ends, rows = np.array([4]), np.empty(4, np.uint64)
    documents = np.empty(4, np.int32)
    slots = len(known.keys)
    hashes = np.array(words, np.uint64)
    assert embed.number_words(hashes, ends, np.zeros(slots, np.uint64), np.empty(slots, np.int32), rows, documents) == 4
    places = {int(key): int(rank) for key, rank in zip(known.keys, known.ranks, strict=True) if key}
    assert places == {word: i for i, word in enumerate(words)}


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_pieces_of_known_words(texts):
    values, words = sliced(texts), some_words(texts)
    buckets, lengths = np.zeros((len(words), embed.PIECES), np.int32), np.full(len(words), -1, np.int32)
    embed.find_pieces(*values, ALPHABET, vocabulary(words), buckets, lengths)
    letters = {token[0]: token[1] for text in texts for token in naive.tokens(text)}
    for row, length, word in zip(buckets, lengths, words, strict=True):
        single = letters[word] is None or letters[word][0] & naive.ALONE
        assert row[: max(length, 0)].tolist() == ([] if single else naive.pieces(letters[word], 63))


def counted(values, known):
    ends = np.empty(len(values), dtype=np.int64)
    embed.count_features(*values, ALPHABET, known, np.empty(0, np.int32), np.empty(0, np.float32), ends)
    count = ends[-1] if len(ends) else 0
    rows, weights = np.empty(count, np.int32), np.empty(count, np.float32)
    embed.count_features(*values, ALPHABET, known, rows, weights, ends)
    return rows, weights, ends


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_features(texts):
    words = some_words(texts)
    rows, weights, ends = counted(sliced(texts), vocabulary(words))
    known = {word: rank for rank, word in enumerate(words)}
    start = 0
    for text, end in zip(texts, ends, strict=True):
        expected = naive.features(text, known, 63)
        assert rows[start:end].tolist() == list(expected)
        assert weights[start:end] == pytest.approx(1 + np.log(list(expected.values())), rel=1e-6)
        start = end


def test_features_that_occur_more_often_than_is_usual():
    words = some_words(["cat"])
    _, weights, _ = counted(sliced(["cat " * 1000]), vocabulary(words))
    assert weights == pytest.approx([1 + np.log(1000)])


@settings(deadline=None, max_examples=40)
@given(TEXTS, st.integers(0, 99), st.sampled_from([1, 3, 16]))
def test_vectors(texts, seed, width):
    words = some_words(texts)
    random = np.random.default_rng(seed)
    table = random.integers(-127, 128, size=(len(words) + 64, width), dtype=np.int8)
    scales, centre = random.random(len(table), np.float32), random.random(width, np.float32) / (2 * width)
    for array in (table, scales, centre):
        array.setflags(write=False)
    out, known = np.empty((len(texts), width), np.float32), np.empty(len(texts), np.bool_)
    embed.embed_documents(*sliced(texts), ALPHABET, vocabulary(words), table, scales, centre, out, known)
    ranks = {word: rank for rank, word in enumerate(words)}
    for text, vector, is_known in zip(texts, out, known, strict=True):
        expected = naive.embed(text, ranks, 63, table, scales, centre)
        assert is_known == (expected is not None)
        assert vector == pytest.approx(np.zeros(width) if expected is None else expected, abs=2e-4)


def test_a_vector_does_not_depend_on_its_neighbours():
    texts = ["one two three", "four", "", "five six seven eight nine", "中文"]
    words = some_words(texts)
    random = np.random.default_rng(0)
    table, scales = random.integers(-127, 128, (len(words) + 64, 16), np.int8), np.ones(len(words) + 64, np.float32)

    def vectors(part):
        out, known = np.empty((len(part), 16), np.float32), np.empty(len(part), np.bool_)
        centre = np.zeros(16, np.float32)
        embed.embed_documents(*sliced(part), ALPHABET, vocabulary(words), table, scales, centre, out, known)
        return out

    together = vectors(texts)
    assert together.tobytes() == np.concatenate([vectors([text]) for text in texts]).tobytes()
    assert together.tobytes() == vectors(texts[::-1])[::-1].tobytes()
