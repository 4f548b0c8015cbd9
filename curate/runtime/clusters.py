"""What is known of the clusters of a corpus: the table that `cluster` left, and documents of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import exclude_list
from curate.errors import UsageError
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus

STAGE = "cluster"
BASE = ("cluster", "documents", "bytes", "tokens", "mean_distance", "radius", "terms", "nearest", "farthest")
"""What a row always has; then `top_COLUMN` (the commonest values, each with its documents), `mean_COLUMN`, and the
numbers of the coarser clusters and the domain that it belongs to."""


@dataclass(frozen=True)
class Clusters:
    """clustering: by what lists of clusters name it. rows: one for each cluster, by number, as plain values."""

    corpus: Corpus
    layer: str
    clustering: str
    rows: list[dict[str, Any]]

    def sorted(self, by: str, least: bool) -> list[dict[str, Any]]:
        """By a number that rows have, `mean_` or not before its name, the greatest or the least first; unknown last.

        Raises UsageError for what is no number of theirs.
        """
        names = [name for name, value in self.rows[0].items() if isinstance(value, int | float)] if self.rows else [by]
        names += [name for name in (self.rows or [{}])[0] if name.startswith("mean_") and name not in names]
        name = by if by in names else f"mean_{by}"
        if self.rows and name not in names:
            raise UsageError(f"--sort '{by}': no such number; there are: {', '.join(names)}")
        known = [row for row in self.rows if row.get(name) is not None]
        known.sort(key=lambda row: row[name] if least else -row[name])
        return known + [row for row in self.rows if row.get(name) is None]


def clusters(corpus: Corpus, layer: str) -> Clusters:
    """The clusters of a layer. Raises UsageError for one that `cluster` has not made, or that is out of date."""
    corpus.documents()
    made = [name for name in corpus.layers() if corpus.must(name).stage == STAGE]
    if layer not in made:
        there = f"--layer takes one of: {', '.join(made)}" if made else f"`curate cluster {corpus.path}` makes it"
        raise UsageError(f"{corpus.path}: no clusters in a layer '{layer}'; {there}")
    if why := corpus.stale(layer):
        raise UsageError(f"{corpus.path}: layer '{layer}' is stale: {why}; make it again by `curate cluster`")
    path = corpus.current(layer).summary
    if not path.exists():
        raise UsageError(
            f"{corpus.path}: layer '{layer}' was carried over from another corpus, where the table of its clusters is; "
            "look there, or cluster this one by `curate cluster`"
        )
    rows = shards.read_model(path).to_pylist()
    return Clusters(corpus, layer, exclude_list.named(layer, corpus.must(layer).content), rows)


def texts(corpus: Corpus, ids: Iterable[str]) -> dict[str, str]:
    """The texts of some documents by id: reads all ids, and of texts the row groups that hold any."""
    wanted = pa.array(list(dict.fromkeys(ids)), pa.string())
    found: dict[str, str] = {}
    current = corpus.current(DOCUMENTS)
    for entry in corpus.entries():
        if len(found) == len(wanted):
            break
        path = current.shard(entry.name)
        here = pc.is_in(shards.read(path, ["id"])["id"], wanted).to_numpy()
        rows = shards.read_rows(path, ["id", "text"], np.flatnonzero(here))
        found.update(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    return found
