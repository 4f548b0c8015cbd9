"""Normalisation of one text in the plainest Python."""

import re
import unicodedata

NEWLINE = re.compile("\r\n|[\v\f\r\x85\u2028\u2029]")
CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")


def normalise(text: str, *, nfc: bool, newlines: bool, controls: bool) -> tuple[str, dict[str, int]]:
    """The text, and what was changed in it."""
    counts: dict[str, int] = dict.fromkeys(
        ("documents_newlines", "documents_controls", "documents_nfc", "newlines_unified", "controls_removed"), 0
    )
    if newlines:
        text, counts["newlines_unified"] = NEWLINE.subn("\n", text)
        counts["documents_newlines"] = int(counts["newlines_unified"] > 0)
    if controls:
        text, counts["controls_removed"] = CONTROL.subn("", text)
        counts["documents_controls"] = int(counts["controls_removed"] > 0)
    if nfc:
        composed = unicodedata.normalize("NFC", text)
        counts["documents_nfc"] = int(composed != text)
        text = composed
    return text, counts


def valid_utf8(value: bytes) -> bool:
    """Whether Python decodes it."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
