"""A command for each stage, made from its declaration alone."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from curate.cli.printing import Reporter, emit_json
from curate.cli.running import (
    Execution,
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
from curate.stage import PathMarker, Stage, marked

POSITIONAL = {"corpus": "CORPUS", "corpora": "CORPUS", "sources": "SOURCE"}
LONG = 20  # what help calls a value may be so wide, lest names of options be cut
EXECUTION = ("executor", "workers", "memory", "max_errors", "device", "batch_tokens")
COMMON = {
    "layer": ("as_", "where"),
    "corpus": ("to", "where", "carry", "replace", "shard_bytes"),
    "files": ("to", "where"),
}


def unused(stage: Stage) -> set[str]:
    """Common options that say nothing to a stage."""
    return ({"where", "carry"} if stage.takes == "sources" else set()) | (set() if stage.carries else {"carry"})


def command(stage: Stage) -> Callable[..., None]:
    """A function whose signature typer turns into the stage's command."""
    positional = [] if stage.takes != "sources" else list(marked(stage.config, PathMarker))
    names = [name for name in stage.config.model_fields if name not in positional]
    common = [name for name in COMMON[stage.makes] if name not in unused(stage)]

    def run(**given: Any) -> None:
        set_options = {name: given[name] for name in stage.config.model_fields if _is_given(given[name])}
        step = {
            (StepOptions.model_fields[name].alias or name): given[name] for name in common if _is_given(given[name])
        }
        if stage.takes != "sources":
            step[stage.takes] = given["input_"]
        execution = {name: given[name] for name in EXECUTION if _is_given(given[name])}
        _run(stage, set_options, step, execution, given)

    parameters = [_positional(stage, positional)]
    parameters += [_option(name, stage.config.model_fields[name], _panel(stage)) for name in names]
    parameters += [_option(name, StepOptions.model_fields[name], "Corpus") for name in common]
    parameters += [_option(name, Execution.model_fields[name], "Execution") for name in EXECUTION]
    parameters += _flags()
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {item.name: item.annotation for item in parameters}
    run.__doc__ = _literal(inspect.getdoc(stage.config) or "")
    return run


def _run(stage: Stage, options: dict, step: dict, execution: dict, given: dict) -> None:
    reporter = Reporter(given["quiet"], given["json"])
    config = validated(stage, options)
    common = checked(StepOptions, step, stage.name)
    if given["dry_run"]:
        found = explain(stage, planned(stage, config, common))
        emit_json(found) if given["json"] else print("\n".join(explain_lines(found)))
        return
    with session(checked(Execution, execution, stage.name), reporter, [stage.name]) as running:
        result = run_step(running, stage, config, common)
        closing(running, reports=True)
        if given["json"]:
            emit_json(result_json(stage, result))


def _is_given(value: Any) -> bool:
    return value is not None and value != []


def _panel(stage: Stage) -> str:
    return f"Options of {stage.name}"


def _positional(stage: Stage, names: list[str]) -> inspect.Parameter:
    if stage.takes == "sources":
        argument = typer.Argument(metavar=POSITIONAL[stage.takes], help="Files, folders or quoted globs.")
        return _parameter(names[0], list[str], argument)
    many = stage.takes == "corpora"
    text = "Corpora to read, each a folder or NAME=FOLDER." if many else "The corpus to work on."
    if any(_kind(info.annotation)[0] is list for info in stage.config.model_fields.values()):
        text += " Write it before options that take several values."
    return _parameter("input_", list[str] if many else str, typer.Argument(metavar=POSITIONAL[stage.takes], help=text))


def _option(name: str, info: FieldInfo, panel: str) -> inspect.Parameter:
    shown = (info.alias or name).replace("_", "-")
    kind, metavar = _kind(info.annotation)
    text = _literal(info.description or "")
    if metavar and len(metavar) > LONG:
        text, metavar = f"{text} One of {', '.join(metavar.split('|'))}.", "NAME"
    required = info.is_required()
    if not required and info.default not in (None, PydanticUndefined, [], (), {}, "") and kind is not bool:
        text += f" (default {_written(info.default)})"
    if kind is bool:
        flag = f"--{shown}/--no-{shown}" if info.default is not False or name not in ("replace",) else f"--{shown}"
        default = "yes" if info.default else "no"
        option = typer.Option(flag, help=f"{text} (default {default})", rich_help_panel=panel, show_default=False)
        return _parameter(name, bool | None, option, None)
    option = typer.Option(f"--{shown}", help=text, metavar=metavar, rich_help_panel=panel, show_default=False)
    if kind is list:
        return _parameter(name, list[str] | None, option, ... if required else None)
    return _parameter(name, str | None, option, ... if required else None)


def _literal(text: str) -> str:
    """Text of which rich shows every sign: it takes brackets, as of an extra, for its own markup."""
    return re.sub(r"(\[[a-z#/@])", r"\\\1", text)


def _kind(annotation: Any) -> tuple[type, str | None]:
    """bool, list or str, and what to call the value in help."""
    origin = get_origin(annotation)
    if annotation is bool:
        return bool, None
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin is Literal:
        return str, "|".join(map(str, get_args(annotation)))
    if origin in (list, tuple):
        return list, "VALUE..."
    if origin is dict:
        return list, "NAME=VALUE..."
    if origin is not None:
        parts = [part for part in get_args(annotation) if part is not type(None)]
        found = [_kind(part) for part in parts]
        kinds = {kind for kind, _ in found}
        names = list(dict.fromkeys(name for _, name in found if name))
        return (list if list in kinds else bool if kinds == {bool} else str), "|".join(names) or None
    return str, {int: "N", float: "X"}.get(annotation, "TEXT")


def _parameter(name: str, kind: Any, info: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    chosen = inspect.Parameter.empty if default is ... else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=chosen, annotation=Annotated[kind, info])


def _flags() -> list[inspect.Parameter]:
    texts = {
        "dry_run": "Say what would be done and why, and do nothing.",
        "quiet": "Say nothing but errors.",
        "json": "Print the result as JSON.",
    }
    return [
        _parameter(
            name, bool, typer.Option(f"--{name.replace('_', '-')}", help=text, rich_help_panel="Execution"), False
        )
        for name, text in texts.items()
    ]


def option_names(stage: Stage) -> list[str]:
    """The stage's own options as written on the command line."""
    positional = set(marked(stage.config, PathMarker)) if stage.takes == "sources" else set()
    return [f"--{name.replace('_', '-')}" for name in stage.config.model_fields if name not in positional]


def _written(default: Any) -> str:
    """A default as it is written on the command line."""
    if isinstance(default, list | tuple):
        return " ".join(map(str, default))
    return "" if default is None else str(default).replace("\n", "\\n")


def option_rows(stage: Stage) -> list[tuple[str, str, str]]:
    """Every option of a stage: its name, its default, what it means."""
    rows = []
    for name, info in stage.config.model_fields.items():
        kind, metavar = _kind(info.annotation)
        default = "required" if info.is_required() else _written(info.default)
        shown = f"--{name.replace('_', '-')}" + ("" if kind is bool else f" {metavar}")
        rows.append((shown, default, info.description or ""))
    return rows


def spread_lists(arguments: list[str], stage: Stage) -> list[str]:
    """`--target A B` becomes `--target A --target B`, which is what click understands."""
    lists = {
        f"--{name.replace('_', '-')}"
        for name, info in stage.config.model_fields.items()
        if _kind(info.annotation)[0] is list
    }
    spread: list[str] = []
    current = None
    for i, argument in enumerate(arguments):
        if argument.startswith("-"):
            current = argument if argument in lists else None
            spread.append(argument)
        elif current and arguments[i - 1] != current:
            spread += [current, argument]
        else:
            spread.append(argument)
    return spread
