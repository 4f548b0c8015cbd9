"""What each stage gives for a fixed text: digests of exact columns, a few figures of columns of fractions.

On another processor fractions may differ a little and everything else may not.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.kernels.digest import table_digest
from curate.runtime.opened import Opened
from curate.stages import stages
from tests import material
from tests.contract import cases

FILE = Path(__file__).with_name("golden.json")
LEARNED = ("betr", "correlations", "preselect")
"""Stages whose classifier, of so few texts, gives nearly equal scores: their order may be another elsewhere."""


def base(memory: Path) -> Path:
    """The corpus of fixed texts, made once."""
    root = memory / "golden"
    if not root.exists():
        cases.write_base(root, material.fixed())
    return root


def measure(root: Path, verb: str) -> dict[str, Any]:
    """Run a stage on the fixed texts and describe what it made."""
    cases.prepare(root, verb)
    result = cases.run(root, verb)
    stage = stages()[verb]
    if stage.makes == "files":
        files = sorted(path for path in (root / cases.MADE).iterdir() if path.suffix == ".jsonl")
        whole = b"".join(path.read_bytes() for path in files)
        columns: dict[str, Any] = {"files": hashlib.sha256(whole).hexdigest()[:32]}
    else:
        opened = Opened(root / (cases.POOL if stage.makes == "layer" else cases.MADE))
        table = opened.table(result.manifest.column_names)
        describe = outlined if verb in LEARNED else described
        columns = {name: describe(table.select([name])) for name in table.column_names}
    ledger = {name: result.manifest.ledger[name] for name in ("in", "out", "removed", "quarantined", "repeats")}
    return {"revision": stage.revision, "ledger": ledger, "columns": columns}


def described(table: pa.Table) -> str | list[float]:
    """The digest of a column or, of fractions, mean, deviation and three of the values."""
    kind = table.schema.types[0]
    inner = kind.value_type if pa.types.is_fixed_size_list(kind) else kind
    if not pa.types.is_floating(inner):
        return table_digest(table)
    column = table.column(0).combine_chunks()
    flat = column.flatten() if pa.types.is_fixed_size_list(kind) else column
    values = flat.drop_null().to_numpy().astype(np.float64)
    chosen = [values.mean(), values.std(), values[0], values[len(values) // 2], values[-1], flat.null_count]
    return [round(float(value), 6) for value in chosen]


def outlined(table: pa.Table) -> list[float]:
    """Mean, deviation and nulls of a column of fractions, or of true and false."""
    column = table.column(0).cast(pa.float64()).combine_chunks()
    values = column.drop_null().to_numpy()
    return [round(float(value), 6) for value in (values.mean(), values.std(), column.null_count)]


def changed(stored: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Names of the columns that are not what is stored, and `ledger`."""
    names = [] if stored["ledger"] == found["ledger"] else ["ledger"]
    for name in sorted({*stored["columns"], *found["columns"]}):
        old, new = stored["columns"].get(name), found["columns"].get(name)
        if isinstance(old, list) and isinstance(new, list):
            alike = all(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-4) for a, b in zip(old, new, strict=True))
        else:
            alike = old == new
        names += [] if alike else [name]
    return names


def stored() -> dict[str, Any]:
    """What is kept in the repository."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def store(verb: str, found: dict[str, Any]) -> None:
    """Keep what a stage gives now."""
    FILE.write_text(json.dumps({**stored(), verb: found}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
