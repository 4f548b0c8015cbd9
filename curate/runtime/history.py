"""What is known of one document: where it lies, what each layer says of it, what it duplicates, where it came from."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import word_diff
from curate.errors import UsageError
from curate.runtime import ledger
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus, Generation
from curate.storage.manifest import Manifest

PREVIEW = 2_000
"""Characters of a text that a history quotes."""

_NUMBERS = 6
_SPANS = 20


@dataclass(frozen=True)
class Place:
    """Where a document lies."""

    corpus: Corpus
    shard: str
    row: int

    def told(self) -> dict[str, Any]:
        return {"corpus": str(self.corpus.path), "shard": self.shard, "row": self.row}


def history(path: str | os.PathLike[str], identity: str, named: int = 10) -> dict[str, Any]:
    """All that a corpus, and the corpora that it was made from, tell of the document with an id, as plain JSON.

    found: whether it is in the corpus itself. Then `document` has its place and base columns, `layers` what each layer
    says (values, why it was quarantined, the document that it duplicates and how the texts differ, or the first
    `named` of those that duplicate it), `spans` what was taken out of its text, `came_from` the step before. If not,
    `gone` says where it went. Raises UsageError for an id that none of them knows, naming the nearest.
    """
    corpus = Corpus(path)
    corpus.documents()
    place = _place(corpus, identity)
    whole = {"corpus": str(corpus.path), "id": identity, "found": place is not None}
    if place is None:
        gone = _gone(corpus, identity, set())
        if gone is None:
            raise _unknown(corpus, identity)
        return {**whole, "gone": gone}
    row = _values(place, DOCUMENTS)
    came_from, origin = _came_from(place, row)
    return {
        **whole,
        "document": _document(place, row),
        "layers": [_layer(place, layer, row, named) for layer in corpus.layers() if layer != DOCUMENTS],
        "spans": _spans(place, identity, origin),
        "came_from": came_from,
    }


def _place(corpus: Corpus, identity: str, column: str = "id") -> Place | None:
    return next(_places(corpus, identity, column), None)


def _places(corpus: Corpus, identity: str, column: str) -> Iterator[Place]:
    """Where a column of the text has a value; reads that column alone, shard by shard."""
    current = corpus.current(DOCUMENTS)
    for entry in corpus.entries():
        for row in shards.find(current.shard(entry.name), column, identity):
            yield Place(corpus, entry.name, int(row))


def _row(place: Place, layer: str, columns: list[str]) -> pa.Table:
    return shards.read_rows(place.corpus.current(layer).shard(place.shard), columns, np.array([place.row]))


def _values(place: Place, layer: str) -> dict[str, Any]:
    """A document's row of a layer."""
    return _row(place, layer, place.corpus.must(layer).column_names).to_pylist()[0]


def plain(value: Any) -> Any:
    """A column's value as JSON has it, a vector by its first numbers."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, list) and len(value) > _NUMBERS and all(isinstance(item, int | float) for item in value):
        return f"[{', '.join(f'{item:.4g}' for item in value[:_NUMBERS])}, ...] ({len(value)} numbers)"
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _document(place: Place, row: dict[str, Any]) -> dict[str, Any]:
    text = row["text"]
    others = {name: plain(value) for name, value in row.items() if name not in ("id", "text")}
    here = {"shard": place.shard, "row": place.row}
    return {**here, **others, "characters": len(text), "text": text[:PREVIEW]}


# --- layers ---------------------------------------------------------------------------------------


def _layer(place: Place, layer: str, row: dict[str, Any], named: int) -> dict[str, Any]:
    manifest = place.corpus.must(layer)
    found: dict[str, Any] = {"layer": layer, "stage": manifest.stage, "state": "ready", "values": {}}
    if manifest.carried:
        found["state"] = "carried"
    if why := place.corpus.stale(layer):
        return {**found, "state": f"stale: {why}"}
    generation = place.corpus.current(layer)
    if not generation.shard(place.shard).exists():
        return {**found, "state": f"shard {place.shard} is missing"}
    values = _values(place, layer)
    found["values"] = {name: plain(value) for name, value in values.items()}
    where = manifest.options.get("where")
    left_out = all(value is None for value in values.values())
    if where and not manifest.carried and left_out:
        found["state"] = f"not chosen by --where {where}"
    if rejected := _rejected(generation, place):
        found["rejected"] = rejected
    if values.get(f"{layer}_of") is not None:
        found["duplicates"] = _duplicated(place, layer, values, row["text"])
    elif f"{layer}_of" in values and not left_out and (values.get(f"{layer}_size") or 0) != 1:
        found["duplicated_by"] = _naming(place, layer, row["id"], values.get(f"{layer}_size"), named)
    return found


def _rejected(generation: Generation, place: Place) -> dict[str, str] | None:
    path = generation.rejects(place.shard)
    if not path.exists():
        return None
    rows = shards.read(path)
    mine = rows.filter(pc.equal(rows["position"], place.row)).to_pylist()
    return {"reason": mine[0]["reason"], "detail": mine[0]["detail"]} if mine else None


def _duplicated(place: Place, layer: str, values: dict[str, Any], text: str) -> dict[str, Any]:
    """The document that a removed one duplicates, and how the two texts differ."""
    identity, name = values[f"{layer}_of"], values.get(f"{layer}_corpus")
    similarity = values.get(f"{layer}_similarity")
    found: dict[str, Any] = {"id": identity, "named_corpus": name, "similarity": similarity}
    if name is None:
        corpora = [place.corpus, *_made_from(place.corpus)]
    else:
        corpora = _old_corpora(place.corpus, layer, name)
    there = next(filter(None, (_place(corpus, identity) for corpus in corpora if _is_corpus(corpus))), None)
    if there is None:
        looked = ", ".join(str(corpus.path) for corpus in corpora)
        where = f"corpus '{name}'" if name is not None else "this corpus"
        return {**found, "problem": f"not found in {where} any more" + (f" (looked in {looked})" if looked else "")}
    other = _values(there, DOCUMENTS)
    pieces = word_diff.difference(text, other["text"])
    return {
        **found,
        **there.told(),
        "source": other["source"],
        "bytes": other["bytes"],
        "same_text": text == other["text"],
        "same_words": all(piece.kind == "same" for piece in pieces),
        "difference": [piece._asdict() for piece in word_diff.abridged(pieces)],
    }


def _naming(place: Place, layer: str, identity: str, size: int | None, most: int) -> dict[str, Any]:
    """The documents that name a kept one: how many, and the first of them."""
    corpus, there = place.corpus, place.corpus.must(layer).column_names
    generation, documents = corpus.current(layer), corpus.current(DOCUMENTS)
    count = 0
    first: list[dict[str, Any]] = []
    for entry in corpus.entries():
        said = generation.shard(entry.name)
        rows = shards.find(said, f"{layer}_of", identity)
        if f"{layer}_corpus" in there:
            rows = rows[shards.read_rows(said, [f"{layer}_corpus"], rows)[0].is_null().to_numpy()]
        count += len(rows)
        rows = rows[: most - len(first)]
        named = shards.read_rows(documents.shard(entry.name), ["id", "source", "bytes"], rows).to_pylist()
        alike = [None] * len(rows)
        if f"{layer}_similarity" in there:
            alike = shards.read_rows(said, [f"{layer}_similarity"], rows)[0].to_pylist()
        first += [{**document, "similarity": value} for document, value in zip(named, alike, strict=True)]
        if size is not None and count >= size - 1:
            break
    return {"count": count, "first": first}


def _is_corpus(corpus: Corpus) -> bool:
    return corpus.manifest(DOCUMENTS) is not None


def _made_from(corpus: Corpus) -> list[Corpus]:
    """The corpora that a corpus was made from, where they were then; none for one made from files."""
    return _named(corpus, corpus.documents())


def _named(corpus: Corpus, manifest: Manifest) -> list[Corpus]:
    return [Corpus(corpus.path / source) for source in manifest.sources] if manifest.inputs else []


def _old_corpora(corpus: Corpus, layer: str, name: str) -> list[Corpus]:
    """Where the corpus lies that a layer was compared with under a name, as its manifest has it."""
    manifest = corpus.manifest(layer)
    if manifest is None:
        return []
    if manifest.carried:
        return [old for source in _made_from(corpus) if _is_corpus(source) for old in _old_corpora(source, layer, name)]
    for value in manifest.options["options"].values():
        if isinstance(value, list) and name in value and len(value) == len(manifest.sources):
            return [_named(corpus, manifest)[value.index(name)]]
    return []


# --- where it came from ---------------------------------------------------------------------------


def _came_from(place: Place, row: dict[str, Any]) -> tuple[dict[str, Any], Place | None]:
    """The step before: the corpus and the document there; or the files."""
    manifest = place.corpus.documents()
    found: dict[str, Any] = {"stage": manifest.stage}
    if not manifest.inputs:
        return {**found, "files": [os.path.normpath(place.corpus.path / source) for source in manifest.sources]}, None
    mixed = bool(manifest.options.get("names")) and "origin_id" in row
    identity = row["origin_id"] if mixed else row["id"]
    corpora = sorted(_made_from(place.corpus), key=lambda corpus: not mixed or corpus.path.name != row["origin"])
    gone = [str(corpus.path) for corpus in corpora if not _is_corpus(corpus)]
    there = next(filter(None, (_place(corpus, identity) for corpus in corpora if _is_corpus(corpus))), None)
    if there is None:
        problem = f"{', '.join(gone)}: gone" if gone else "not found there any more; it was made anew since"
        return {**found, "id": identity, "corpora": [str(corpus.path) for corpus in corpora], "problem": problem}, None
    same = _row(there, DOCUMENTS, ["digest"])["digest"][0].as_py() == row["digest"]
    return {**found, "id": identity, **there.told(), "same_text": same}, there


def _spans(place: Place, identity: str, origin: Place | None) -> dict[str, Any]:
    """What was taken out of the text, quoted from where it came from if that is still there."""
    path = place.corpus.current(DOCUMENTS).spans(place.shard.split("-")[0])
    rows = shards.find(path, "id", identity) if path.exists() else np.empty(0, dtype=np.int64)
    if not len(rows):
        return {"count": 0, "first": []}
    first = shards.read_rows(path, ["start", "end", "reason", "of", "of_start"], rows[:_SPANS]).to_pylist()
    text = _values(origin, DOCUMENTS)["text"].encode() if origin else None
    for item in first:
        if text is not None:
            item["text"] = text[item["start"] : min(item["end"], item["start"] + PREVIEW)].decode(errors="replace")
    return {"count": len(rows), "first": first}


# --- documents that are not there -----------------------------------------------------------------


def _gone(corpus: Corpus, identity: str, seen: set[str]) -> dict[str, Any] | None:
    """What knows an id that is not in a corpus: its rejects, the copies of a mixture, the corpora it was made from."""
    manifest = corpus.documents()
    seen.add(str(corpus.path))
    here = {"stage": manifest.stage, "into": str(corpus.path)}
    if rejected := _rejected_before(corpus, identity):
        return {**here, "rejected": rejected}
    if "origin_id" in manifest.column_names:
        copies = [_row(place, DOCUMENTS, ["id"])["id"][0].as_py() for place in _places(corpus, identity, "origin_id")]
        if copies:
            return {**here, "copies": copies}
    for source in _made_from(corpus):
        if not _is_corpus(source) or str(source.path) in seen:
            continue
        if place := _place(source, identity):
            return {**here, **place.told(), "why": _why_left(manifest, place)}
        if further := _gone(source, identity, seen):
            return further
    return None


def _rejected_before(corpus: Corpus, identity: str) -> dict[str, Any] | None:
    """The reject of a record that would have had this id: its place in a file, the file, or an id that was taken."""
    from curate.formats.documents import place_prefix

    for path in sorted((corpus.current(DOCUMENTS).folder / "rejects").glob("[!.]*.parquet")):
        rows = shards.read(path)
        position = rows["position"].cast(pa.string())
        prefixes = pa.array([place_prefix(file) for file in rows["file"].to_pylist()], pa.string())
        places = pc.binary_join_element_wise(prefixes, position, "#")
        placed = pc.or_(pc.equal(places, identity), pc.equal(prefixes, identity))
        wanted = pc.or_(placed, pc.starts_with(rows["detail"], f"{identity} is the id of "))
        if found := rows.filter(wanted).to_pylist():
            return found[0]
    return None


def _why_left(manifest: Manifest, place: Place) -> str:
    """Why a step left out a document that its input has."""
    where = manifest.options.get("where")
    if where:
        from curate.algorithms import where as expressions

        owners = place.corpus.columns()
        names = expressions.columns(where)
        if all(name in owners for name in names):
            columns = {name: _row(place, owners[name], [name])[name] for name in names}
            keep, null = expressions.mask(pa.table(columns), where) if names else (np.array([False]), np.array([False]))
            if not keep[0]:
                said = ", ".join(f"{name} = {plain(column[0].as_py())}" for name, column in columns.items())
                return f"--where {where} is {'null' if null[0] else 'false'} for it: {said}"
    told = manifest.ledger["removed"]
    reasons = [
        reason for reason, count in told.items() if count and reason not in (ledger.WHERE_FALSE, ledger.WHERE_NULL)
    ]
    return f"{manifest.stage} left it out ({', '.join(reasons) or 'its input was made anew since'})"


def _unknown(corpus: Corpus, identity: str) -> UsageError:
    """The error of an id that nothing knows, naming ids that hold it or begin most like it."""
    current = corpus.current(DOCUMENTS)
    length, near = 0, []
    for entry in corpus.entries():
        ids = shards.read(current.shard(entry.name), ["id"])["id"]
        holding = ids.filter(pc.match_substring(ids, identity)).slice(0, 3).to_pylist() if identity else []
        if holding:
            length, near = len(identity), holding
            break
        while length < len(identity) and (alike := ids.filter(pc.starts_with(ids, identity[: length + 1]))).length():
            length, near = length + 1, alike.slice(0, 3).to_pylist()
    hint = f"; near it: {', '.join(near)}" if length else f"; an id here: {_first_id(corpus)}"
    return UsageError(f"{corpus.path}: no document '{identity}'{hint}")


def _first_id(corpus: Corpus) -> str:
    filled = [entry.name for entry in corpus.entries() if entry.rows]
    return _row(Place(corpus, filled[0], 0), DOCUMENTS, ["id"])["id"][0].as_py() if filled else "none, it is empty"
