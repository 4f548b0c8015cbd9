"""Repeated runs of words said as plainly as possible: every window against every earlier one."""

from __future__ import annotations

from tests.naive import dedup


def tokens(text: str, longest: int) -> list[tuple[int, int]]:
    """Where each token starts and ends, in characters; of more bytes than `longest` it is cut between characters."""
    found = []
    for start, end in dedup.spans(text):
        while len(text[start:end].encode()) > longest:
            cut = start
            while len(text[start : cut + 1].encode()) <= longest:
                cut += 1
            found.append((start, cut))
            start = cut
        found.append((start, end))
    return found


def repeated(texts: list[str], length: int, longest: int = 255) -> list[list[bool]]:
    """For each text and token: whether it lies in a window that stood before, without overlapping."""
    windows: list[tuple[int, int, list[str]]] = []
    marks = []
    for number, text in enumerate(texts):
        found = [text[start:end] for start, end in tokens(text, longest)]
        marks.append([False] * len(found))
        for i in range(len(found) - length + 1):
            one = found[i : i + length]
            if any(one == other and (row < number or j + length <= i) for row, j, other in windows):
                marks[number][i : i + length] = [True] * length
            windows.append((number, i, one))
    return marks
