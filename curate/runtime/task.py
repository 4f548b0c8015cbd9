"""One task: a plan, an index, and everything else found on disk. Runs in a worker."""

from __future__ import annotations

import json
import os
import resource
import socket
import time
from typing import Any

import pyarrow as pa

from curate.runtime import applying, settling, surveys
from curate.runtime.phases import AFTER, Phase, accepted_path, limits, task_phase
from curate.runtime.plan import Plan
from curate.runtime.work import Work, read_model
from curate.storage import files
from curate.storage import shard as shards
from curate.storage.corpus import Corpus


def run_task(work: Work, index: int) -> dict[str, Any]:
    """Run one task to its finished file; gives the documents, bytes and quarantined of it, and seconds."""
    started = time.monotonic()
    phase, number = task_phase(work.phases, index)
    functions = {
        "count": surveys.count,
        "survey": surveys.survey,
        "link": settling.link,
        "settle": settling.settle,
        "apply": applying.apply,
        "report": _report,
        "alarm": _alarm,
    }
    result = {"rows": 0, "bytes": 0, "quarantined": 0, "linked": False, **functions[phase.kind](work, phase, number)}
    result["seconds"] = time.monotonic() - started
    _record(work.plan, phase, number, result)
    return result


def _report(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """What the stage says of its model and summary, left for people in `record/`."""
    assert work.stage.report is not None
    model = read_model(work.plan, work.stage, work.last) if work.stage.before else None
    summary = read_model(work.plan, work.stage, AFTER) if work.stage.after else None
    about = [_summary_beside(work)] if work.stage.about else []
    files.write_json(work.plan.output.record("report.json"), work.stage.report(model, summary, work.config, *about))
    return {}


def _summary_beside(work: Work) -> pa.Table | None:
    """The summary of the layer that the stage is about; None of one that has none, such as one carried over."""
    assert work.stage.about is not None
    source = work.plan.inputs[0]
    layer = source.columns[work.stage.about(work.config)]
    path = Corpus(source.path).generation(layer, source.layers[layer]).summary
    return shards.read_model(path) if path.exists() else None


def _alarm(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """Ask whether the result may stand; the stage raises when it may not."""
    assert work.stage.alarm is not None
    summary = read_model(work.plan, work.stage, AFTER) if work.stage.after else None
    work.stage.alarm(summary, work.stage.config.model_validate(work.plan.options))
    files.write_json(accepted_path(work.plan), limits(work.plan, work.stage))
    return {}


def _record(plan: Plan, phase: Phase, number: int, result: dict[str, Any]) -> None:
    """Append one line to the layer's record: for people and `status`, never read by a plan."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = {"task": f"{phase.name} {number}", "host": socket.gethostname(), "process": os.getpid(), "peak_bytes": peak}
    path = plan.output.record("tasks.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({**line, **result, "ended": time.time()}) + "\n")
