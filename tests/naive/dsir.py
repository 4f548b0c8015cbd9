"""DSIR's formulas, and our hash, in the plainest Python."""

import itertools
import math
import re
import unicodedata

_ENCLOSED = r"^(NEGATIVE )?(CIRCLED LATIN (CAPITAL|SMALL)|SQUARED LATIN CAPITAL) LETTER [A-Z]$"
_NON_JOINER = "ZERO WIDTH NON-JOINER"
MASK = (1 << 64) - 1


def is_word(character):
    """Alphabetic, a mark, a decimal digit, a connector or a joiner (Unicode Technical Standard 18, annex C)."""
    kind, name = unicodedata.category(character), unicodedata.name(character, "")
    alphabetic = kind[0] == "L" or kind == "Nl" or re.search(_ENCLOSED, name)
    return bool(alphabetic) or kind[0] == "M" or kind in ("Nd", "Pc") or name in ("ZERO WIDTH JOINER", _NON_JOINER)


def tokens(text, marks=True):
    """Runs of `\\w` and of what is neither that nor space; without `marks`, as Python's `re` has them."""
    if not marks:
        return re.findall(r"\w+|[^\w\s]+", text.lower())
    runs = itertools.groupby(text.lower(), lambda c: "word" if is_word(c) else "space" if c.isspace() else "symbol")
    return ["".join(run) for kind, run in runs if kind != "space"]


def _token_hash(token):
    data = token.encode("utf-8", "surrogatepass")
    total = (0x9E3779B97F4A7C15 + len(data)) & MASK
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at : at + 8], "little")
        total = (total ^ word) * 0xD6E8FEB86659FD93 & MASK
        total ^= total >> 32
    return total


def bucket(ngram, buckets):
    total, *rest = [_token_hash(token) for token in ngram.split(" ")]
    for token in rest:
        total = (total * 0x9E3779B97F4A7C15 + token) & MASK
    total = (total ^ total >> 32) * 0xFF51AFD7ED558CCD & MASK
    return (total >> 32) * buckets >> 32


def features(words, buckets):
    ngrams = words + [" ".join(pair) for pair in itertools.pairwise(words)]
    return [bucket(ngram, buckets) for ngram in ngrams]


def chunked(words, length):
    full = len(words) // length
    if not full:
        return [[words]] if words else []
    cut = [[words[i * length : (i + 1) * length]] for i in range(full)]
    if full * length < len(words):
        cut[-1].append(words[full * length :])
    return cut


def counts(texts, buckets, length=1 << 62):
    found = [0] * buckets
    for text in texts:
        for chunk in chunked(tokens(text), length):
            for part in chunk:
                for feature in features(part, buckets):
                    found[feature] += 1
    return found


def log_ratios(target, pool, smoothing=0.0):
    target = [count + smoothing for count in target]
    return [
        math.log(p / sum(target) + 1e-8) - math.log(q / max(1, sum(pool)) + 1e-8)
        for p, q in zip(target, pool, strict=True)
    ]


def weight(text, ratios, length=1 << 62, mean=False):
    of_chunks = []
    for chunk in chunked(tokens(text), length):
        found = [ratios[feature] for part in chunk for feature in features(part, len(ratios))]
        of_chunks.append(math.fsum(found) / (len(found) if mean else 1))
    if not of_chunks:
        return None
    peak = max(of_chunks)
    return peak + math.log(math.fsum(math.exp(value - peak) for value in of_chunks) / len(of_chunks))
