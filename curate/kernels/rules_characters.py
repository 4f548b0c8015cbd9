"""What the rules ask of a character, as one table of bit sets.

The classes of the word rules are those of spaCy's `blank("en")` (char_classes.py), given by their definitions: letters
of the Latin blocks, of Greek, of the Cyrillic of Russian, Tatar, Ukrainian and Macedonian, and of scripts without
case; marks and quotes one by one; icons as Unicode's category So.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

from curate.kernels import cache_folder, njit
from curate.kernels.bits import line_mask, ones, start_mask, trailing_zeros
from curate.kernels.unicode import decode
from curate.storage.files import replacing

SPACE = np.uint32(1 << 0)
"""Python's `isspace`."""
ALPHA = np.uint32(1 << 1)
"""A letter of the word rules; so are the next two, which letters without case are both of."""
SMALL = np.uint32(1 << 2)
LARGE = np.uint32(1 << 3)
DIGIT = np.uint32(1 << 4)
"""0 to 9."""
PREFIX = np.uint32(1 << 5)
"""Parted from the front of a word, alone."""
SUFFIX = np.uint32(1 << 6)
"""Parted from the end of a word, alone."""
CLOSES = np.uint32(1 << 7)
"""A full stop after it is parted from the end of a word."""
QUOTE = np.uint32(1 << 8)
ICON = np.uint32(1 << 9)
CURRENCY = np.uint32(1 << 10)
RULED = np.uint32(1 << 11)
"""A word without any such character is never cut."""
LETTER = np.uint32(1 << 12)
"""Python's `isalpha`."""
MARK = np.uint32(1 << 13)
"""What Gopher's filter takes no word to be made of alone (datatrove's PUNCTUATION_SET)."""
TERMINAL = np.uint32(1 << 14)
"""Ends a line in FineWeb's sense."""
ENDS = np.uint32(1 << 15)
"""As a word of its own it ends a sentence (spaCy's sentencizer)."""
PUNCTUATION = np.uint32(1 << 16)
"""Category P."""
CAPITAL = np.uint32(1 << 17)
"""Python's `isupper`, of letters."""
DECIMAL = np.uint32(1 << 18)
"""Python's `isdecimal`: a digit of any script."""
SYMBOL = np.uint32(1 << 19)
"""Neither letter, number, combining mark nor white space."""

_NONE = np.uint32(0)
_1 = np.uint64(1)
_64 = np.uint64(64)
_LIMIT = 0x32000
"""No assigned character from here on is of any class, but for tags and private use."""

_LATIN = ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x1BF), (0x1C4, 0x2AF), (0x1D00, 0x1D25))
_LATIN += ((0x1D6B, 0x1D77), (0x1D79, 0x1D9A), (0x1E00, 0x1EFF), (0x2C60, 0x2C7B), (0x2C7E, 0x2C7F), (0xA722, 0xA76F))
_LATIN += ((0xA771, 0xA787), (0xA78B, 0xA78E), (0xA790, 0xA7B9), (0xA7FA, 0xA7FA), (0xAB30, 0xAB5A))
_LATIN += ((0xAB60, 0xAB64), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
_CASED = ((0x3B1, 0x3C9), (0x391, 0x3A9), (0x430, 0x44F), (0x410, 0x42F))
_CASED_LETTERS = "ёәөүҗңһάέίόώήύюяіїєґѓѕјљњќѐѝЁӘӨҮҖҢҺΆΈΊΌΏΉΎЮЯІЇЄҐЃЅЈЉЊЌЀЍ"
_UNCASED = ((0x1200, 0x137F), (0x980, 0x9FF), (0x591, 0x5F4), (0xFB1D, 0xFB4F), (0x620, 0x64A), (0x66E, 0x6D5))
_UNCASED += ((0x6E5, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8BD), (0xFB50, 0xFBB1), (0xFBD3, 0xFD3D), (0xFD50, 0xFDC7))
_UNCASED += ((0xFDF0, 0xFDFB), (0xFE70, 0xFEFC), (0x1EE00, 0x1EEBB), (0xD80, 0xDFF), (0x900, 0x97F), (0xC80, 0xCFF))
_UNCASED += ((0xB80, 0xBFF), (0xC00, 0xC7F), (0xAC00, 0xD7AF), (0x1100, 0x11FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF))
_UNCASED += ((0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2EBEF), (0x2E80, 0x2FDF), (0x2FF0, 0x303F))
_UNCASED += ((0x31C0, 0x31EF), (0x3200, 0x33FF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0x1F200, 0x1F2FF))
_UNCASED += ((0x2F800, 0x2FA1F),)

_MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧\u2329\u232a"
_CURRENCIES = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
_ONLY_PREFIXES = "§%=—–"
_ONLY_SUFFIXES = "—–"
_INNER = ".+-*^~:<>=/,'’"

_GOPHER = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
_CONTROLS = ((0, 9), (11, 13), (13, 32), (127, 160))

_SENTENCE_ENDS = (
    "!.?։؟۔܀܁܂߹।॥၊။።፧፨᙮᜵᜶᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？𐩖𐩗𑁇𑁈𑂾𑂿𑃀𑃁𑅁𑅂𑅃𑇅𑇆𑇍𑇞𑇟𑈸𑈹𑈻𑈼𑊩𑑋𑑌"
    "𑗂𑗃𑗉𑗊𑗋𑗌𑗍𑗎𑗏𑗐𑗑𑗒𑗓𑗔𑗕𑗖𑗗𑙁𑙂𑜼𑜽𑜾𑩂𑩃𑪛𑪜𑱁𑱂𖩮𖩯𖫵𖬷𖬸𖭄𛲟𝪈｡。"
)
_MORE_TERMINALS = (0x61D, 0x61E, 0x700, 0x837, 0x839, 0x83D, 0x83E, 0x17D4, 0x17D5, 0x17D6, 0x17D9, 0x17DA, 0x1B7D)
_MORE_TERMINALS += (0x1B7E, 0x2E53, 0x2E54, 0x10F55, 0x10F56, 0x10F57, 0x10F58, 0x10F59, 0x10F86, 0x10F87, 0x10F88)
_MORE_TERMINALS += (0x10F89, 0x11944, 0x11946, 0x11EF7, 0x11EF8, 0x11F43, 0x11F44, 0x16E98)


@functools.cache
def characters() -> np.ndarray:
    """The bit set of each code point below 0x32000: uint32; kept in a file beside the compiled kernels."""
    path = cache_folder("rules_characters") / f"characters-{unicodedata.unidata_version}.npy"
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        values = _properties() | _word_classes()
        with replacing(path) as aside, open(aside, "wb") as file:
            np.save(file, values)
    return values


def _properties() -> np.ndarray:
    every = [chr(code_point) for code_point in range(_LIMIT)]
    categories = np.array([unicodedata.category(c) for c in every])
    values = np.zeros(_LIMIT, dtype=np.uint32)
    values[[c.isspace() for c in every]] |= SPACE
    values[[c.isalpha() for c in every]] |= LETTER
    values[[c.isalpha() and c.isupper() for c in every]] |= CAPITAL
    values[[c.isdecimal() for c in every]] |= DECIMAL
    values[[c[0] not in "LNM" for c in categories]] |= SYMBOL
    values[values & SPACE != 0] &= ~SYMBOL
    values[[c[0] == "P" for c in categories]] |= PUNCTUATION
    values[categories == "So"] |= ICON
    values[_points(_SENTENCE_ENDS)] |= ENDS | TERMINAL
    values[list(_MORE_TERMINALS)] |= TERMINAL
    values[_points(_GOPHER)] |= MARK
    values[values & TERMINAL != 0] |= MARK
    for first, last in _CONTROLS:
        values[first:last] |= MARK
    return values


def _word_classes() -> np.ndarray:
    every = [chr(code_point) for code_point in range(_LIMIT)]
    values = np.zeros(_LIMIT, dtype=np.uint32)
    for first, last in _LATIN + _CASED:
        values[first : last + 1] |= ALPHA
    values[_points(_CASED_LETTERS)] |= ALPHA
    small = np.array([c.islower() for c in every])
    large = np.array([c.isupper() for c in every])
    values[(values & ALPHA != 0) & small] |= SMALL
    values[(values & ALPHA != 0) & large] |= LARGE
    for first, last in _UNCASED:
        values[first : last + 1] |= ALPHA | SMALL | LARGE
    values[48:58] |= DIGIT
    icons = np.array([unicodedata.category(c) == "So" for c in every])
    values[_points(_MARKS + _QUOTES)] |= PREFIX | SUFFIX
    values[icons] |= PREFIX | SUFFIX | RULED
    values[_points(_CURRENCIES + _ONLY_PREFIXES)] |= PREFIX
    values[_points(_ONLY_SUFFIXES)] |= SUFFIX
    values[_points(_QUOTES)] |= QUOTE
    values[_points(_CURRENCIES)] |= CURRENCY
    values[_points(_MARKS + _QUOTES + "%²-+|(?:)")] |= CLOSES
    values[values & (SMALL | DIGIT) != 0] |= CLOSES
    values[values & (PREFIX | SUFFIX | DIGIT) != 0] |= RULED
    values[_points(_INNER)] |= RULED
    return values


def _points(letters: str) -> np.ndarray:
    return np.array([ord(c) for c in letters], dtype=np.int64)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def bits(table, code_point):
    """The bit set (uint32) of a code point, by the table of `characters`."""
    return table[code_point] if code_point < len(table) else _NONE


@njit(nogil=True, cache=True, _nrt=False)
def strip(data, start, end, table):
    """Where the text data[start:end] begins and ends without the white space around it."""
    while start < end:
        code_point, length = decode(data, start)
        if not bits(table, code_point) & SPACE:
            break
        start += length
    while end > start:
        before = end - 1
        while data[before] & 0xC0 == 0x80:
            before -= 1
        if not bits(table, decode(data, before)[0]) & SPACE:
            break
        end = before
    return start, end


@njit(nogil=True, cache=True, _nrt=False)
def last_bits(data, start, end, table):
    """The bit set of the last character of data[start:end], which is not empty."""
    before = end - 1
    while data[before] & 0xC0 == 0x80 and before > start:
        before -= 1
    return bits(table, decode(data, before)[0])


@njit(nogil=True, cache=True, _nrt=False)
def count_characters(data, start, end):
    """Characters of the UTF-8 text data[start:end]."""
    at, stop, room = np.uint64(start), np.uint64(end), np.uint64(len(data))
    total = np.int64(0)
    while at < stop and at + _64 <= room:
        found = start_mask(data, at)
        if stop - at < _64:
            found &= (_1 << (stop - at)) - _1
        total += np.int64(ones(found))
        at += _64
    for i in range(np.int64(at), end):
        total += data[i] & 0xC0 != 0x80
    return total


@njit(nogil=True, cache=True, _nrt=False)
def line_end(data, start, end):
    """Where the line from `start` on ends, and where the next one begins, as `str.splitlines` has it."""
    base, stop, room = np.uint64(start), np.uint64(end), np.uint64(len(data))
    while base < stop and base + _64 <= room:
        found = line_mask(data, base)
        while found:
            at = base + trailing_zeros(found)
            if at >= stop:
                return end, end
            size = _break_at(data, np.int64(at), end)
            if size:
                return np.int64(at), np.int64(at) + size
            found &= found - _1
        base += _64
    for place in range(np.int64(base), end):
        size = _break_at(data, place, end)
        if size:
            return place, place + size
    return end, end


@njit(nogil=True, cache=True, _nrt=False)
def _break_at(data, at, end):
    """Bytes of the end of a line at a place, or 0."""
    byte = data[at]
    if byte < 31:
        if 10 <= byte <= 13 or byte >= 28:
            return 2 if byte == 13 and at + 1 < end and data[at + 1] == 10 else 1
    elif byte == 0xC2:
        return 2 if data[at + 1] == 0x85 else 0
    elif byte == 0xE2 and data[at + 1] == 0x80 and (data[at + 2] == 0xA8 or data[at + 2] == 0xA9):
        return 3
    return 0
