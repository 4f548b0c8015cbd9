"""Cutting a corpus into slices that each fill one new shard."""

from __future__ import annotations

from collections.abc import Sequence

from curate.storage.sources import InputShard

_MOST_SHARD_BYTES = 16


def runs(shards: Sequence[InputShard], shard_bytes: int, fraction: float = 1.0) -> list[dict]:
    """Slices of neighbouring shards of which about `fraction` of the text is kept.

    A slice gives at most about `shard_bytes`, unless one input shard does alone, and reads at most 16 times that,
    so that a small fraction of much text is still work for many.
    """
    limit = min(shard_bytes / fraction, _MOST_SHARD_BYTES * shard_bytes)
    slices: list[dict] = []
    size = 0
    for shard in shards:
        if not slices or size + shard.bytes > limit:
            slices.append({"shards": []})
            size = 0
        slices[-1]["shards"].append(shard.index)
        size += shard.bytes
    return slices
