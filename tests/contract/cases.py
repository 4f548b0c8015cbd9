"""What the contract tests run each stage on: options, and the steps that come before. A new stage needs a line here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.stages import stages
from tests import material, running

RAW, POOL, MADE, GOOD, MODEL = "raw", "pool", "made", "good.jsonl", "good.bin"
LOSSES, BENCHMARKS = "losses.csv", "benchmarks.csv"


@dataclass(frozen=True)
class Case:
    """A folder's name in `options` or `common` stands for its path. `before`: verbs whose layers are needed."""

    options: dict[str, Any] = field(default_factory=dict)
    common: dict[str, Any] = field(default_factory=dict)
    before: tuple[str, ...] = ()


CASES = {
    "ingest": Case(
        {"sources": [RAW], "column": ["number=number:int64"], "extract": "none"}, {"to": MADE, "shard_bytes": "30k"}
    ),
    "dedup": Case({"threshold": 0.6, "ngram": 3}),
    "dedup-substrings": Case({"length": 12, "scope_bytes": 60_000}, {"to": MADE, "shard_bytes": "30k"}),
    "dedup-lines": Case({"min_bytes": 8}, {"to": MADE, "shard_bytes": "30k"}, before=("dsir",)),
    "rules": Case(),
    "decontaminate": Case({"benchmark": [GOOD]}),
    "pii": Case(),
    "clean": Case({"c4": True, "mask": ["pii"]}, {"to": MADE, "shard_bytes": "30k"}, before=("dsir",)),
    "embed": Case({"dimensions": 16, "sample": 150}),
    "cluster": Case(
        {"levels": [9, 4], "resamples": 1, "domains": 2, "describe": ["dsir", "url"]}, before=("embed", "dsir")
    ),
    "semdedup": Case({"keep_rate": 0.75, "max_cluster": 30}, before=("embed", "dsir", "cluster")),
    "prototypes": Case({"keep_rate": 0.5}, before=("embed", "dsir", "cluster")),
    "combine": Case({"scores": ["dsir=2", "-bytes"], "keep_rate": 0.3}, before=("dsir",)),
    "exclude": Case({"min_mean": ["dsir=0.02"]}, before=("embed", "dsir", "cluster")),
    "split": Case({"parts": ["test=20", "train=60%"]}),
    "similar": Case({"to": [GOOD], "method": "nearest", "nearest": 2}, before=("embed",)),
    "map": Case({"sample": 100, "cluster": "cluster_domain"}, before=("embed", "dsir", "cluster")),
    "language": Case(),
    "verdict": Case({"max_hash_ratio": "off"}, before=("rules",)),
    "fasttext": Case(
        {
            "positive": [GOOD, "bytes > 3000"],
            "sample": 100,
            "epochs": 2,
            "folds": 2,
            "calibrate": True,
            "by": "source",
        }
    ),
    "dsir": Case({"target": [GOOD]}),
    "transport": Case({"target": [GOOD], "examples": 20, "sample": 40, "keep_rate": 0.3}, before=("embed",)),
    "betr": Case({"target": [GOOD], "examples": 20, "sample": 120, "top": 0.3}, before=("embed",)),
    "correlations": Case({"losses": LOSSES, "benchmarks": BENCHMARKS, "ratio": 0.4}),
    "preselect": Case({"losses": LOSSES, "benchmarks": BENCHMARKS, "top": 0.3}),
    "perplexity": Case({"sample": 100, "keep": "gaussian", "keep_rate": 0.5}),
    "contrast": Case({"target": [GOOD], "sample": 100, "keep_rate": 0.3}),
    "zipfit": Case({"target": [GOOD], "examples": 4, "keep_rate": 0.3}),
    "select": Case({}, {"where": "bytes > 300 AND dsir > -9", "to": MADE, "shard_bytes": "30k"}, before=("dsir",)),
    "sample": Case({"fraction": 0.4}, {"to": MADE, "shard_bytes": "30k"}, before=("dsir",)),
    "mix": Case(
        {
            "documents": 150,
            "by": "source",
            "balance": ["cluster_level2", "cluster"],
            "score": "dsir",
            "max_epochs": 2.0,
        },
        {"to": MADE, "shard_bytes": "30k"},
        before=("embed", "dsir", "cluster"),
    ),
    "export": Case({"format": "jsonl", "columns": ["id", "text", "dsir"]}, {"to": MADE}, before=("dsir",)),
}


def known() -> list[str]:
    """The project's own stages."""
    return [name for name in stages() if name in CASES or not name.startswith(("lines", "length", "tally"))]


def write_base(root: Path, texts: tuple[str, ...]) -> None:
    """A corpus of several shards, one of them empty, and the files that options name. `ingest` has its own."""
    third = len(texts) // 3
    for name, some in {"a": texts[:third], "b": texts[third : 2 * third], "c": (), "d": texts[2 * third :]}.items():
        material.write_lines(root / f"lines/{name}.txt", some)
        material.write_records(root / f"{RAW}/{name}.jsonl", some, url=f"https://example.org/{name}", source=name)
        material.write_crawl(root / f"{RAW}/{name}.warc", some)
    material.write_page(root / f"{RAW}/page.html", texts[0])
    material.write_records(root / GOOD, [text for text in texts if "the" in text][:60])
    options = {"sources": [str(root / "lines")]}
    running.step("lines", options, max_errors="100", to=str(root / POOL), shard_bytes="30k")
    material.write_losses(root / LOSSES, root / BENCHMARKS, str(root / POOL))


def prepare(root: Path, verb: str) -> None:
    """Make the layers that a stage needs."""
    for earlier in CASES[verb].before:
        run(root, earlier)


def arguments(root: Path, verb: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a stage and the common ones, with paths in place of names."""
    case, stage = CASES[verb], stages()[verb]
    common = {name: _placed(root, value) for name, value in case.common.items()}
    if stage.takes == "corpus":
        common["corpus"] = str(root / POOL)
    if stage.takes == "corpora":
        common["corpora"] = [str(root / POOL)]
    return {name: _placed(root, value) for name, value in case.options.items()}, common


def _placed(root: Path, value: Any) -> Any:
    if isinstance(value, list):
        return [_placed(root, item) for item in value]
    return str(root / value) if value in (RAW, POOL, MADE, GOOD, MODEL, LOSSES, BENCHMARKS) else value


def run(root: Path, verb: str, made: Any = None, **changed: Any) -> Any:
    """Run a stage on its case."""
    options, common = arguments(root, verb)
    return running.step(verb, options, made, max_errors="100", **{**common, **changed})


def results(root: Path, verb: str) -> dict[str, str]:
    """Every file that the stage made, and its digest."""
    stage = stages()[verb]
    folder = root / MADE if stage.makes != "layer" else root / POOL / verb
    return running.tree(folder)
