"""Proving a corpus from its files: every shard there, every digest right, every ledger balanced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from curate.errors import CurateError, DataError
from curate.kernels import arrow
from curate.kernels.digest import table_digest
from curate.runtime import ledger
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus, Generation
from curate.storage.manifest import Manifest


def verify(corpus: Corpus) -> Iterator[tuple[str, int, list[str]]]:
    """For each layer: its name, the number of shards read, and what is wrong with it."""
    texts = corpus.documents()
    for layer in corpus.layers():
        manifest = corpus.must(layer)
        found = list(_layer(corpus, manifest, texts))
        if why := corpus.stale(layer):
            found.append(f"stale: {why}")
        yield layer, len(manifest.shards), found


def _layer(corpus: Corpus, manifest: Manifest, texts: Manifest) -> Iterator[str]:
    generation = corpus.generation(manifest.layer, manifest.generation)
    try:
        ledger.check("manifest", manifest.ledger)
    except CurateError as problem:
        yield str(problem)
    expected = {entry.name: entry.rows for entry in texts.shards}
    if [entry.name for entry in manifest.shards] != list(expected):
        yield "its shards are not those of the text"
    extra = set(generation.shard_names()) - {entry.name for entry in manifest.shards}
    if extra:
        yield f"shards that the manifest does not name: {', '.join(sorted(extra)[:5])}"
    entries = []
    for entry in manifest.shards:
        if expected.get(entry.name, entry.rows) != entry.rows:
            yield f"{entry.name}: {entry.rows} rows where the text has {expected[entry.name]}"
        problem, footer = _shard(generation, manifest, entry.name, entry.rows, entry.digest)
        if problem:
            yield problem
        if footer:
            entries.append(footer["ledger"])
    for path in (generation.model, generation.summary):
        if path.exists() and not _is_whole(path):
            yield f"{path.name}: damaged; delete it, and the command that makes the layer makes it anew"
    for entry in manifest.shards if manifest.indexed else ():
        path = generation.index(entry.name)
        if not path.exists():
            yield f"index/{entry.name}: missing"
        elif not _is_whole(path):
            yield f"index/{entry.name}: damaged; delete it, and the command that makes the layer makes it anew"
    if not manifest.carried:
        if manifest.layer != DOCUMENTS and manifest.ledger["in"] != texts.rows:
            yield f"the ledger says {manifest.ledger['in']} documents were read, the text has {texts.rows}"
        yield from _ledgers(manifest, generation, entries)


def _is_whole(path: Path) -> bool:
    """Whether what lies beside the shards holds what its footer says."""
    try:
        footer = shards.read_footer(path)
        if footer and "digests" in footer:
            return [table_digest(table) for table in shards.groups(path)] == footer["digests"]
        found = table_digest(shards.read(path))
        return footer is not None and footer.get("digest", found) == found  # rejects had none before
    except DataError:
        return False


def _shard(
    generation: Generation, manifest: Manifest, name: str, rows: int, digest: str
) -> tuple[str | None, dict | None]:
    path = generation.shard(name)
    try:
        footer = shards.read_footer(path)
        if footer is None:
            return f"{name}: missing", None
        table = shards.read(path)
    except DataError:
        return f"{name}: damaged, not readable as Parquet", None
    if table.num_rows != rows:
        return f"{name}: {table.num_rows} rows, the manifest says {rows}", footer
    if table_digest(table) != digest:
        return f"{name}: its values are not those that were written (digest differs)", footer
    if manifest.layer == DOCUMENTS and int(arrow.numbers(table["bytes"]).sum()) != footer["bytes"]:
        return f"{name}: the text is {footer['bytes']} bytes by its footer, but not by its rows", footer
    return None, footer


def _ledgers(manifest: Manifest, generation: Generation, entries: list[dict]) -> Iterator[str]:
    total = ledger.total(entries)
    if total["out"] + total["quarantined"] != manifest.ledger["out"] + manifest.ledger["quarantined"]:
        yield "the ledgers of the shards do not add up to the manifest's"
    out = manifest.rows - (0 if manifest.layer == DOCUMENTS else _hidden(manifest))
    if manifest.ledger["out"] != out:
        yield f"the ledger says {manifest.ledger['out']} documents came out, the shards hold {out}"
    for name, expected in (("rejects", total["quarantined"]), ("spans", total["counts"].get(ledger.SPANS, 0))):
        paths = sorted((generation.folder / name).glob("[!.]*.parquet"))
        damaged = [path.stem for path in paths if not _is_whole(path)]
        for stem in damaged:
            yield f"{name}/{stem}: damaged; delete it with shards/{stem}*, and the command that made both does so again"
        there = 0 if damaged else sum(pq.read_metadata(path).num_rows for path in paths)
        if there != expected and not damaged:
            yield f"{name}/ holds {there} rows, the ledgers say {expected}"


def _hidden(manifest: Manifest) -> int:
    return manifest.ledger["quarantined"] + sum(manifest.ledger["removed"].values())
