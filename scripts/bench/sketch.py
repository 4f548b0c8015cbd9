"""Which sketch: the error of five MinHash sketches against true Jaccard, and their speed.

Pairs of random sets of equal size with a known overlap are sketched with 126 bins (21 bands of 6). Error = share of
bins that agree less the true Jaccard similarity: its mean (bias) and root mean square, the latter also as a multiple of
what 126 independent permutations have, sqrt(J (1 - J) / 126). Speed = text bytes a second on one core, tokenising,
word 5-grams and sketch together.

    python scripts/bench/sketch.py --data DATA/*.jsonl.zst --plot sketch.svg

    classic     a minimum under each permutation (Broder 1997)
    densified   one permutation hashing, empty bins filled from others, chosen at random (Shrivastava 2017)
    c-minhash   one permutation, shifted for each bin, after another (Li and Li 2022)
    similarity  fast similarity sketching (Dahlgaard, Knudsen and Thorup 2017)
    ours        `curate.kernels.minhash`
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import material
import numpy as np
import pyarrow as pa
from numba import njit

from curate.kernels import arrow, minhash, words
from curate.kernels.hashing import mix64

BINS = 126
SIZES = (1, 2, 3, 5, 10, 50, 200, 1000)
SIMILARITIES = (0.0, 0.2, 0.5, 0.8, 0.9)
COLOURS = {"classic": "#777", "densified": "#c33", "c-minhash": "#e90", "similarity": "#393", "ours": "#15b"}
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOW = np.uint64(0xFFFFFFFF)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_0 = np.uint64(0)
_1 = np.uint64(1)
_31 = np.uint64(31)
_32 = np.uint64(32)
_EVEN = np.uint64(0x9E3779B97F4A7C15)


@njit(nogil=True)
def _bin(mixed, bins):
    return ((mixed >> _32) * np.uint64(bins)) >> _32


@njit(nogil=True)
def classic(hashes, count, drawn, scratch, out):
    """Sketch the first `count` hashes; drawn: the random numbers of the bins; scratch: uint32, room for `count`."""
    out[:] = minhash.EMPTY
    multipliers, offsets = drawn.multipliers, drawn.offsets
    for i in range(count):
        value = np.uint32((hashes[i] * _MIX) >> _32)
        for j in range(len(out)):
            out[j] = min(out[j], np.uint32((value ^ offsets[j]) * multipliers[j]))


@njit(nogil=True)
def densified(hashes, count, drawn, scratch, out):
    least = np.full(len(out), _EMPTY)
    for i in range(count):
        mixed = mix64(hashes[i] ^ drawn.seed)
        at = _bin(mixed, len(out))
        least[at] = min(least[at], mixed & _LOW)
    for j in range(len(out)):
        at = np.uint64(j)
        attempt = _1
        while least[at] == _EMPTY:
            at = _bin(mix64(drawn.seed ^ np.uint64(j) ^ attempt << _32), len(out))
            attempt += _1
        out[j] = np.uint32(least[at])


@njit(nogil=True)
def c_minhash(hashes, count, drawn, scratch, out):
    out[:] = minhash.EMPTY
    for i in range(count):
        value = np.uint32(mix64(hashes[i] ^ drawn.seed))
        for j in range(len(out)):
            shifted = np.uint32(value + np.uint32(j) * drawn.multipliers[0])
            shifted = np.uint32((shifted ^ (shifted >> np.uint32(16))) * np.uint32(0x7FEB352D))
            shifted = np.uint32((shifted ^ (shifted >> np.uint32(15))) * np.uint32(0x846CA68B))
            out[j] = min(out[j], shifted)


@njit(nogil=True)
def similarity(hashes, count, drawn, scratch, out):
    bins = len(out)
    least = np.full(bins, _EMPTY)
    filled = 0
    for turn in range(2 * bins):
        for i in range(count):
            mixed = mix64(hashes[i] ^ mix64(drawn.seed + np.uint64(turn)))
            at = _bin(mixed, bins) if turn < bins else np.uint64(turn - bins)
            filled += least[at] == _EMPTY
            least[at] = min(least[at], np.uint64(turn) << _32 | mixed & _LOW)
        if filled == bins:
            break
    for j in range(bins):
        out[j] = np.uint32(mix64(least[j]))


METHODS: dict[str, Callable] = {
    "classic": classic,
    "densified": densified,
    "c-minhash": c_minhash,
    "similarity": similarity,
    "ours": minhash.sketch,
}


class Error(NamedTuple):
    """Of one method on sets of one size and similarity; bound: the RMS error of independent permutations."""

    method: str
    size: int
    similarity: float
    bias: float
    rms: float
    bound: float


def compiled(sketch: Callable) -> tuple[Callable, Callable]:
    """Loops over a sketch: one over pairs of sets, one over documents."""

    @njit(nogil=True)
    def pairs(pool, size, shared, drawn, agreeing):
        one = np.empty(size, np.uint64)
        other = np.empty(size, np.uint64)
        scratch = np.empty(size, np.uint32)
        first = np.empty(BINS, np.uint32)
        second = np.empty(BINS, np.uint32)
        for trial in range(len(agreeing)):
            begin = trial * (2 * size - shared)
            one[:] = pool[begin : begin + size]
            other[:] = pool[begin + size - shared : begin + 2 * size - shared]
            sketch(one, size, drawn, scratch, first)
            sketch(other, size, drawn, scratch, second)
            agreeing[trial] = np.mean(first == second)

    @njit(nogil=True)
    def documents(offsets, data, tables, drawn, longest, wanted):
        hashes = np.empty(longest, np.uint64)
        scratch = np.empty(longest, np.uint32)
        spans = np.empty((0, 2), np.int64)
        out = np.empty(BINS, np.uint32)
        for i in range(len(offsets) - 1):
            count = words.hash_words(data, offsets[i], offsets[i + 1], tables, hashes, spans)
            count = words.hash_ngrams(hashes, count, 5)
            if wanted and count:
                sketch(hashes, count, drawn, scratch, out)

    return pairs, documents


def overlaps(size: int) -> list[int]:
    """How many elements two sets of a size share at about each of SIMILARITIES, each once and not all of them."""
    return sorted({min(round(2 * size * value / (1 + value)), size - 1) for value in SIMILARITIES})


def errors(name: str, pairs: Callable, trials: int, seed: int) -> list[Error]:
    """The errors of a method at every size and similarity."""
    found = []
    drawn = minhash.permutations(BINS, seed)
    for size in SIZES:
        for shared in overlaps(size):
            number = max(200, min(trials, 2_000_000 // size))
            pool = np.random.default_rng((seed, size, shared)).integers(
                0, 2**64, number * (2 * size - shared), dtype=np.uint64
            )
            agreeing = np.empty(number)
            pairs(pool, size, shared, drawn, agreeing)
            true = shared / (2 * size - shared)
            off = agreeing - true
            bound = np.sqrt(true * (1 - true) / BINS)
            found.append(Error(name, size, true, float(off.mean()), float(np.sqrt(np.mean(off**2))), float(bound)))
    return found


def speeds(texts: list[str], loops: dict[str, tuple[Callable, Callable]], seed: int) -> dict[str, float]:
    """MB/s of each method, the best of three alternating runs; `none` tokenises only."""
    values = arrow.strings(pa.array(texts, pa.large_string()))
    longest = int(np.diff(values.offsets).max()) // 2 + 1
    drawn = minhash.permutations(BINS, seed)
    best = dict.fromkeys(["none", *loops], float("inf"))
    for turn in range(4):
        for name in best:
            documents = loops["ours" if name == "none" else name][1]
            begun = time.process_time()
            documents(values.offsets, values.data, words.tables(), drawn, longest, name != "none")
            if turn:
                best[name] = min(best[name], time.process_time() - begun)
    return {name: int(values.offsets[-1]) / seconds / 1e6 for name, seconds in best.items()}


def table(found: list[Error]) -> list[str]:
    """One line for each size and similarity: bias and RMS error of each method, in thousandths."""
    lines = [f"{'n-grams':>8}{'Jaccard':>9}{'bound':>7}" + "".join(f"{name:>20}" for name in METHODS)]
    lines.append(" " * 24 + f"{'bias    RMS  (x)':>20}" * len(METHODS))
    for size, true in dict.fromkeys((error.size, error.similarity) for error in found):
        own = {error.method: error for error in found if (error.size, error.similarity) == (size, true)}
        bound = own["ours"].bound
        line = f"{size:>8}{true:>9.3f}{bound * 1e3:>7.1f}"
        for name in METHODS:
            times = f"({own[name].rms / bound:.2f})" if bound else "(-)"
            line += f"{own[name].bias * 1e3:>7.1f}{own[name].rms * 1e3:>7.1f}{times:>6}"
        lines.append(line)
    return lines


def plot(found: list[Error], path: Path) -> None:
    """RMS error as a multiple of the bound, by size, at the similarity nearest to 0.8 of each size: an SVG."""
    width, height, left, top, most = 640, 360, 60, 30, 4.0
    marks: list[str] = []

    def place(size: int, value: float) -> tuple[float, float]:
        across = np.log(size) / np.log(SIZES[-1])
        return left + across * (width - left - 130), top + (1 - min(value, most) / most) * (height - top - 50)

    for value in range(int(most) + 1):
        _, y = place(1, value)
        marks.append(f'<line x1="{left}" x2="{width - 130}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        marks.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    for size in SIZES:
        x, y = place(size, 0)
        marks.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{size}</text>')
    for number, (name, colour) in enumerate(COLOURS.items()):
        points = []
        for size in SIZES:
            own = [error for error in found if error.method == name and error.size == size and error.bound]
            if own:
                nearest = min(own, key=lambda error: abs(error.similarity - 0.8))
                points.append(place(size, nearest.rms / nearest.bound))
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        marks.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        marks.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        marks.append(f'<text x="{width - 120}" y="{top + 20 + 20 * number}" fill="{colour}">{name}</text>')
    marks.append(f'<text x="{left}" y="18">RMS error / that of {BINS} independent permutations (4 = 4 or more)</text>')
    marks.append(f'<text x="{(left + width - 130) / 2}" y="{height - 8}" text-anchor="middle">n-grams in a set</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
    path.write_text(
        head + 'font-size="12"><rect width="100%" height="100%" fill="#fff"/>' + "".join(marks) + "</svg>\n"
    )


def main() -> None:
    """Print the table of errors and the speeds, and write the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="Text to measure the speed with.")
    parser.add_argument("--plot", type=Path, help="Where to write an SVG of the errors.")
    parser.add_argument("--trials", type=int, default=4000, help="Pairs of sets of each size and similarity.")
    parser.add_argument("--seed", type=int, default=0, help="Decides the sets and the permutations.")
    given: Any = parser.parse_args()
    loops = {name: compiled(sketch) for name, sketch in METHODS.items()}
    found = [error for name, (pairs, _) in loops.items() for error in errors(name, pairs, given.trials, given.seed)]
    print("\n".join(table(found)))
    if given.plot:
        plot(found, given.plot)
        print(f"{given.plot} written")
    if given.data:
        texts = [text for path in given.data for text in material.texts(path)]
        print(f"{len(texts):,} documents, {sum(len(text.encode()) for text in texts) / 1e6:.1f} MB")
        for name, speed in speeds(texts, loops, given.seed).items():
            print(f"{name:>12} {speed:7.0f} MB/s")


if __name__ == "__main__":
    main()
