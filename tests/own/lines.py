"""A stage of the tests: brings in files of one JSON string a line, with everything that `ingest` may do."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import Field

from curate.stage import Applied, Census, InputPath, Settled, SourceFile, Stage, StageConfig

PIECE = 40


class LinesConfig(StageConfig):
    """Bring in files that hold one JSON string a line, less the white space that it begins with."""

    sources: list[InputPath] = Field(min_length=1, description="Files to read.")
    upper: bool = Field(False, description="Write the text in capitals.")


def slices(files: list[SourceFile], config: LinesConfig, shard_bytes: int) -> list[dict]:
    return [{"path": file.path, "relative": file.relative} for file in files]


def _texts(path: str) -> Iterator[tuple[int, object]]:
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file):
            try:
                yield number, json.loads(line)
            except ValueError:
                yield number, None


def survey(slice_: dict, mine, config: LinesConfig):
    import pyarrow as pa

    rows = [(number, text) for number, text in _texts(slice_["path"]) if isinstance(text, str)]
    return pa.table(
        {
            "shard": pa.array([slice_["index"]] * len(rows), pa.int32()),
            "row": pa.array([number for number, _ in rows], pa.int64()),
            "text": pa.array([text for _, text in rows], pa.large_string()),
        }
    )


def settle(tables: Iterator, config: LinesConfig) -> Settled:
    """The second of two equal texts goes, wherever it lies."""
    import pyarrow as pa

    seen: set[str] = set()
    repeated = []
    for table in tables:
        for row in table.to_pylist():
            if row["text"] in seen:
                repeated.append((row["shard"], row["row"]))
            seen.add(row["text"])
    columns = list(zip(*repeated, strict=True)) or [(), ()]
    rows = pa.table({"shard": pa.array(columns[0], pa.int32()), "row": pa.array(columns[1], pa.int64())})
    return Settled(pa.table({"checked": [True]}), [rows])


def apply(slice_: dict, tables: Iterator, mine, prepared, config: LinesConfig) -> Iterator[Applied]:
    from itertools import islice

    repeated = set(mine["row"].to_pylist())
    texts = _texts(slice_["path"])
    while piece := list(islice(texts, PIECE)):
        yield _piece(slice_["relative"], piece, repeated, config)


def _piece(relative: str, piece: list, repeated: set[int], config: LinesConfig) -> Applied:
    import hashlib

    import pyarrow as pa

    from curate.storage.schema import DOCUMENTS, REJECTS, SPANS

    rows, rejects, spans, counts = [], [], [], {"capitals": 0}
    for number, text in piece:
        if not isinstance(text, str) or number in repeated:
            reason = "a repeated text" if number in repeated else "not a string"
            rejects.append({"file": relative, "position": number, "unit": "line", "reason": reason, "detail": ""})
            continue
        if indent := len(text) - len(text.lstrip()):
            spans.append({"id": f"{relative}:{number}", "start": 0, "end": indent, "reason": "indent"})
            text = text.lstrip()
        text = text.upper() if config.upper else text
        counts["capitals"] += sum(character.isupper() for character in text)
        size = len(text.encode())
        digest = hashlib.md5(text.encode()).digest()
        name = f"{relative}:{number}"
        rows.append({"id": name, "digest": digest, "text": text, "source": relative, "bytes": size, "meta": "{}"})
    read = len(rows) + len(rejects)
    table = pa.Table.from_pylist(rows, DOCUMENTS)
    taken = pa.Table.from_pylist(spans, SPANS)
    return Applied(table, pa.Table.from_pylist(rejects, REJECTS), read=read, counts=counts, spans=taken)


STAGE = Stage(
    name="lines",
    revision=1,
    config=LinesConfig,
    takes="sources",
    makes="corpus",
    before=(Census(survey, settle=settle),),
    slices=slices,
    apply=apply,
)
