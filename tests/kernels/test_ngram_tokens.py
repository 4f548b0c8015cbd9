import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, ngram_tokens
from tests.kernels.test_wordpunct import TEXTS
from tests.naive import ngrams as naive

PIECES = st.lists(
    st.sampled_from(["a", "The", "!!", " ", "  ", "\n", "x_1", "中文", "한국", "कि", "é", "é", " ไทย"]), max_size=40
)


def read(texts):
    values = arrow.strings(pa.array(["before it", *texts, "after it"], pa.large_string()).slice(1, len(texts)))
    offsets, data = values
    size = int(offsets[-1] - offsets[0]) + len(values)
    hashes, ends, firsts = np.empty(size, np.uint64), np.empty(size, np.int64), np.empty(len(offsets), np.int64)
    number = ngram_tokens.hash_words(offsets, data, *ngram_tokens.classes(), hashes, ends, firsts)
    assert number == firsts[-1]
    found = []
    for i, first in enumerate(firsts[:-1]):
        starts = [offsets[i], *ends[first : firsts[i + 1] - 1]]
        found.append([bytes(data[a:b]).decode() for a, b in zip(starts, ends[first : firsts[i + 1] - 1])])
        assert hashes[firsts[i + 1] - 1] == ngram_tokens.END
    return found, [hashes[a : b - 1].tolist() for a, b in itertools.pairwise(firsts)]


@settings(deadline=None, max_examples=60)
@given(st.one_of(TEXTS, st.lists(PIECES.map("".join), max_size=6)))
def test_words_are_the_pieces_of_a_text(texts):
    found, hashes = read(texts)
    assert found == [naive.words(text) for text in texts]
    assert ["".join(words) for words in found] == texts
    by_hash = {h: word for words, row in zip(found, hashes) for word, h in zip(words, row)}
    assert len(by_hash) == len({word for words in found for word in words})


def test_every_character_is_of_the_kind_that_python_says():
    pages, leaves = ngram_tokens.classes()
    kinds = ["symbol", "letter", "white", "alone"]
    for code_point in [*range(0x3400), *range(0xE00, 0x10FFFF, 61)]:
        if not 0xD800 <= code_point < 0xE000:
            found = kinds[leaves[int(pages[code_point >> 8]) << 8 | code_point & 255]]
            assert found == naive.kind(chr(code_point)), hex(code_point)
