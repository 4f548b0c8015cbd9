"""The words of a line, found once for all that the rules ask of words.

White space parts a line into chunks, found by masks of 64 bytes. Letters with white space or one parted mark after them
are a word or two at once; other short chunks are looked up among those met before, and cut by `rules_words` if they are
not there.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels import rules_fields as fields
from curate.kernels.bits import chunk_masks, eight, trailing_zeros
from curate.kernels.rules_characters import CLOSES, ENDS, LETTER, MARK, PUNCTUATION, SPACE, SUFFIX, bits
from curate.kernels.rules_grams import MOST_WORDS
from curate.kernels.rules_lexicon import (
    GOPHER,
    LANGUAGES,
    STOPS,
    find,
    has_shape,
    hash_word,
    lowest,
    may_be_exception,
    may_know,
)
from curate.kernels.rules_words import BEGINS, ENDINGS, PLACES, cut_chunk, kinds_of, read_chunk
from curate.kernels.unicode import decode

_CACHED = 1 << 13
_CACHED_WORDS = 4
_CACHED_BYTES = 24
_LOW, _MIDDLE, _HIGH, _ABOUT, _HASHES = range(5)
_SIZE = np.uint64(31)
_NUMBER, _ENDS, _LETTER_WORDS, _PLAIN, _MINI, _PLAIN_CHARACTERS, _AFTER, _AFTER_MARK = 5, 8, 28, 31, 34, 37, 42, 46
"""The first bit of what is kept about a chunk, after its size: how many words, where each ends (5 bits),
how many have letters, are no marks, and are no marks of at most three characters, the characters of those that are no
marks, and what the state is after it, less 2, from 2 and from 3."""

PLANES = 40
"""Bit-sliced counters of 40 bits: more than any document has words."""
_SURE_PLANES = 4

_FULL_STOP = 46
_0 = np.uint64(0)
_1 = np.uint64(1)
_8 = np.uint64(8)
_16 = np.uint64(16)
_63 = np.uint64(63)
_LETTERS = np.int64(LETTER)
_LANGUAGE_BITS = np.uint64((1 << LANGUAGES) - 1)
_PLACE_SHIFT = np.uint64(64 - 13)
_A = np.uint64(0x9E3779B97F4A7C15)
_B = np.uint64(0xBF58476D1CE4E5B9)
_C = np.uint64(0x94D049BB133111EB)


@njit(nogil=True, cache=True)
def chunk_cache():
    """Chunks met before, none yet: uint64, shape (_CACHED, 8), 512 KiB.

    A row is the at most 24 bytes of a chunk, in three numbers, `_about` it, and the hashes of its at most four words.
    """
    return np.zeros((_CACHED, 8), np.uint64)


@njit(nogil=True, cache=True, _nrt=False)
def read_words(data, start, end, characters, lexicon, chunk, hashes, lengths, languages, cache, row):
    """Count the words of a line, which begins and ends with no white space; gives the sentences."""
    state = 0
    at = start
    while at < end:
        at, spaced = _skip_space(data, at, end, characters)
        state = _after_space(state) if spaced else state
        if at == end:
            break
        first = at
        letters, stops, blanks = _masks(data, at, end)
        while True:
            size = _size(data, at, end, stops)
            if size == 0:
                if at == first:
                    at, number = read_chunk(data, at, end, characters, chunk)
                    words = cut_chunk(data, number, lexicon, chunk)
                    state = _add_cut(data, words, state, lexicon, chunk, hashes, lengths, languages, row)
                break
            run = np.int64(trailing_zeros(~letters))
            key = _plain_word(data, at, run, size, characters, lexicon)
            if key:
                state = _after_word(state, run, _LETTERS)
                _add_word(key, at + run, run, _LETTERS, lexicon, hashes, lengths, languages, row)
                if run < size:
                    state = _add_mark(data, at + run, state, characters, lexicon, hashes, lengths, languages, row)
            else:
                state = _add_odd(
                    data, at, size, state, characters, lexicon, chunk, hashes, lengths, languages, cache, row
                )
            at += size
            after = np.uint64(size) + _1
            if after > _63 or not (blanks << _1 & ~stops) >> after & _1:
                break
            at += 1
            letters >>= after
            stops >>= after
            blanks >>= after
    return state >> 1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _masks(data, at, end):
    """Of the 64 bytes at a place: masks of letters, of white space, bytes beyond ASCII and the end, and of blanks."""
    if at + 64 > len(data):
        return _0, _0, _0
    letters, stops, blanks = chunk_masks(data, np.uint64(at))
    if end - at < 64:
        bit = _1 << np.uint64(end - at)
        letters &= bit - _1
        blanks &= bit - _1
        stops |= bit
    return letters, stops, blanks


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _size(data, at, end, stops):
    """The bytes of the chunk at a place; 0 if it is not all ASCII, or its end is not among the stops."""
    if stops == _0:
        return 0
    size = np.int64(trailing_zeros(stops))
    return 0 if at + size < end and data[at + size] > 127 else size


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _plain_word(data, at, run, size, characters, lexicon):
    """The hash of the letters that a chunk begins with if they are a word, and one mark after them another or nothing
    is; else 0."""
    closed = run + 1 == size and _closes(data, at, at + run, characters)
    if run == 0 or not (run == size or closed):
        return _0
    key = hash_word(data, at, at + run)
    exception = may_be_exception(lexicon, key) or (closed and has_shape(lexicon, data[at], data[at + run], size))
    return _0 if exception else key


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_odd(data, at, size, state, characters, lexicon, chunk, hashes, lengths, languages, cache, row):
    """Add the words of an ASCII chunk of `size` bytes; gives the state after them."""
    words = row[fields.WORDS]
    if size > _CACHED_BYTES or at + _CACHED_BYTES > len(data) or words + _CACHED_WORDS > min(MOST_WORDS, len(hashes)):
        _, number = read_chunk(data, at, at + size, characters, chunk)
        found = cut_chunk(data, number, lexicon, chunk)
        return _add_cut(data, found, state, lexicon, chunk, hashes, lengths, languages, row)
    low, middle, high = _bytes(data, np.uint64(at), np.uint64(size))
    place = ((low ^ np.uint64(size)) * _A + middle * _B + high * _C) >> _PLACE_SHIFT
    one = cache[place]
    differs = one[_LOW] ^ low | one[_MIDDLE] ^ middle | one[_HIGH] ^ high | (one[_ABOUT] ^ np.uint64(size)) & _SIZE
    if differs:
        _, number = read_chunk(data, at, at + size, characters, chunk)
        found = cut_chunk(data, number, lexicon, chunk)
        if found > _CACHED_WORDS:
            return _add_cut(data, found, state, lexicon, chunk, hashes, lengths, languages, row)
        one[_LOW], one[_MIDDLE], one[_HIGH] = low, middle, high
        _meet(data, at, size, found, chunk, one)
    about = one[_ABOUT]
    for i in range(_CACHED_WORDS):
        hashes[words + i] = one[_HASHES + i]
        lengths[words + i + 1] = lengths[words] + _part(about, _ENDS + 5 * i, 5)
    found = _part(about, _NUMBER, 3)
    row[fields.WORDS] = words + found
    row[fields.COMPARED_CHARACTERS] = at + size
    row[fields.LETTER_WORDS] += _part(about, _LETTER_WORDS, 3)
    row[fields.PLAIN_WORDS] += _part(about, _PLAIN, 3)
    row[fields.MINI_WORDS] += _part(about, _MINI, 3)
    row[fields.PLAIN_CHARACTERS] += _part(about, _PLAIN_CHARACTERS, 5)
    state = max(state, 2)
    return (state & ~1) + _part(about, _AFTER_MARK if state & 1 else _AFTER, 4)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _bytes(data, at, size):
    """The first `size` of the 24 bytes at a place as three numbers."""
    low = lowest(eight(data, at), size)
    middle = lowest(eight(data, at + _8), size - _8) if size > _8 else _0
    high = lowest(eight(data, at + _16), size - _16) if size > _16 else _0
    return low, middle, high


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _part(about, first, number):
    """The number in some bits."""
    return np.int64(about >> np.uint64(first) & np.uint64((1 << number) - 1))


@njit(nogil=True, cache=True, _nrt=False)
def _meet(data, at, size, words, chunk, one):
    """Write what the words of a chunk, cut just now, add to the counts."""
    about = size | words << _NUMBER
    after, after_mark = 2, 3
    for i in range(words):
        key, stop, length, flags = _word_of(data, i, chunk)
        one[_HASHES + i] = key
        about |= (stop - at) << (_ENDS + 5 * i)
        about += np.int64(flags & LETTER != 0) << _LETTER_WORDS
        if not flags & MARK:
            about += (1 << _PLAIN) + (np.int64(length <= 3) << _MINI) + (length << _PLAIN_CHARACTERS)
        after, after_mark = _after_word(after, length, flags), _after_word(after_mark, length, flags)
    one[_ABOUT] = np.uint64(about | (after - 2) << _AFTER | (after_mark - 2) << _AFTER_MARK)


@njit(nogil=True, cache=True, _nrt=False)
def _add_cut(data, words, state, lexicon, chunk, hashes, lengths, languages, row):
    """Add the words of a chunk, cut just now; gives the state after them."""
    for i in range(words):
        key, stop, length, flags = _word_of(data, i, chunk)
        state = _after_word(state, length, flags)
        _add_word(key, stop, length, flags, lexicon, hashes, lengths, languages, row)
    return state


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _word_of(data, i, chunk):
    """Of the i-th word of a chunk: the hash, end, characters and kinds."""
    first, last = chunk[BEGINS, i], chunk[ENDINGS, i]
    flags = kinds_of(first, last, chunk)
    stop = chunk[PLACES, last]
    key = hash_word(data, chunk[PLACES, first], stop)
    return key, stop, last - first, flags


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_mark(data, at, state, characters, lexicon, hashes, lengths, languages, row):
    """Add a mark as a word of its own; gives the state after it."""
    flags = np.int64(characters[data[at]])
    _add_word(hash_word(data, at, at + 1), at + 1, 1, flags, lexicon, hashes, lengths, languages, row)
    return _after_word(state, 1, flags)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _closes(data, begin, at, characters):
    """Whether the ASCII character at a place is a suffix after the letters from `begin` on."""
    if data[at] > 127:
        return False
    if characters[data[at]] & SUFFIX:
        return True
    return data[at] == _FULL_STOP and at > begin and characters[data[at - 1]] & CLOSES != 0


@njit(nogil=True, cache=True, _nrt=False)
def count_words(data, start, end, characters, lexicon, chunk):
    """The words and the sentences of a line."""
    words, state = 0, 0
    at = start
    while at < end:
        at, spaced = _skip_space(data, at, end, characters)
        state = _after_space(state) if spaced else state
        if at == end:
            break
        at, number = read_chunk(data, at, end, characters, chunk)
        found = cut_chunk(data, number, lexicon, chunk)
        for i in range(found):
            first, last = chunk[BEGINS, i], chunk[ENDINGS, i]
            state = _after_word(state, last - first, kinds_of(first, last, chunk))
        words += found
    return words, state >> 1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _after_word(state, length, flags):
    """Twice the sentences so far, plus 1 after a mark that ends one (spaCy's sentencizer)."""
    if length == 1 and flags & ENDS:
        return max(state, 2) | 1
    if state & 1 and not flags & PUNCTUATION:
        return state + 1
    return max(state, 2)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _after_space(state):
    """White space that is a token of its own begins a sentence like a word."""
    return max(state + (state & 1), 2)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _skip_space(data, at, end, characters):
    """Where white space ends, and whether it is more than one blank, which is a token of its own to a sentence."""
    if at < end and data[at] == 32 and at + 1 < end and 32 < data[at + 1] < 128:
        return at + 1, False
    number = 0
    blank = at < end and data[at] == 32
    while at < end:
        code_point, length = decode(data, at)
        if not bits(characters, code_point) & SPACE:
            break
        number += 1
        at += length
    return at, number > 1 or (number == 1 and not blank)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_word(key, end, length, flags, lexicon, hashes, lengths, languages, row):
    words = row[fields.WORDS]
    if words < MOST_WORDS:
        hashes[words] = key
        lengths[words + 1] = lengths[words] + length
        row[fields.COMPARED_CHARACTERS] = end
    else:
        _add_stops(lexicon[find(lexicon, key), STOPS], languages, row)
    row[fields.WORDS] = words + 1
    row[fields.LETTER_WORDS] += flags & LETTER != 0
    if flags & MARK:
        return
    row[fields.PLAIN_WORDS] += 1
    row[fields.PLAIN_CHARACTERS] += length
    row[fields.MINI_WORDS] += length <= 3


@njit(nogil=True, cache=True, _nrt=False)
def count_stops(hashes, number, lexicon, languages, found, row):
    """Count which of the first words are stop words; found: scratch for as many numbers.

    Those that the lexicon may know are picked out first, without a branch that hangs on whether it does.
    """
    known = 0
    for i in range(number):
        found[known] = i
        known += np.int64(may_know(lexicon, hashes[i]))
    for i in range(known):
        _add_stops(lexicon[find(lexicon, hashes[found[i]]), STOPS], languages, row)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_stops(stops, languages, row):
    """Count a word by its stop word bits; most carries end within the planes that are gone through in any case."""
    row[fields.STOP_WORDS] |= np.int64(stops >> GOPHER)
    carry = stops & _LANGUAGE_BITS
    for plane in range(_SURE_PLANES):
        before = languages[plane]
        languages[plane] = before ^ carry
        carry &= before
    plane = _SURE_PLANES
    while carry:
        before = languages[plane]
        languages[plane] = before ^ carry
        carry &= before
        plane += 1
