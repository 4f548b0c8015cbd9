"""From a verb with its options to a finished layer: validate, plan, run, report."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from curate.cli.printing import Reporter, duration, number, removed_text, short, size, table
from curate.errors import UsageError, counted
from curate.stage import Stage, StageConfig

if TYPE_CHECKING:
    from curate.runtime.executors.base import Executor
    from curate.runtime.memory import Budget
    from curate.runtime.plan import Plan, Request
    from curate.runtime.run import Result


Model = TypeVar("Model", bound=BaseModel)


class Execution(BaseModel):
    """Where and how fast: none of this changes a byte, but for the last bits of a transformer's vectors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    executor: str = Field("local", description="What runs the tasks: inline, local (processes) or ray.")
    workers: int = Field(0, ge=0, description="How many tasks run at once; 0 is one for each processor.")
    max_errors: str = Field("0", description="How many documents may be unusable: a number, or a share such as 0.5%.")
    memory: str | None = Field(
        None,
        description="What all processes may hold together, such as 16GB: fewer tasks run at once when each needs much.",
    )
    device: str = Field(
        "cpu", description="The device of models that can use one: cpu, cuda:1, or cuda for all GPUs, one a worker."
    )
    batch_tokens: int = Field(
        16_384, ge=1, description="Tokens that such a model is given at once, padding included, or one sequence."
    )

    @property
    def count(self) -> int:
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def budget(self) -> Budget:
        from curate.runtime.memory import Budget

        return Budget(parse_bytes(self.memory, "memory"), self.count)


class StepOptions(BaseModel):
    """What every verb may be given beside its own options."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    corpus: str | None = Field(
        None, description="The corpus to work on; in a run file, the one that the last `to` named."
    )
    corpora: list[str] | None = Field(None, description="Corpora to mix, each a folder or NAME=FOLDER.")
    as_: str | None = Field(None, alias="as", description="Name of the layer, and so the prefix of its columns.")
    to: str | None = Field(None, description="The folder to write.")
    where: str | None = Field(None, description="Work only on documents for which this SQL over columns is true.")
    carry: str | None = Field(
        None,
        description="Layers to bring along: all, none or names with commas; by default all but those with large rows, "
        "such as vectors.",
    )
    replace: bool = Field(False, description="Make a corpus anew where one from other sources is.")
    shard_bytes: str | None = Field(
        None, description="Text in one shard, such as 64M; by default about a 64th of the input, 4M to 128M."
    )

    @field_validator("where")
    @classmethod
    def _where_says_something(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("it is empty; leave it out to choose every document")
        return value


@dataclass
class Session:
    """One command's executor and voice, kept over all its steps."""

    execution: Execution
    reporter: Reporter
    results: list[tuple[Stage, Result]] = field(default_factory=list)
    executor: Executor | None = None


@contextlib.contextmanager
def session(execution: Execution, reporter: Reporter, steps: Sequence[str]) -> Iterator[Session]:
    """Start the executor warming up for tasks of these stages, and stop it whatever happens."""
    from curate.kernels import cache_folder
    from curate.runtime.executors.base import executor

    if not cache_folder().exists():
        reporter.line("the first run on a machine compiles the kernels it uses, which takes up to a minute")
    os.environ["CURATE_DEVICE"] = execution.device
    os.environ["CURATE_BATCH_TOKENS"] = str(execution.batch_tokens)
    parse_max_errors(execution.max_errors)
    parse_bytes(execution.memory, "memory")
    made = executor(execution.executor, execution.count, warm="curate.cli.worker:warm", steps=steps)
    made.start()
    try:
        yield Session(execution, reporter, executor=made)
    finally:
        made.stop()


def parse_max_errors(text: str) -> None:
    """Raise UsageError early for a `--max-errors` that says nothing."""
    from curate.runtime.run import parse_errors

    parse_errors(text)


def validated(stage: Stage, options: Mapping[str, Any], dashes: bool = True) -> StageConfig:
    """The stage's options, checked. Raises UsageError naming the option, its value and what it must be."""
    return checked(stage.config, options, stage.name, dashes)


def checked(model: type[Model], options: Mapping[str, Any], name: str, dashes: bool = True) -> Model:
    """Options as a model. Raises UsageError naming the option, its value and what it must be."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as problem:
        raise UsageError("\n".join(f"{name}: {line}" for line in problems(problem, dashes))) from None


def problems(problem: ValidationError, dashes: bool) -> list[str]:
    """One line for each thing that is wrong."""
    lines = []
    for item in problem.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        shown = f"--{name.replace('_', '-')}" if dashes and name else name
        value = f" {item['input']!r}" if item["type"] != "missing" and name else ""
        message = item["msg"].removeprefix("Value error, ")
        lines.append(f"{shown}{value}: {message}" if shown else message)
    return lines


def parse_bytes(text: str | int | None, option: str = "shard-bytes") -> int | None:
    """`64M`, `2G`, `500k` or a plain number of bytes. Raises UsageError for anything else."""
    if text is None:
        return None
    plain = str(text).strip().upper().removesuffix("B")
    factor = {"K": 10**3, "M": 10**6, "G": 10**9}.get(plain[-1:], 1)
    try:
        value = int(float(plain.rstrip("KMG")) * factor)
    except (ValueError, OverflowError):
        raise UsageError(f"--{option} '{text}': give a size such as 64M or 2GB") from None
    if value < 1:
        raise UsageError(f"--{option} '{text}': must be at least 1")
    return value


def request(stage: Stage, options: StepOptions) -> Request:
    """The common options as the planner wants them. Raises UsageError for one that this verb does not take."""
    from curate.runtime.plan import Request
    from curate.storage.corpus import named

    if stage.takes == "corpora":
        if not options.corpora:
            raise UsageError(f"{stage.name}: give at least one corpus")
        corpora = named(options.corpora)
    elif stage.takes == "corpus":
        if not options.corpus:
            raise UsageError(f"{stage.name}: which corpus? none is named, and no step before wrote one")
        corpora = ((os.path.basename(os.path.abspath(options.corpus)), options.corpus),)
    else:
        corpora = ()
    if options.as_ and stage.makes != "layer":
        raise UsageError(f"{stage.name}: --as names a layer, but {stage.name} makes none")
    if options.carry not in (None, "none") and not stage.carries:
        raise UsageError(f"{stage.name}: --carry: the text changes, and what layers say of it with it; leave it out")
    return Request(
        corpora=corpora,
        layer=options.as_,
        to=options.to,
        where=options.where,
        carry=options.carry,
        replace=options.replace,
        shard_bytes=parse_bytes(options.shard_bytes),
    )


def planned(stage: Stage, config: StageConfig, options: StepOptions) -> Plan:
    """The plan of one step."""
    from curate.runtime.plan import make
    from curate.stages import stages

    return make(stage, config, request(stage, options), stages)


def run_step(session: Session, stage: Stage, config: StageConfig, options: StepOptions) -> Result:
    """Plan and execute one step, and say what came of it."""
    from curate.runtime.run import execute

    plan = planned(stage, config, options)
    assert session.executor is not None
    how = session.execution
    result = execute(plan, stage, session.executor, how.max_errors, session.reporter.progress, how.budget)
    if options.carry is None and stage.carries:
        result.warnings += left_behind(plan)
    result.warnings += emptied(result)
    session.results.append((stage, result))
    return result


def left_behind(plan: Plan) -> list[str]:
    """Which layers of the input a new corpus goes without, though nobody said so."""
    from curate.storage.corpus import DOCUMENTS, Corpus

    if plan.makes != "corpus":
        return []
    there = {layer for source in plan.inputs for layer in Corpus(source.path).layers()}
    left = sorted(there - {DOCUMENTS, *plan.carried})
    return [f"left behind, since its rows are large: {name}; --carry all brings it along" for name in left]


def emptied(result: Result) -> list[str]:
    """That a condition left a new corpus without documents, which a wrong threshold does."""
    ledger, plan = result.manifest.ledger, result.plan
    if plan.makes != "corpus" or not plan.where or not ledger["in"] or ledger["out"]:
        return []
    asked = shlex.quote(plan.inputs[0].path)
    return [
        f"warning: --where chose none of {counted(ledger['in'], 'document')}; `curate quality-report {asked}` says "
        f"what thresholds keep, `curate show {asked}` what the columns hold"
    ]


HEADINGS = (
    "step",
    "documents in",
    "out",
    "bytes in",
    "out",
    "tokens (est.) in",
    "out",
    "removed or marked",
    "time",
    "speed",
)
RIGHT = (1, 2, 3, 4, 5, 6, 8, 9)


def step_row(stage: Stage, result: Result) -> list[str]:
    """One line of the closing table. Tokens are estimated; those of source files are not known."""
    from curate.runtime.plan import contents_out

    ledger, plan = result.manifest.ledger, result.plan
    volume = plan.bytes or plan.source_bytes
    tokens_out, bytes_out = contents_out(plan, result.manifest)
    timed = (
        (duration(result.seconds), f"{size((plan.bytes or bytes_out) / max(result.seconds, 1e-9))}/s")
        if result.executed
        else ("finished", "before")
    )
    return [
        plan.title,
        number(ledger["in"]),
        number(ledger["out"]),
        size(volume),
        size(bytes_out),
        short(plan.tokens) if plan.inputs else "",
        short(tokens_out),
        removed_text(ledger),
        *timed,
    ]


def closing(session: Session, reports: bool) -> None:
    """The closing table, and what each stage has to say."""
    rows = [step_row(stage, result) for stage, result in session.results]
    for _, result in session.results:
        for line in told(result) if reports and result.executed else []:
            session.reporter.line(line)
    session.reporter.line(table(HEADINGS, rows, RIGHT))


def told(result: Result) -> list[str]:
    """What there is to say of a run beside its numbers."""
    return [*report_lines(result.plan), *result.warnings]


def report_lines(plan: Plan) -> list[str]:
    """What the stage said of its model and summary when it ran."""
    path = plan.output.record("report.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def result_json(stage: Stage, result: Result) -> dict[str, Any]:
    """A result for programs."""
    return {
        "step": result.plan.title,
        "written": str(result.plan.folder if result.plan.makes == "files" else result.plan.target),
        "layer": result.manifest.layer,
        "fingerprint": result.manifest.fingerprint,
        "ledger": result.manifest.ledger,
        "tasks": result.executed,
        "linked": result.linked,
        "seconds": round(result.seconds, 3),
        "report": told(result),
    }


# --- dry runs -------------------------------------------------------------------------------------


def explain(stage: Stage, plan: Plan) -> dict[str, Any]:
    """What a run would do: options, inputs, tasks, bytes, what is reused and why the rest is not."""
    from curate.runtime.fingerprint import planned_options
    from curate.runtime.phases import limits, needed, phases
    from curate.runtime.plan import existing_manifest
    from curate.runtime.run import is_made

    todo = needed(plan, stage, phases(plan, stage, planned_options(stage, plan.options)))
    existing = existing_manifest(plan)
    asked = existing is not None and is_made(plan, existing, todo)
    volume = plan.bytes or plan.source_bytes
    surveys = any(phase.kind == "survey" for phase, _ in todo)
    return {
        "step": plan.title,
        "options": {**plan.settings["options"], **limits(plan, stage)},
        "inputs": {source.path: sorted(source.layers) for source in [*plan.inputs, *plan.old_inputs]}
        or [os.path.relpath(os.path.join(plan.target, source)) for source in plan.sources],
        "documents": plan.rows,
        "bytes": volume,
        "target": str(plan.folder),
        "tasks": {phase.name: len(numbers) for phase, numbers in todo},
        "scratch_bytes": volume // 4 if surveys else 0,
        "output_bytes": 0 if asked or not todo else (volume // 2 if plan.makes != "layer" else plan.rows * 32),
        "reused": "everything" if not todo else "finished tasks" if plan.output.folder.exists() else "nothing",
        "why": [] if not todo else ["its alarm was not asked with these limits"] if asked else why(plan, existing),
    }


def why(plan: Plan, existing: Any) -> list[str]:
    """Why a layer has to be made, against what is there."""
    if existing is None:
        return ["it does not exist yet"]
    if existing.fingerprint == plan.fingerprint:
        return ["some of its files are missing"]
    reasons = []
    old = existing.options
    for name in sorted({*old.get("options", {}), *plan.settings["options"]}):
        before, now = old.get("options", {}).get(name), plan.settings["options"].get(name)
        if before != now:
            reasons.append(f"option {name} was {before!r} and is {now!r}")
    for name in ("where", "carry", "shard_bytes", "names"):
        if old.get(name) != plan.settings[name]:
            reasons.append(f"{name} was {old.get(name)!r} and is {plan.settings[name]!r}")
    for name in sorted({*existing.inputs, *plan.contents}):
        if existing.inputs.get(name) != plan.contents.get(name):
            changed = "has changed" if name in plan.contents else "is not read any more"
            reasons.append(f"input {name} {changed if name in existing.inputs else 'is new'}")
    return reasons or ["its source files have changed, or the stage itself"]


def explain_lines(found: dict[str, Any]) -> list[str]:
    """A dry run for people."""
    options = ", ".join(
        f"{name}={value if str(value).isprintable() else repr(value)}"
        for name, value in found["options"].items()
        if value not in (None, [], {})
    )
    lines = [f"{found['step']} -> {found['target']}", f"  options: {options or 'none'}"]
    inputs = found["inputs"]
    if isinstance(inputs, dict):
        inputs = [f"{path} ({', '.join(layers)})" for path, layers in inputs.items()]
    lines.append(f"  inputs:  {'; '.join(inputs)}; {counted(found['documents'], 'document')}, {size(found['bytes'])}")
    if "waits" in found:
        lines.append(f"  {found['waits']}; as things are:")
    if not found["tasks"]:
        return [*lines, "  nothing to do: finished already"]
    tasks = ", ".join(f"{name}: {count}" for name, count in found["tasks"].items())
    return [
        *lines,
        f"  tasks:   {tasks}",
        f"  bytes:   about {size(found['scratch_bytes'])} of scratch, {size(found['output_bytes'])} of output",
        f"  reused:  {found['reused']}; anew because {'; '.join(found['why'])}",
    ]
