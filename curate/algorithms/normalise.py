"""Text as every stage expects it: one kind of line end, no control characters, NFC; and its digest.

What is kept, since it carries meaning: tabs, joiners and other zero-width characters (Persian, the
Indic scripts and emoji are spelled with them, Thai and Khmer break lines at them), soft hyphens,
direction marks. What goes: C0 and C1 control characters, DEL, and the byte order mark U+FEFF.
Every newline function of the Unicode Standard (section 5.8: CR LF, CR, VT, FF, NEL, LS, PS)
becomes \\n; as they belong to that option, `controls` alone leaves them as they are.
"""

from __future__ import annotations

import operator
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.batches import batches
from curate.kernels import arrow, hashing, unicode
from curate.kernels import normalise as kernels

_BATCH_BYTES = 4 << 20


def normalise(
    array: arrow.Array, *, nfc: bool = True, newlines: bool = True, controls: bool = True
) -> tuple[pa.LargeStringArray, dict[str, int]]:
    """Normalise texts, and count what was changed.

    Gives large_string of the same length, the input itself if nothing in it had to change, and
    `documents_newlines`, `documents_controls`, `documents_nfc` (documents changed by each),
    `newlines_unified` and `controls_removed` (characters). The text must be valid UTF-8.
    """
    array = arrow.combined(array)
    if array.type != pa.large_string():
        array = array.cast(pa.large_string())
    needs = _examine(array, int(nfc * kernels.NFC | newlines * kernels.NEWLINES | controls * kernels.CONTROLS))
    counts = np.zeros(2, dtype=np.int64)
    if np.any(needs & (kernels.NEWLINES | kernels.CONTROLS)):
        values = arrow.strings(array)
        offsets = np.empty_like(values.offsets)
        data = np.empty(values.offsets[-1] - values.offsets[0], dtype=np.uint8)
        flags = unicode.flags()
        kernels.rewrite(values.offsets, values.data, needs, flags.pages, flags.leaves, counts, offsets, data)
        array = arrow.string_array(offsets, data[: offsets[-1]], arrow.validity(array))
    array, composed = _compose(array, needs & kernels.NFC != 0)
    return array, {
        "documents_newlines": int(np.count_nonzero(needs & kernels.NEWLINES)),
        "documents_controls": int(np.count_nonzero(needs & kernels.CONTROLS)),
        "documents_nfc": composed,
        "newlines_unified": int(counts[0]),
        "controls_removed": int(counts[1]),
    }


def valid_utf8(values: arrow.Strings) -> np.ndarray:
    """Boolean array, shape (n,): whether each string is well-formed UTF-8, as strict as Python."""
    out = np.empty(len(values), dtype=np.bool_)
    kernels.valid_utf8(values.offsets, values.data, out)
    return out


def digests(array: arrow.Array) -> pa.FixedSizeBinaryArray:
    """The 16-byte digest of each text: equal texts, equal digests (MurmurHash3_x64_128)."""
    values = arrow.strings(array)
    out = np.empty((len(values), 2), dtype="<u8")
    hashing.digest_strings(values.offsets, values.data, out)
    return arrow.binary_array(out.view(np.uint8))


def text_bytes(array: arrow.Array) -> np.ndarray:
    """Bytes of each text in UTF-8: int64, shape (n,)."""
    return np.diff(arrow.strings(array).offsets)


def _examine(array: pa.Array, wanted: int) -> np.ndarray:
    values = arrow.strings(array)
    out = np.empty(len(values), dtype=np.uint8)
    flags, canonical = unicode.flags(), unicode.canonical()
    kernels.examine(
        values.offsets,
        values.data,
        np.uint8(wanted),
        flags.pages,
        flags.leaves,
        canonical.pages,
        canonical.leaves,
        out,
    )
    return out


def _compose(array: pa.Array, chosen: np.ndarray) -> tuple[pa.Array, int]:
    """NFC of the chosen texts, through Python's strings, and how many of them it changed."""
    if not chosen.any():
        return array, 0
    changed = 0
    pieces = []
    for _, batch in batches(array.filter(pa.array(chosen)), _BATCH_BYTES):
        before = batch.to_pylist()
        after = [unicodedata.normalize("NFC", text) for text in before]
        changed += sum(map(operator.ne, before, after))
        pieces.append(pa.array(after, type=pa.large_string()))
    if not changed:
        return array, 0
    return pc.replace_with_mask(array, pa.array(chosen), pa.concat_arrays(pieces)), changed
