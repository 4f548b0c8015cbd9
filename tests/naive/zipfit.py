"""ZIP-FIT in the plainest Python, after the paper's formulas, with gzip as its authors call it."""

import gzip


def size(text: bytes) -> int:
    return len(gzip.compress(text, compresslevel=9))


def distance(left: bytes, right: bytes, size=size) -> float:
    alone = size(left), size(right)
    return (size(left + right) - min(alone)) / max(alone)


def alignment(text: bytes, examples: list[bytes], size=size) -> float:
    return sum(1 - distance(example, text, size) for example in examples) / len(examples)
