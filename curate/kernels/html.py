"""How large and how deep the tree of an HTML page is, before any parser builds it.

The tags are followed by a short version of the rules by which browsers build the tree (HTML Standard, 13.2.6): which
elements hold nothing, which end others when they begin, and how far up an end tag reaches. Of what is left out, some
makes a page look deeper (what is foster-parented out of tables) and some flatter (formatting that is opened anew).
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

VOID, RAW, SCOPE, SPECIAL, FORMAT, PARAGRAPH, ITEM, TERM, CELL, ROW, GROUP, TABLE, ANCHOR, OPTION, SOFT, FOREIGN = (
    1 << bit for bit in range(16)
)
_ANYTHING = (1 << 16) - 1

_BLOCKS = frozenset(
    "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form h1 h2 h3 "  # noqa: SIM905
    "h4 h5 h6 header hgroup hr listing main menu nav ol p plaintext pre search section summary table ul xmp".split()
)
_KINDS = {
    VOID: "area base basefont bgsound br col embed frame hr image img input keygen link meta param source track wbr",
    RAW: "iframe noembed noframes script style textarea title xmp",
    SCOPE: "applet caption html marquee object table td template th foreignobject",
    SPECIAL: "applet body button caption col colgroup dd dt head html li marquee noscript object select tbody td "
    "template tfoot th thead tr " + " ".join(sorted(_BLOCKS)),
    FORMAT: "a b big code em font i nobr s small strike strong tt u",
    PARAGRAPH: "p",
    ITEM: "li",
    TERM: "dd dt",
    CELL: "td th caption",
    ROW: "tr",
    GROUP: "tbody thead tfoot colgroup",
    TABLE: "table",
    ANCHOR: "a",
    OPTION: "option",
    SOFT: "address div p",
    FOREIGN: "svg math",
}
_SEED = 1469598103934665603
_PRIME = 1099511628211
_SIZE = 1024


def _hashed(name: str) -> int:
    value = _SEED
    for byte in name.encode():
        value = ((value ^ byte) * _PRIME) & ((1 << 64) - 1)
    return value


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """By a name's place in a table of hashes: the hash, what it is, what it ends as it begins, and what hides that."""
    names = sorted({name for kind in _KINDS.values() for name in kind.split()})
    hashes = np.zeros(_SIZE, dtype=np.uint64)
    kinds, ends, until = (np.zeros(_SIZE, dtype=np.int64) for _ in range(3))
    for name in names:
        at = _hashed(name) % _SIZE
        while hashes[at]:
            at = (at + 1) % _SIZE
        hashes[at] = _hashed(name)
        kinds[at] = sum(kind for kind, members in _KINDS.items() if name in members.split())
        ends[at], until[at] = _ending(name, int(kinds[at]))
    return hashes, kinds, ends, until


def _ending(name: str, kind: int) -> tuple[int, int]:
    for own, ended, until in (
        (ITEM, ITEM, SPECIAL),
        (TERM, TERM, SPECIAL),
        (CELL, CELL, TABLE),
        (ROW, CELL | ROW, TABLE),
        (GROUP, CELL | ROW | GROUP, TABLE),
        (ANCHOR, ANCHOR, SCOPE),
        (OPTION, OPTION, _ANYTHING),
    ):
        if kind & own:
            return ended, until
    return (PARAGRAPH, SCOPE) if name in _BLOCKS else (0, 0)


_HASHES, _KIND, _ENDS, _UNTIL = _tables()
_HASH_SEED = np.uint64(_SEED)
_HASH_PRIME = np.uint64(_PRIME)
_MASK = np.uint64(_SIZE - 1)
_TABLE_PART = CELL | ROW | GROUP | TABLE
_DASH, _BANG, _SLASH, _LESS, _MORE, _QUESTION = 0x2D, 0x21, 0x2F, 0x3C, 0x3E, 0x3F


@njit(nogil=True, cache=True)
def _is_letter(byte):
    return 0x61 <= (byte | 0x20) <= 0x7A


@njit(nogil=True, cache=True)
def _is_space(byte):
    return byte == 0x20 or 0x09 <= byte <= 0x0D


@njit(nogil=True, cache=True)
def _find(data, at, byte):
    while at < len(data) and data[at] != byte:
        at += 1
    return at


@njit(nogil=True, cache=True)
def _name(data, at):
    """The end of a tag's name, and the hash of the name in lower case."""
    value = _HASH_SEED
    while at < len(data) and not _is_space(data[at]) and data[at] != _SLASH and data[at] != _MORE:
        byte = data[at]
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        value = (value ^ np.uint64(byte)) * _HASH_PRIME
        at += 1
    return at, value


@njit(nogil=True, cache=True)
def _place(value):
    """Where a name's hash is in the table; -1 for a name that is none of HTML's special ones."""
    at = value & _MASK
    while _HASHES[at]:
        if _HASHES[at] == value:
            return np.int64(at)
        at = (at + np.uint64(1)) & _MASK
    return np.int64(-1)


@njit(nogil=True, cache=True)
def _attributes(data, at):
    """Where a tag ends, behind its `>`, how many attributes it has, and whether it closes itself."""
    count = 0
    within = False
    closed = False
    while at < len(data) and data[at] != _MORE:
        byte = data[at]
        if (byte == 0x22 or byte == 0x27) and data[at - 1] == 0x3D:
            at = _find(data, at + 1, byte)
        separates = _is_space(byte) or byte == _SLASH
        if not separates and not within:
            count += 1
        within = not separates
        closed = byte == _SLASH
        at += 1
    return at + 1, count, closed


@njit(nogil=True, cache=True)
def _comment_end(data, at):
    """Behind `-->`, or `>` right at the start of the comment; `at` is behind `<!--`."""
    if at < len(data) and data[at] == _MORE:
        return at + 1
    while at < len(data):
        at = _find(data, at, _MORE)
        if at < len(data) and data[at - 1] == _DASH and data[at - 2] == _DASH:
            return at + 1
        at += 1
    return at


@njit(nogil=True, cache=True)
def _raw_end(data, at, value):
    """Where the end tag of an element of raw text begins."""
    while at < len(data):
        at = _find(data, at, _LESS)
        if at + 2 < len(data) and data[at + 1] == _SLASH and _name(data, at + 2)[1] == value:
            return at
        at += 1
    return at


@njit(nogil=True, cache=True)
def _ended(open_kinds, depth, ends, until):
    """The depth once the elements that a start tag ends are ended."""
    found = depth
    at = depth - 1
    while at >= 0:
        if open_kinds[at] & ends:
            found = at
        elif open_kinds[at] & until and not (until == SPECIAL and open_kinds[at] & SOFT):
            break
        at -= 1
    return found


@njit(nogil=True, cache=True)
def _closed(open_names, open_kinds, depth, value, kind):
    """The depth after an end tag. Formatting goes from among what is open; all else takes what is in it along."""
    until = TABLE if kind & _TABLE_PART else SCOPE if kind & (SPECIAL | FORMAT) else SPECIAL
    at = depth - 1
    while at >= 0:
        if open_names[at] == value:
            if not kind & FORMAT:
                return at
            for i in range(at, depth - 1):
                open_names[i] = open_names[i + 1]
                open_kinds[i] = open_kinds[i + 1]
            return depth - 1
        if open_kinds[at] & until:
            return depth
        at -= 1
    return depth


@njit(nogil=True, cache=True)
def measure(data, most_depth, out):
    """Measure a page.

    data: uint8, shape (n,), the page in UTF-8. most_depth: where it goes deeper, that it does is all that is found.
    out: int64, shape (3,): elements, elements open at once at most, attributes of one tag at most.
    """
    open_names = np.empty(most_depth + 1, dtype=np.uint64)
    open_kinds = np.empty(most_depth + 1, dtype=np.int64)
    out[:] = 0
    depth = at = 0
    foreign = 0  # the depth within the outermost drawing or formula that is open, where HTML's own rules do not hold
    while at < len(data):
        at = _find(data, at, _LESS) + 1
        if at >= len(data):
            return
        byte = data[at]
        if byte == _BANG and at + 2 < len(data) and data[at + 1] == _DASH and data[at + 2] == _DASH:
            at = _comment_end(data, at + 3)
        elif byte in (_BANG, _QUESTION):
            at = _find(data, at, _MORE) + 1
        elif byte == _SLASH and at + 1 < len(data) and _is_letter(data[at + 1]):
            at, value = _name(data, at + 1)
            at = _find(data, at, _MORE) + 1
            place = _place(value)
            kind = _KIND[place] if place >= 0 else 0
            depth = _closed(open_names, open_kinds, depth, value, kind)
            foreign = foreign if foreign <= depth else 0
        elif _is_letter(byte):
            at, value = _name(data, at)
            at, attributes, closed = _attributes(data, at)
            place = _place(value)
            kind = _KIND[place] if place >= 0 else 0
            out[0] += 1
            out[2] = max(out[2], attributes)
            if place >= 0 and _ENDS[place] and not foreign:
                depth = _ended(open_kinds, depth, _ENDS[place], _UNTIL[place])
            if kind & RAW and not foreign:
                at = _raw_end(data, at, value)
            if kind & VOID or (closed and (foreign or kind & FOREIGN)):
                continue
            if kind & FOREIGN and not foreign:
                foreign = depth + 1
            open_names[depth] = value
            open_kinds[depth] = kind
            depth += 1
            out[1] = max(out[1], depth)
            if depth > most_depth:
                return
