"""How a sketch is cut into bands, and what the cut finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from curate.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

FOUND_AT_THRESHOLD = 0.995
KEYS_PER_PART = 16 << 20
ROWS_PER_PART = 1 << 20
BYTES_PER_PART = 256 << 20
PIECE_DOCUMENTS = 1 << 13
PIECE_BYTES = 48 << 20
MOST_VALUES = 1 << 14


class Bands(NamedTuple):
    """So many bands of so many rows: documents that agree in all rows of a band are compared.

    FineWeb has 14 of 8, which find 92.4 % at a similarity of 0.8; 21 of 6 find 99.8 %.
    """

    bands: int
    rows: int


def probability(similarity: float, bands: Bands) -> float:
    """That two documents of a Jaccard similarity are compared: 1 - (1 - s**rows)**bands (Broder 1997)."""
    return 1 - (1 - similarity**bands.rows) ** bands.bands


def chosen(threshold: float, permutations: int) -> Bands:
    """The cut of at most that many permutations with the longest bands that finds 99.5 % at the threshold.

    Raises UsageError when there is none.
    """
    for rows in range(permutations, 0, -1):
        bands = Bands(permutations // rows, rows)
        if probability(threshold, bands) >= FOUND_AT_THRESHOLD:
            return bands
    raise UsageError(
        f"dedup: {permutations} permutations find fewer than {FOUND_AT_THRESHOLD:.1%} of the pairs at threshold "
        f"{threshold}; raise --permutations or the threshold, or give --bands and --rows"
    )


def similarity(found: float, bands: Bands) -> float:
    """The Jaccard similarity at which that share of pairs is compared: the inverse of `probability`."""
    return (1 - (1 - found) ** (1 / bands.bands)) ** (1 / bands.rows)


def size_ratio(found: float, containment: float, bands: Bands) -> float | None:
    """How large a document must be, as a share of a longer one that holds that share of its n-grams, for that share
    of such pairs to be compared; None when no size is enough.

    Sets of q n and n elements of which c q n are shared have the Jaccard similarity c q / (1 + q - c q). So
    bands for a high similarity compare a short document with a much longer one only by chance.
    """
    least = similarity(found, bands)
    ratio = least / (containment * (1 + least) - least) if containment * (1 + least) > least else 2.0
    return ratio if ratio <= 1 else None


def check(bands: Bands | None, permutations: int) -> None:
    """Raises UsageError when a signature of so many values is too short for the bands."""
    if bands and bands.bands * bands.rows > permutations:
        raise UsageError(
            f"dedup: {bands.bands} bands of {bands.rows} rows need {bands.bands * bands.rows} permutations, not "
            f"{permutations}; raise --permutations or take fewer --bands or --rows"
        )


def parts(rows: int, text_bytes: int, bands: Bands | None) -> int:
    """Parts of both shuffles: at most some 16 M keys of 32 bytes, 1 M documents of which 450 bytes are held, and the
    n-gram sets of 256 MiB of text, in each."""
    keys = rows * (1 + (bands.bands if bands else 0))
    return max(1, -(-keys // KEYS_PER_PART), -(-rows // ROWS_PER_PART), -(-text_bytes // BYTES_PER_PART))


def piece_documents(bands: Bands, values: int = 0) -> int:
    """Documents whose keys and signatures are made at a time: 8,192, or fewer so that these take 48 MiB.

    values: of a signature, if more than the bands have.
    """
    return min(PIECE_DOCUMENTS, PIECE_BYTES // (8 * (1 + bands.bands) + 4 * max(values, bands.bands * bands.rows)))


def curve(bands: Bands | None) -> pa.Table:
    """`similarity` and the share of pairs `found` there, at 21 points; nothing without bands."""
    import pyarrow as pa

    points = [i / 20 for i in range(21)] if bands else []
    found = [probability(point, bands) for point in points] if bands else []
    return pa.table({"similarity": pa.array(points, pa.float64()), "found": pa.array(found, pa.float64())})


def report(bands: Bands, threshold: float, contained: bool = False) -> list[str]:
    """The curve for people, at the threshold too, and, where containment is what counts, what it means for sizes."""
    similarities = sorted({0.5, 0.6, 0.7, 0.8, 0.9, threshold})
    points = ", ".join(f"{point:g}: {probability(point, bands):.1%}" for point in similarities)
    several = "s" * (bands.bands > 1)
    lines = [f"{bands.bands} band{several} of {bands.rows} rows; share of pairs compared, by similarity: {points}"]
    if contained:
        sizes = ", ".join(f"{size_ratio(share, 1.0, bands):.0%}: {share:.0%}" for share in (0.1, 0.5, 0.9, 0.99))
        lines.append(
            f"share of documents wholly inside another that are compared with it, by their share of its size: {sizes}"
        )
    return lines
