"""Character properties as two-stage tables, and the small loops that read UTF-8 with them.

The tables come from Python's own `unicodedata`, so that kernels and their plain twins agree, and
are kept in one file beside the compiled kernels: building them takes a second, loading them
milliseconds. Kernels take them as arguments, since Numba would copy a global into the code.

    pages, leaves = unicode.flags()
    kernel(offsets, data, pages, leaves, out)       # inside: flag(pages, leaves, code_point) & WORD
"""

from __future__ import annotations

import functools
import string
import sys
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curate.kernels import cache_folder, njit
from curate.storage.files import replacing

WORD = np.uint8(1)
"""Python's `\\w`: a letter or number of any script, or the underscore."""
SPACE = np.uint8(2)
"""Python's `\\s`."""
DIGIT = np.uint8(4)
"""Python's `\\d`: a decimal digit of any script."""
SINGLE = np.uint8(8)
"""Letters of scripts that put no space between words: one token a character."""
UPPER = np.uint8(16)
"""Python's `isupper`."""
PUNCTUATION = np.uint8(32)
"""Unicode category P, and the ASCII symbols `$+<=>^`|~`."""
NFC = np.uint8(64)
"""Text with none of these is in NFC: a combining class, or NFC_Quick_Check other than yes."""
CONTROL = np.uint8(128)
"""C0, DEL and C1 but for tab and the newline characters, and the byte order mark U+FEFF."""

CLASS_MASK = np.uint16(0xFF)
NOT_NFC = np.uint16(0x100)
MAY_COMPOSE = np.uint16(0x200)
COMPOSES = np.uint16(0x400)

NEWLINES = "\n\v\f\r\x85\u2028\u2029"
"""The newline functions of the Unicode Standard, section 5.8."""

_PAGES = 0x1100
_NAMES = ("flags", "words", "lower", "canonical")
_ENCLOSED_LETTERS = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))
"""The symbols that are Alphabetic; all other characters that are have a category of letters, marks or numbers."""
_SINGLE_NAMES = (
    "CJK UNIFIED IDEOGRAPH",
    "CJK COMPATIBILITY IDEOGRAPH",
    "IDEOGRAPHIC",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "HENTAIGANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
)


class Table(NamedTuple):
    """The value of a code point c is leaves[pages[c >> 8] * 256 + (c & 255)].

    pages: uint16, shape (0x1100,). leaves: shape (k * 256,).
    """

    pages: np.ndarray
    leaves: np.ndarray


def flags() -> Table:
    """uint8 leaves: WORD, SPACE, DIGIT, SINGLE, UPPER, PUNCTUATION, NFC and CONTROL, or-ed."""
    return _tables()["flags"]


def words() -> Table:
    """Those of `flags`, but WORD is Unicode's `\\w` (Technical Standard 18, annex C), as the `regex` package has it.

    Combining marks and the two joiners belong to words, as the scripts of South and South-East Asia and Persian are
    spelled with them; numbers that are not decimal digits, such as superscripts, do not.
    """
    return _tables()["words"]


def lower() -> Table:
    """int32 leaves: what to add to a code point to have its simple lower case; see `lowered`."""
    return _tables()["lower"]


def canonical() -> Table:
    """uint16 leaves for NFC (Unicode Standard Annex 15), or-ed.

    CLASS_MASK: the canonical combining class. NOT_NFC: NFC_Quick_Check is no. MAY_COMPOSE: it is
    maybe, so the character may be the second of a composition. COMPOSES: it may be the first.
    """
    return _tables()["canonical"]


@njit(nogil=True, cache=True, _nrt=False)
def decode(data, at):
    """The code point (int64) that starts at data[at], and its length in bytes; the UTF-8 must be valid."""
    first = np.int64(data[at])
    if first < 0x80:
        return first, 1
    second = np.int64(data[at + 1]) & 0x3F
    if first < 0xE0:
        return (first & 0x1F) << 6 | second, 2
    third = np.int64(data[at + 2]) & 0x3F
    if first < 0xF0:
        return (first & 0x0F) << 12 | second << 6 | third, 3
    return (first & 0x07) << 18 | second << 12 | third << 6 | (np.int64(data[at + 3]) & 0x3F), 4


@njit(nogil=True, cache=True)
def encode(code_point, data, at):
    """Write a code point as UTF-8 from data[at] on and give its length in bytes."""
    if code_point < 0x80:
        data[at] = code_point
        return 1
    if code_point < 0x800:
        data[at] = 0xC0 | code_point >> 6
        data[at + 1] = 0x80 | code_point & 0x3F
        return 2
    if code_point < 0x10000:
        data[at] = 0xE0 | code_point >> 12
        data[at + 1] = 0x80 | code_point >> 6 & 0x3F
        data[at + 2] = 0x80 | code_point & 0x3F
        return 3
    data[at] = 0xF0 | code_point >> 18
    data[at + 1] = 0x80 | code_point >> 12 & 0x3F
    data[at + 2] = 0x80 | code_point >> 6 & 0x3F
    data[at + 3] = 0x80 | code_point & 0x3F
    return 4


@njit(nogil=True, cache=True, _nrt=False)
def flag(pages, leaves, code_point):
    """The value that a table holds for a code point."""
    return leaves[np.int64(pages[code_point >> 8]) << 8 | code_point & 0xFF]


@njit(nogil=True, cache=True)
def lowered(pages, leaves, code_point):
    """The simple lower case (int64) of a code point, by the table of `lower`."""
    return code_point + np.int64(leaves[np.int64(pages[code_point >> 8]) << 8 | code_point & 0xFF])


@functools.cache
def _tables() -> dict[str, Table]:
    path = cache_folder("unicode") / f"unicode-{unicodedata.unidata_version}.npz"
    try:
        return _load(path)
    except FileNotFoundError:
        flags = _flags()
        built = {"flags": flags, "words": _words(flags), "lower": _lower(), "canonical": _canonical()}
        built = {name: _paged(values) for name, values in built.items()}
    with replacing(path) as aside, open(aside, "wb") as file:
        np.savez(file, **{f"{name}_{part}": array for name in built for part, array in built[name]._asdict().items()})
    return built


def _load(path: Path) -> dict[str, Table]:
    with np.load(path, allow_pickle=False) as file:
        return {name: Table(file[f"{name}_pages"], file[f"{name}_leaves"]) for name in _NAMES}


def _paged(values: np.ndarray) -> Table:
    rows, pages = np.unique(values.reshape(_PAGES, 256), axis=0, return_inverse=True)
    return Table(pages.reshape(-1).astype(np.uint16), rows.reshape(-1))


def _flags() -> np.ndarray:
    characters = [chr(code_point) for code_point in range(sys.maxunicode + 1)]
    values = np.zeros(len(characters), dtype=np.uint8)
    values[[c.isalnum() for c in characters]] |= WORD
    values[ord("_")] |= WORD
    values[[c.isspace() for c in characters]] |= SPACE
    values[[c.isdecimal() for c in characters]] |= DIGIT
    values[[c.isalnum() and not c.isdecimal() and _is_single(c) for c in characters]] |= SINGLE
    values[[c.isupper() for c in characters]] |= UPPER
    values[[unicodedata.category(c)[0] == "P" or c in string.punctuation for c in characters]] |= PUNCTUATION
    values[[unicodedata.category(c) == "Cc" and c != "\t" and c not in NEWLINES for c in characters]] |= CONTROL
    values[0xFEFF] |= CONTROL
    values[_canonical() & (CLASS_MASK | NOT_NFC | MAY_COMPOSE) != 0] |= NFC
    return values


def _words(flags: np.ndarray) -> np.ndarray:
    kinds = [unicodedata.category(chr(code_point)) for code_point in range(sys.maxunicode + 1)]
    word = np.array([kind[0] in "LM" or kind in ("Nd", "Nl", "Pc") for kind in kinds])
    for first, last in _ENCLOSED_LETTERS:
        word[first : last + 1] = True
    word[[0x200C, 0x200D]] = True
    return np.where(word, flags | WORD, flags & ~WORD)


def _is_single(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_SINGLE_NAMES)


def _lower() -> np.ndarray:
    """The dotted capital I, alone in having two lower case characters, gets the first of them."""
    code_points = range(sys.maxunicode + 1)
    return np.array([ord(chr(c).lower()[0]) - c for c in code_points], dtype=np.int32)


@functools.cache
def _canonical() -> np.ndarray:
    characters = [chr(code_point) for code_point in range(sys.maxunicode + 1)]
    values = np.array([unicodedata.combining(c) for c in characters], dtype=np.uint16)
    for code_point, character in enumerate(characters):
        if not unicodedata.is_normalized("NFC", character):
            values[code_point] |= NOT_NFC
            continue
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            values[int(parts[0], 16)] |= COMPOSES
            values[int(parts[1], 16)] |= MAY_COMPOSE
    values[0x1100:0x1113] |= COMPOSES  # Hangul composes by arithmetic: leading consonants,
    values[0x1161:0x1176] |= MAY_COMPOSE  # vowels, trailing consonants,
    values[0x11A8:0x11C3] |= MAY_COMPOSE
    values[0xAC00:0xD7A4:28] |= COMPOSES  # and syllables that lack a trailing consonant
    return values
