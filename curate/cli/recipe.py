"""`curate run`: the steps of a run file, one after another; `curate recipe`: the run files that come with `curate`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import curate
from curate.cli.printing import Reporter, emit_json, table
from curate.cli.running import (
    Execution,
    Session,
    StepOptions,
    checked,
    closing,
    explain,
    explain_lines,
    planned,
    result_json,
    run_step,
    session,
    validated,
)
from curate.errors import UsageError
from curate.stage import CorpusMarker, Stage, StageConfig, marked
from curate.stages import stages

if TYPE_CHECKING:
    from curate.runtime.runfile import RunFile, Step


SHIPPED = Path(curate.__file__).parent / "configs"
PANEL = "look"


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run", rich_help_panel=PANEL)(run)
    recipes = typer.Typer(
        help="List or show the run files that come with curate: published recipes, to copy and to change.",
        no_args_is_help=True,
    )
    recipes.command("list")(list_recipes)
    recipes.command("show")(show_recipe)
    app.add_typer(recipes, name="recipe", rich_help_panel=PANEL)


def shipped() -> dict[str, Path]:
    """The run files that come with the package, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def list_recipes(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The run files that come with curate, and what each is for."""
    found = {name: path.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ") for name, path in shipped().items()}
    if json:
        emit_json(found)
        return
    print(table(("recipe", "what it is"), [list(item) for item in found.items()]))


def show_recipe(name: Annotated[str, typer.Argument(metavar="NAME", help="One that `recipe list` names.")]) -> None:
    """Print a run file, such as to copy it: curate recipe show fineweb > fineweb.yaml."""
    found = shipped()
    if name not in found:
        raise UsageError(f"no recipe '{name}'; there are: {', '.join(found)}")
    print(found[name].read_text(encoding="utf-8"), end="")


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE.yaml", help="The run file.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME.OPTION=VALUE", help="Change an option of a step.")
    ] = None,
    executor: Annotated[str | None, typer.Option(help="What runs the tasks: inline, local or ray.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="How many tasks run at once; 0 is one for each processor.")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="What all processes may hold together, such as 16GB.")] = None,
    max_errors: Annotated[str | None, typer.Option(help="How many documents may be unusable in each step.")] = None,
    device: Annotated[str | None, typer.Option(help="The device of models that can use one.")] = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Tokens that such a model is given at once.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and why, and do nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the steps of a run file; what is finished already is found, not made again."""
    from curate.runtime.runfile import load

    given = {"executor": executor, "workers": workers, "memory": memory, "max_errors": max_errors}
    given |= {"device": device, "batch_tokens": batch_tokens}
    known = stages()
    loaded = load(recipe, {name: stage.config for name, stage in known.items()}, StepOptions, set_ or [], Execution)
    execution = checked(
        Execution, {**loaded.execution, **{k: v for k, v in given.items() if v is not None}}, "execution"
    )
    steps = resolved(loaded, known)
    reporter = Reporter(quiet, json)
    if dry_run:
        _dry_run(steps, json)
        return
    with session(execution, reporter, [stage.name for stage, _, _ in steps]) as running:
        for number, (stage, config, options) in enumerate(steps, 1):
            reporter.line(f"[{number}/{len(steps)}] {stage.name}{_target(options)}")
            run_step(running, stage, config, options)
            _say(running)
        closing(running, reports=False)
        reporter.line(f"the result is in {_written(running)}")
        if json:
            emit_json([result_json(stage, result) for stage, result in running.results])


Resolved = tuple[Stage, StageConfig, StepOptions]


def resolved(loaded: RunFile, known: dict[str, Stage]) -> list[Resolved]:
    """Each step's stage, options and common options, the corpus being the one that the last `to` named."""
    steps = []
    corpus: str | None = None
    for step in loaded.steps:
        stage = known[step.verb]
        options, common = split(step, stage)
        if stage.takes == "corpus":
            corpus = common.get("corpus") or corpus
            common["corpus"] = corpus
            if not corpus:
                raise UsageError(
                    f"line {step.line}: {step.verb}: `corpus` is missing, and no step before wrote one; "
                    "add `corpus: FOLDER` to its options"
                )
        steps.append(
            (stage, validated(stage, options, dashes=False), checked(StepOptions, common, stage.name, dashes=False))
        )
        if stage.makes == "corpus":
            if not common.get("to"):
                raise UsageError(f"line {step.line}: {step.verb}: `to` is missing; name the corpus to write")
            corpus = common["to"]
    return steps


def split(step: Step, stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """A step's own options and the common ones; a name that both have is the stage's own."""
    names = {info.alias or name for name, info in StepOptions.model_fields.items()} - set(stage.config.model_fields)
    common = {name: value for name, value in step.options.items() if name in names}
    return {name: value for name, value in step.options.items() if name not in names}, common


def run_file_schema() -> dict[str, Any]:
    """The JSON Schema of run files."""
    from curate.runtime.runfile import schema

    return schema({name: stage.config for name, stage in stages().items()}, StepOptions, Execution)


def _target(options: StepOptions) -> str:
    named = options.to or options.corpus or ""
    return f" {os.path.relpath(named)}" + (f" as {options.as_}" if options.as_ else "") if named else ""


def _say(running: Session) -> None:
    from curate.cli.running import step_row, told

    stage, result = running.results[-1]
    row = step_row(stage, result)
    removed = "" if row[7] == "none" else f"{row[7]}; "
    running.reporter.line(f"    {row[1]} in, {row[2]} out; {removed}{row[8]}, {row[9]}")
    for line in told(result) if result.executed else []:
        running.reporter.line(f"    {line}")


def _written(running: Session) -> str:
    plan = running.results[-1][1].plan
    return str(plan.folder if plan.makes == "files" else plan.target)


def _dry_run(steps: list[Resolved], as_json: bool) -> None:
    found: list[dict[str, Any]] = []
    changing: dict[str, str] = {}  # corpora that a step before has yet to write to, and which step
    for stage, config, options in steps:
        given = [options.corpus] if options.corpus else options.corpora or []
        old = [value for name in marked(type(config), CorpusMarker) for value in getattr(config, name)]
        sources = [os.path.abspath(item.partition("=")[2] or item) for item in [*given, *old]]
        waits = [changing[path] for path in sources if path in changing]
        item = _explained(stage, config, options, waits)
        if waits or item["tasks"]:
            changing[os.path.abspath(options.to or options.corpus or "")] = item["step"]
        found.append(item)
    if as_json:
        emit_json(found)
        return
    for item in found:
        print("\n".join(explain_lines(item)) if "target" in item else f"{item['step']}: {item['waits']}")


def _explained(stage: Stage, config: StageConfig, options: StepOptions, waits: list[str]) -> dict[str, Any]:
    """What a step would do; what reads the result of a step still to be done may not be known before that."""
    try:
        item = explain(stage, planned(stage, config, options))
    except UsageError:
        if not waits:
            raise
        return {"step": stage.name, "tasks": None, "waits": f"planned once {waits[0]} is done"}
    return {**item, "waits": f"planned again once {waits[0]} is done"} if waits else item
