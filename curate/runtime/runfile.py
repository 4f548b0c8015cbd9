"""Run files: steps of a pipeline in YAML, checked against the models of the stages.

Every message names the line of the file, or the `--set`, that it is about. Paths are relative to
the run file, those given by `--set` too, since they stand in for values of the file.
"""

from __future__ import annotations

import difflib
import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from yaml.constructor import SafeConstructor

from curate.errors import UsageError
from curate.stage import CorpusMarker, FileMarker, ModelMarker, PathMarker, StageConfig, marked

_KEYS = ("steps", "execution")
_COMMON_PATHS = ("to", "corpus", "sources")
_NULL = "tag:yaml.org,2002:null"
_STANDARD = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Step:
    """One verb with its options, the common ones among them. `name` is its `as`, or else the verb."""

    verb: str
    name: str
    options: dict[str, Any]
    line: int


@dataclass(frozen=True)
class RunFile:
    """The steps in order, and the options of execution as given."""

    steps: list[Step]
    execution: dict[str, Any]


@dataclass(frozen=True)
class _Given:
    """A value as it was written, and where: "demo.yaml:7" or "--set dedup.threshold=2"."""

    node: yaml.Node
    where: str


@dataclass(frozen=True)
class _Draft:
    verb: str
    line: int
    where: str
    options: dict[str, _Given]

    @property
    def name(self) -> str:
        given = self.options.get("as")
        return str(given.node.value) if given else self.verb


def load(
    path: str,
    verbs: Mapping[str, type[StageConfig]],
    common: type[BaseModel],
    overrides: Sequence[str] = (),
    execution: type[BaseModel] | None = None,
) -> RunFile:
    """Read a run file and check it against the models of the verbs and of the options that all steps share.

    overrides: `NAME.option=value`, NAME being a step's `as`, its verb, or `execution`; the value is YAML.
    Options whose type is text get what is written, so that `as: 2024` and `max_errors: 5` need no quotes.
    Raises UsageError with all that is wrong, a line each.
    """
    drafts, settings = _drafts(path, verbs)
    for text in overrides:
        _override(text, drafts, settings)
    problems: list[str] = []
    folder = os.path.dirname(os.path.abspath(path))
    steps = [_step(draft, verbs[draft.verb], common, folder, problems) for draft in drafts]
    values = _checked("execution", settings, path, [execution] if execution else [], problems)
    if problems:
        raise UsageError("\n".join(problems))
    return RunFile(steps, values)


def schema(
    verbs: Mapping[str, type[StageConfig]], common: type[BaseModel], execution: type[BaseModel]
) -> dict[str, Any]:
    """The JSON Schema (2020-12) of run files, for editors."""
    definitions: dict[str, Any] = {}
    shared = _object("common", common, definitions)["properties"]
    steps = []
    for verb, config in verbs.items():
        options = _object(verb, config, definitions)
        options["properties"] = {**shared, **options["properties"]}
        value = options if options.get("required") else {"anyOf": [options, {"type": "null"}]}
        steps.append(_closed({verb: value}, [verb], options.get("description")))
    properties = {
        "steps": {"type": "array", "minItems": 1, "items": {"oneOf": steps}},
        "execution": _object("execution", execution, definitions),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run file of curate",
        **_closed(properties, ["steps"], None),
        "$defs": definitions,
    }


# --- the document ---------------------------------------------------------------------------------


def _drafts(path: str, verbs: Iterable[str]) -> tuple[list[_Draft], dict[str, _Given]]:
    """The steps and the options of execution as they stand in the file."""
    root = _document(path)
    parts = _entries(root, path, f"{path}: a run file")
    for name, given in parts.items():
        if name not in _KEYS:
            raise _error(given.where, _unknown("key", name, _KEYS))
    if "steps" not in parts:
        raise _error(path, "`steps` is missing; list the verbs to run, such as `- dedup: {threshold: 0.8}`")
    steps = parts["steps"]
    if not isinstance(steps.node, yaml.SequenceNode) or not steps.node.value:
        raise _error(steps.where, "`steps` must be a list with at least one step, such as `- dedup: {threshold: 0.8}`")
    settings = parts.get("execution")
    return (
        [_draft(node, path, verbs) for node in steps.node.value],
        _entries(settings.node, path, f"{settings.where}: execution") if settings else {},
    )


def _document(path: str) -> yaml.Node:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise _error(path, f"cannot be read: {getattr(problem, 'strerror', None) or problem}") from None
    root = _parsed(text, path)
    if root is None:
        raise _error(path, "is empty; a run file has `steps`")
    return root


def _parsed(text: str, path: str) -> Any:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        raise _error(
            f"{path}:{mark.line + 1}" if mark else path, f"not YAML: {problem.problem or problem.context}"
        ) from None
    except yaml.YAMLError as problem:
        raise _error(path, f"not YAML: {problem}") from None


def _draft(node: yaml.Node, path: str, verbs: Iterable[str]) -> _Draft:
    where = _where(path, node)
    if isinstance(node, yaml.ScalarNode) and node.value in verbs:
        raise _error(where, f"a step without options is written `- {node.value}: {{}}`")
    found = _entries(node, path, f"{where}: a step")
    if len(found) != 1:
        names = ", ".join(f"'{name}'" for name in found) or "none"
        raise _error(where, f"a step is one verb, found {names}; indent options below their verb")
    ((verb, given),) = found.items()
    if verb not in verbs:
        raise _error(given.where, _unknown("verb", verb, verbs))
    return _Draft(verb, node.start_mark.line + 1, where, _entries(given.node, path, f"{given.where}: {verb}"))


def _entries(node: yaml.Node, path: str, what: str) -> dict[str, _Given]:
    """A mapping's values by key; nothing at all is an empty one."""
    if node.tag == _NULL:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{what} must be a mapping, such as `threshold: 0.8`, but is '{_shown(node)}'")
    entries: dict[str, _Given] = {}
    for key, value in node.value:
        name = str(key.value)
        where = _where(path, key)
        if name in entries:
            raise _error(where, f"'{name}' is given twice, first at {entries[name].where}; keep one")
        entries[name] = _Given(value, where)
    return entries


def _where(path: str, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _shown(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else "a list"


# --- overrides ------------------------------------------------------------------------------------


def _override(text: str, drafts: list[_Draft], settings: dict[str, _Given]) -> None:
    """Put the value of one `--set` in the place of the file's."""
    where = f"--set {text}"
    left, equals, value = text.partition("=")
    name, dot, option = left.partition(".")
    if not (equals and dot and name and option):
        raise _error(where, "write NAME.option=value, such as dedup.threshold=0.7")
    node = _parsed(value, where) or yaml.ScalarNode(_NULL, "")
    options = settings if name == "execution" else _addressed(name, drafts, where).options
    options[option] = _Given(node, where)


def _addressed(name: str, drafts: list[_Draft], where: str) -> _Draft:
    """The one step with that `as`, or else the one with that verb."""
    named = [draft for draft in drafts if "as" in draft.options and draft.name == name]
    found = named or [draft for draft in drafts if draft.verb == name]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"{draft.name} (line {draft.line})" for draft in found or drafts)
    if found:
        raise _error(where, f"'{name}' may be any of {shown}; tell them apart by `as`")
    close = difflib.get_close_matches(name, [draft.name for draft in drafts], 1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise _error(where, f"there is no step '{name}'; {hint}the steps are {shown}, and there is execution")


# --- checks ---------------------------------------------------------------------------------------


def _step(draft: _Draft, config: type[StageConfig], common: type[BaseModel], folder: str, problems: list[str]) -> Step:
    values = _checked(draft.verb, draft.options, draft.where, [config, common], problems, _resolvers(config, folder))
    return Step(draft.verb, draft.name, values, draft.line)


def _checked(
    title: str,
    options: dict[str, _Given],
    where: str,
    models: list[type[BaseModel]],
    problems: list[str],
    resolvers: Mapping[str, Callable[[str], str]] | None = None,
) -> dict[str, Any]:
    """The values of options, after each model has seen those that are its own; what is wrong joins `problems`.

    Without a model nothing is checked. A name that several models have is the first one's.
    """
    fields = {_key(name, info): info for model in reversed(models) for name, info in model.model_fields.items()}
    claimed: set[str] = set()
    values: dict[str, Any] = {}
    for name, given in options.items():
        if models and name not in fields:
            problems.append(f"{given.where}: {title}: {_unknown('option', name, fields)}")
        else:
            value = _value(given, _is_text(fields[name].annotation) if models else False)
            resolve = (resolvers or {}).get(name)
            values[name] = _each(value, resolve) if resolve else value
    for model in models:
        own = {_key(name, info) for name, info in model.model_fields.items()} - claimed
        claimed |= own
        for problem in _errors(model, {name: value for name, value in values.items() if name in own}):
            name, text = problem
            at = options[name].where if name in options else where
            problems.append(f"{at}: {title}: {text}")
    return values


def _errors(model: type[BaseModel], values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The option and the message of everything that a model refuses."""
    try:
        model.model_validate(values)
    except ValidationError as problem:
        for item in problem.errors():
            name = str(item["loc"][0]) if item["loc"] else ""
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] == "missing":
                yield name, f"option '{name}' is missing"
            elif item["type"] == "list_type":
                yield name, f"{name} {item['input']!r}: it must be a list, such as `{name}: [{item['input']}]`"
            else:
                yield name, f"{name} {item['input']!r}: {message}" if name else message


def _key(name: str, info: FieldInfo) -> str:
    return info.alias or name


def _value(given: _Given, text: bool) -> Any:
    """A node as plain Python; with `text`, scalars as they are written."""
    node = given.node
    if text and isinstance(node, yaml.SequenceNode):
        return [_value(_Given(item, given.where), text) for item in node.value]
    if text and isinstance(node, yaml.ScalarNode) and node.tag.startswith(_STANDARD) and node.tag != _NULL:
        return node.value
    _refuse_twins(node, given.where, set())
    try:
        return SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as problem:
        raise _error(given.where, f"not plain YAML: {problem.problem}") from None


def _refuse_twins(node: yaml.Node, where: str, seen: set[int]) -> None:
    """Refuse mappings inside a value that have a key twice."""
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        names = [str(key.value) for key, _ in node.value]
        twins = {name for name in names if names.count(name) > 1}
        if twins:
            raise _error(where, f"'{min(twins)}' is given twice; keep one")
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            _refuse_twins(part, where, seen)


def _is_text(annotation: Any) -> bool:
    """Whether a type takes nothing but strings, lists of strings and null."""
    return set(_leaves(annotation)) - {NoneType} == {str}


def _leaves(annotation: Any) -> Iterator[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        yield from map(type, arguments)
    elif origin is None:
        yield annotation
    elif hasattr(annotation, "__metadata__"):
        yield from _leaves(arguments[0])
    elif origin is dict:
        yield origin
    else:
        for argument in arguments:
            yield from _leaves(argument)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}"
    return f"unknown {what} '{name}'; {hint}"


def _error(where: str, message: str) -> UsageError:
    return UsageError(f"{where}: {message}")


# --- paths ----------------------------------------------------------------------------------------


def _resolvers(config: type[StageConfig], folder: str) -> dict[str, Callable[[str], str]]:
    """How each option that names paths is read, seen from the run file's folder."""

    def plain(value: str) -> str:
        value = os.path.expanduser(value)
        return value if "://" in value else os.path.normpath(os.path.join(folder, value))

    def existing(value: str) -> str:
        if value in ModelMarker.KEYWORDS:
            return value
        path = plain(value)
        there = os.path.exists(path) or glob.glob(path, recursive=True) or os.path.exists(path.rpartition("#")[0])
        return path if there else value

    def named(value: str) -> str:
        name, equals, path = value.partition("=")
        return f"{name}={plain(path)}" if equals and os.sep not in name else plain(value)

    found: dict[str, Callable[[str], str]] = dict.fromkeys(_COMMON_PATHS, plain)
    found["corpora"] = named
    markers = ((FileMarker, plain), (PathMarker, plain), (ModelMarker, existing), (CorpusMarker, named))
    for marker, resolve in markers:
        found.update(dict.fromkeys(marked(config, marker), resolve))
    return found


def _each(value: Any, resolve: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_each(item, resolve) for item in value]
    return resolve(value) if isinstance(value, str) else value


# --- schema ---------------------------------------------------------------------------------------


def _object(prefix: str, model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    """A model's schema; what it refers to goes to `definitions`, under names that begin with the prefix."""
    found = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{prefix}.{{model}}")
    definitions.update({f"{prefix}.{name}": item for name, item in found.pop("$defs", {}).items()})
    return {**found, "additionalProperties": False}


def _closed(properties: dict[str, Any], required: list[str], description: str | None) -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {
        "type": "object",
        **told,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
