"""The script of every letter, after the Script property of Unicode (Unicode Standard Annex 24).

A table says for each code point below `END` which of `NAMES` it belongs to; 0 is no letter. Blocks that hold one
script count as letters whole, so that vowel signs and tone marks count with the letters that they stand by, but for
digits and the punctuation of Latin, Greek and Cyrillic. Letters of other scripts are `OTHER`.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

END = 0x32000
OTHER = 1

_RANGES = {
    "Latin": "41-5A 61-7A AA BA C0-D6 D8-F6 F8-2AF 1D00-1D25 1D2C-1D5C 1D62-1D77 1D79-1DBE 1E00-1EFF 2C60-2C7F "
    "A722-A787 A78B-A7FF AB30-AB5A FB00-FB06 FF21-FF3A FF41-FF5A",
    "Greek": "370-373 376-377 37B-37D 37F 386 388-3FF 1F00-1FFE",
    "Cyrillic": "400-52F 1C80-1C88 2DE0-2DFF A640-A69F",
    "Armenian": "531-556 560-588 FB13-FB17",
    "Hebrew": "591-5C7 5D0-5EA 5EF-5F2 FB1D-FB4F",
    "Arabic": "610-61A 620-65F 66E-6DC 6DF-6EF 6FA-6FF 750-77F 8A0-8FF FB50-FDFB FE70-FEFC",
    "Thaana": "780-7B1",
    "Nko": "7CA-7F5",
    "Devanagari": "900-963 971-97F A8E0-A8FF",
    "Bengali": "980-9E3 9F0-9F1 9FC",
    "Gurmukhi": "A01-A5E A70-A75",
    "Gujarati": "A81-AE3 AF9-AFF",
    "Oriya": "B01-B63 B71",
    "Tamil": "B82-BD7",
    "Telugu": "C00-C63",
    "Kannada": "C80-CE3 CF1-CF2",
    "Malayalam": "D00-D63 D7A-D7F",
    "Sinhala": "D81-DDF DF2-DF3",
    "Thai": "E01-E3A E40-E4E",
    "Lao": "E81-ECD EDC-EDF",
    "Tibetan": "F00 F18-F19 F35 F37 F39 F3E-F84 F86-FBC",
    "Myanmar": "1000-103F 1050-108F 109A-109F A9E0-A9EF AA60-AA7F",
    "Georgian": "10A0-10FA 10FC-10FF 1C90-1CBF 2D00-2D2D",
    "Hangul": "1100-11FF 3131-318E A960-A97C AC00-D7A3 D7B0-D7FB FFA0-FFDC",
    "Ethiopic": "1200-135F 1380-138F 2D80-2DDE AB01-AB2E",
    "Cherokee": "13A0-13FD AB70-ABBF",
    "Canadian": "1401-166C 166F-167F 18B0-18F5",
    "Khmer": "1780-17D3 17DC",
    "Mongolian": "1820-18AA",
    "Olchiki": "1C5A-1C7D",
    "Tifinagh": "2D30-2D6F",
    "Yi": "A000-A48C",
    "Kana": "3041-3096 309D-309F 30A1-30FA 30FC-30FF 31F0-31FF FF66-FF9D",
    "Bopomofo": "3105-312F 31A0-31BF",
    "Han": "3005-3007 3021-3029 3400-4DBF 4E00-9FFF F900-FAFF 20000-323AF",
}
NAMES = ("", "other", *_RANGES)
CASED = np.isin(NAMES, ["Latin", "Greek", "Cyrillic", "Armenian"])
"""bool, shape (scripts,): whether a script has capitals of its own in common use."""


@functools.cache
def table() -> np.ndarray:
    """uint8, shape (END,): the index into `NAMES` of each code point's script, 0 for what is no letter."""
    values = np.zeros(END, dtype=np.uint8)
    letters = [unicodedata.category(chr(code_point))[0] == "L" for code_point in range(0x20000)]
    values[: len(letters)][letters] = OTHER
    for script, ranges in enumerate(_RANGES.values(), OTHER + 1):
        for first, _, last in (item.partition("-") for item in ranges.split()):
            values[int(first, 16) : int(last or first, 16) + 1] = script
    values.setflags(write=False)
    return values
