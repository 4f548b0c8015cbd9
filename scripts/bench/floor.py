"""The floor: how fast text can be read at all, which every stage is compared with.

One zstd-1 Parquet file with only the text column, no dictionary and row groups of about 8 MiB of text,
read group by group on one thread.

    python scripts/bench/floor.py shared/*.jsonl.zst
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import material
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_BYTES = 8 << 20


def write(texts: Iterable[str], path: Path) -> int:
    """Write the floor's file; gives the bytes of text in it."""
    total = 0
    schema = pa.schema([pa.field("text", pa.large_string(), nullable=False)])
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1, use_dictionary=False) as writer:
        for group, size in _groups(texts):
            total += size
            writer.write_table(pa.table([pa.array(group, pa.large_string())], schema=schema), row_group_size=len(group))
    return total


def read(path: Path) -> float:
    """Seconds to read the floor's file once."""
    pa.set_cpu_count(1)
    begun = time.perf_counter()
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            file.read_row_group(group, columns=["text"], use_threads=False)
    return time.perf_counter() - begun


def _groups(texts: Iterable[str]) -> Iterator[tuple[list[str], int]]:
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text.encode())
        if size >= ROW_GROUP_BYTES:
            yield group, size
            group, size = [], 0
    if group:
        yield group, size


def main() -> None:
    """Print the floor for the texts of some files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, help="JSON Lines (plain, .gz, .zst), Parquet or text files.")
    parser.add_argument("--runs", type=int, default=5, help="How often to read; the median counts.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "floor.parquet"
        size = write((text for file in given.data for text in material.texts(file)), path)
        read(path)
        seconds = statistics.median(read(path) for _ in range(given.runs))
    print(f"{size / 1e6:.1f} MB of text in {seconds:.3f} s: {size / 1e9 / seconds:.2f} GB/s")


if __name__ == "__main__":
    main()
