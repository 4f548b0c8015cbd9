import numpy as np
import pytest

from curate.algorithms import embed_tokens


def tokenise(texts):
    """A token a word: its length."""
    return [np.array([len(word) for word in text.split()], dtype=np.int32) for text in texts]


def letters(texts):
    """A token a letter, where there are no words."""
    return [np.array([ord(letter) for letter in text], dtype=np.int32) for text in texts]


def reader(most=5, chunks=False, prompt=""):
    before, after = np.array([101], dtype=np.int32), np.array([102], dtype=np.int32)
    return embed_tokens.Reader(tokenise, before, after, most, chunks, prompt)


def words(number, seed=0):
    lengths = np.random.default_rng(seed).integers(1, 30, size=number)
    return " ".join("x" * length for length in lengths), lengths.tolist()


def test_windows_hold_so_many_rows_and_bytes_and_at_least_one():
    offsets = np.array([5, 10, 12, 100, 101, 102, 103, 104], dtype=np.int64)
    assert list(embed_tokens.windows(offsets, 3, 20)) == [(0, 2), (2, 3), (3, 6), (6, 7)]
    assert list(embed_tokens.windows(np.zeros(1, dtype=np.int64), 3, 20)) == []
    assert list(embed_tokens.windows(np.zeros(5, dtype=np.int64), 3, 20)) == [(0, 3), (3, 4)]


@pytest.mark.parametrize("stretch", [40, 100, 32_768])
def test_stretches_leave_words_whole(monkeypatch, stretch):
    monkeypatch.setattr(embed_tokens, "STRETCH", stretch)
    monkeypatch.setattr(embed_tokens, "_CHARACTERS_AT_ONCE", 500)
    made = [words(300, seed) for seed in range(3)] + [("", [])]
    found = embed_tokens.all_tokens([text for text, _ in made], tokenise)
    assert [ids.tolist() for ids in found] == [lengths for _, lengths in made]


def test_stretches_without_white_space_lose_no_letter(monkeypatch):
    monkeypatch.setattr(embed_tokens, "STRETCH", 10)
    assert embed_tokens.all_tokens(["天气预报" * 10], letters)[0].tolist() == [ord(c) for c in "天气预报" * 10]


@pytest.mark.parametrize("most", [1, 3, 50, 299, 300, 1000])
def test_the_first_tokens_are_those_of_the_whole_text(most):
    text, lengths = words(300)
    found = embed_tokens.first_tokens([text, "", "one two"], most, tokenise)
    assert [ids.tolist() for ids in found] == [lengths[:most], [], [3, 3][:most]]


def test_the_first_tokens_of_a_long_text_cost_little():
    seen = []

    def counting(texts):
        seen.append(sum(map(len, texts)))
        return tokenise(texts)

    embed_tokens.first_tokens(["ab " * 1_000_000], 100, counting)
    assert sum(seen) < 5_000


def test_sequences_have_special_tokens_around_them():
    found = embed_tokens.read(["a bb ccc", " ", "a bb ccc dddd eeeee ffffff"], reader())
    assert [ids.tolist() for ids in found.ids] == [[101, 1, 2, 3, 102], [101, 1, 2, 3, 4, 5, 102]]
    assert found.owners.tolist() == [0, 2]


def test_chunks_are_the_whole_text_and_begin_with_the_prompt():
    found = embed_tokens.read(["a bb ccc dddd eeeee ffffff", "a"], reader(4, True))
    assert [ids.tolist()[1:-1] for ids in found.ids] == [[1, 2, 3, 4], [5, 6], [1]]
    assert found.owners.tolist() == [0, 0, 1]
    found = embed_tokens.read(["a bb ccc dddd eeeee ffffff"], reader(4, True, "qqqqqqqqq "))
    assert [ids.tolist()[1:-1] for ids in found.ids] == [[9, 1, 2, 3], [9, 4, 5, 6]]


def test_batches_are_filled_by_tokens_longest_first():
    lengths = np.array([3, 50, 4, 4, 9, 100, 1], dtype=np.int64)
    found = [batch.tolist() for batch in embed_tokens.batches(lengths, 20)]
    assert found == [[5], [1], [4, 2], [3, 0, 6]]
    assert list(embed_tokens.batches(lengths[:0], 20)) == []
