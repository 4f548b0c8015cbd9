import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, embed, embed_words
from tests.naive import embed as naive

ALPHABET = embed_words.alphabet()
BASIC = "aBcdéßΣжñ 12٣_-.,\n\u0301िक्षا中文カナไทยក\U0001f600\U00020000\u00adİ"
LONG = st.text("abZ9_ ,é中", min_size=60, max_size=200)
TEXTS = st.lists(
    st.one_of(
        st.text(BASIC, max_size=40), st.text(max_size=20), st.just("internationalisation" * 4), st.just("x" * 16), LONG
    ),
    max_size=6,
)
MASK = np.uint64(63)


def sliced(texts):
    return arrow.strings(pa.array(["before it", *texts, "after it"], pa.large_string()).slice(1, len(texts)))


def hashed(values):
    """Hashes, starts and stops of all words, and their number up to the end of each text."""
    room = embed_words.most_words(int(values.offsets[-1] - values.offsets[0]), len(values))
    found = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
    ends = np.zeros(len(values), dtype=np.int64)
    embed_words.hash_words(*values, ALPHABET, *found, ends)
    count = ends[-1] if len(ends) else 0
    return *(array[:count] for array in found), ends


def vocabulary(words):
    entries = np.zeros(1 << (2 * len(words)).bit_length(), dtype=np.uint64)
    embed.place_words(np.array(words, dtype=np.uint64), entries)
    entries.setflags(write=False)
    return embed.Vocabulary(entries, len(words), MASK)


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


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.integers(2, 5))
def test_words_are_the_same_read_a_few_at_a_time(texts, room):
    values = sliced(texts)
    found, last = [], np.empty(3, np.uint64)
    hashes, starts, stops = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
    for start, end in zip(values.offsets[:-1], values.offsets[1:], strict=True):
        at, last[2] = start, np.uint64(2**64 - 1)
        while at < end:
            count, at = embed_words.read_words(values.data, at, end, ALPHABET, last, hashes, starts, stops)
            found += zip(hashes[:count].tolist(), starts[:count].tolist(), stops[:count].tolist(), strict=True)
    assert found == list(zip(*(array.tolist() for array in hashed(values)[:3]), strict=True))


@pytest.mark.parametrize("text", ["a", "a b", "é", "中", "中文字", "ก" * 50])
@pytest.mark.parametrize("times", [1, 30])
def test_no_texts_have_more_words_than_there_is_room_for(text, times):
    assert len(hashed(sliced([text] * times))[0]) == times * len(naive.tokens(text))


def numbered(hashes, ends, room):
    words, documents = np.empty(room // 2, np.uint64), np.empty(room // 2, np.int32)
    found = embed.number_words(hashes, ends, np.zeros(room, np.uint64), np.empty(room, np.int32), words, documents)
    return found, words[: max(found, 0)].tolist(), documents[: max(found, 0)].tolist()


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_numbering(texts):
    hashes, _, _, ends = hashed(sliced(texts))
    distinct = list(dict.fromkeys(hashes.tolist()))
    room = 1 << (2 * len(distinct) + 1).bit_length()
    sets = [{token[0] for token in naive.tokens(text)} for text in texts]
    assert numbered(hashes, ends, room)[1:] == (distinct, [sum(word in one for one in sets) for word in distinct])
    if len(distinct) > 1:
        assert numbered(hashes, ends, 2)[0] == -1


def test_hashes_with_the_top_bit_set_are_found():
    words = [1 << 63, (1 << 64) - 1, (1 << 63) + (1 << 16), 1 << 16]
    known = vocabulary(words)
    assert {int(entry & np.uint64(0xFFFF)) - 1: int(entry) >> 16 for entry in known.entries if entry} == {
        rank: word >> 16 for rank, word in enumerate(words)
    }
    hashes = np.array([*words, 1 << 40], np.uint64)
    assert numbered(hashes, np.array([5]), 16)[0] == 5


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_pieces_of_known_words(texts):
    values, words = sliced(texts), some_words(texts)
    buckets, lengths = np.zeros((len(words), embed_words.PIECES), np.int32), np.full(len(words), -1, np.int32)
    embed.find_pieces(*hashed(values)[:3], values.data, ALPHABET, vocabulary(words), buckets, lengths)
    letters = {token[0]: token[1] for text in texts for token in naive.tokens(text)}
    for row, length, word in zip(buckets, lengths, words, strict=True):
        single = letters[word] is None or letters[word][0] & naive.ALONE
        assert row[: max(length, 0)].tolist() == ([] if single else naive.pieces(letters[word], 63))


def counted(values, known):
    given = (*hashed(values), values.data, ALPHABET, known)
    ends = np.empty(len(values), dtype=np.int64)
    embed.count_features(*given, np.empty(0, np.int32), np.empty(0, np.float32), ends)
    count = ends[-1] if len(ends) else 0
    rows, weights = np.empty(count, np.int32), np.empty(count, np.float32)
    embed.count_features(*given, rows, weights, ends)
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
