"""A plan: everything a task needs to know, as plain JSON, decided before anything runs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from curate.errors import UsageError
from curate.runtime.checks import check_circle, check_existing, check_names, check_outside, check_place
from curate.runtime.fingerprint import absolute_options, digest, resolved_options, without_alarms
from curate.runtime.inputs import Input, carried_layers, read_inputs, read_old, wanted_columns
from curate.runtime.likewise import check_likewise
from curate.runtime.old import old_corpora
from curate.stage import DecisionMarker, InputShard, PathMarker, SourceFile, Stage, StageConfig, marked
from curate.storage import sources
from curate.storage.corpus import DOCUMENTS, Corpus, Generation
from curate.storage.manifest import Manifest
from curate.storage.schema import FORMAT

RUNTIME_COLUMNS = ("shard", "row", "corpus")
SURVEY_BYTES = 2 << 30
SURVEY_SHARDS = 64
SURVEY_LEAST = 16 << 20
PART_ROWS = 4_000_000
MOST_PARTS = 1024
EVERYTHING = ("*",)


@dataclass(frozen=True)
class Request:
    """What a command asks for beside its stage's options.

    corpora: (name, path) of each input corpus. layer: the name of the layer to make, the stage's own by default.
    to: the corpus or folder to write. carry: layers to bring along ("all", "none" or names).
    shard_bytes: None is automatic.
    """

    corpora: tuple[tuple[str, str], ...] = ()
    layer: str | None = None
    to: str | None = None
    where: str | None = None
    carry: str | None = None
    replace: bool = False
    shard_bytes: int | None = None


@dataclass(frozen=True)
class Plan:
    """Plain values only. `shards` are the input's, `slices` what a corpus or files are made from.

    `old` are the shards of corpora read beside the input, numbered after the input's own. `likewise_bytes`: what the
    models take by which a census puts other documents through other stages. `again`: whether the previous generation
    differs in decisions alone.
    """

    stage: str
    makes: str
    target: str
    layer: str
    fingerprint: str
    generation: str
    previous: str | None
    options: dict[str, Any]
    where: str | None
    shard_bytes: int
    parts: int
    inputs: list[Input]
    shards: list[dict[str, Any]]
    causes: list[str]
    slices: list[dict[str, Any]]
    runs: list[list[int]]
    old: list[dict[str, Any]]
    old_inputs: list[Input]
    old_runs: list[list[int]]
    carried: dict[str, list[str]]
    contents: dict[str, str]
    settings: dict[str, Any]
    sources: list[str] = field(default_factory=list)
    source_bytes: int = 0
    likewise_bytes: int = 0
    again: bool = False

    @property
    def folder(self) -> Path:
        """Where the manifest goes."""
        return Path(self.target) if self.makes == "files" else Path(self.target) / self.layer

    @property
    def output(self) -> Generation:
        return Generation((self.folder / ".curate" if self.makes == "files" else self.folder) / self.generation)

    def beside(self, generation: str) -> Generation:
        """Another generation of the layer."""
        return Generation(self.output.folder.parent / generation)

    @property
    def rows(self) -> int:
        return sum(shard["rows"] for shard in self.shards)

    @property
    def bytes(self) -> int:
        return sum(shard["bytes"] for shard in self.shards)

    @property
    def tokens(self) -> int:
        return sum(shard["tokens"] for shard in self.shards)

    @property
    def title(self) -> str:
        return (
            self.stage
            if self.layer in (self.stage, DOCUMENTS) or self.makes != "layer"
            else f"{self.stage} as {self.layer}"
        )

    def dumps(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def loads(text: str) -> Plan:
        value = json.loads(text)
        for name in ("inputs", "old_inputs"):
            value[name] = [Input(**item) for item in value[name]]
        return Plan(**value)


def make(stage: Stage, config: StageConfig, request: Request, known: Callable[[], dict[str, Stage]]) -> Plan:
    """Decide everything. Raises UsageError for what cannot be made, with the next step."""
    as_given, config = config, without_alarms(config)
    corpora = [(name, Corpus(path)) for name, path in request.corpora]
    target, layer = _target(stage, request, corpora)
    carried = carried_layers(stage, request.carry, corpora)
    inputs, shards, contents = read_inputs(stage, corpora, wanted_columns(stage, config, request.where), carried, known)
    alike = [column for census in stage.before if census.likewise for column in census.likewise(config)]
    likewise_bytes = sum(check_likewise(inputs[0], column, known()) for column in alike)
    old_inputs, old, old_contents = read_old(stage, config, layer, target)
    if stage.makes == "layer":
        check_circle(corpora[0][1], layer, contents)
        check_names(stage, config, corpora[0][1], layer)
        if stage.about and stage.check:
            stage.check(config, contents[inputs[0].columns[stage.about(config)]])
    files = sources.listing(_patterns(config)) if stage.takes == "sources" else []
    check_outside(target, _patterns(config), files)
    total = sum(file.size * (4 if _compressed(file.path) else 1) for file in files) or sum(s["bytes"] for s in shards)
    shard_bytes = request.shard_bytes or automatic_shard_bytes(total)
    contents |= old_contents
    settings = _settings(stage, config, request, carried, shard_bytes)
    listed = [[file.relative, file.size, file.stamp] for file in files]
    kind = {"format": FORMAT, "stage": stage.name, "revision": stage.revision, "layer": layer, "settings": settings}
    mark = digest([kind, contents, listed])
    slices = _slices(stage, config, files, shards, shard_bytes)
    plan = Plan(
        stage=stage.name,
        makes=stage.makes,
        target=str(target),
        layer=layer,
        fingerprint=mark,
        generation=mark[:12],
        previous=None,
        options=absolute_options(as_given, settings["options"]),
        where=request.where,
        shard_bytes=shard_bytes,
        parts=_parts(stage, config, [*shards, *old], total),
        inputs=inputs,
        shards=shards,
        causes=_causes(
            kind, stage, shards, slices, {file.path: entry for file, entry in zip(files, listed, strict=True)}
        ),
        slices=slices,
        runs=_runs(shards),
        old=old,
        old_inputs=old_inputs,
        old_runs=_runs(old),
        carried=carried,
        contents=contents,
        settings=settings,
        sources=_sources(stage, config, target, corpora),
        source_bytes=sum(file.size for file in files),
        likewise_bytes=likewise_bytes,
    )
    existing = existing_manifest(plan)
    check_existing(stage, plan, existing, request)
    if existing and existing.generation != plan.generation:
        plan = replace(plan, previous=existing.generation, again=_decides_again(stage, plan, existing))
    return plan


def _decides_again(stage: Stage, plan: Plan, existing: Manifest) -> bool:
    """Whether a layer that stands differs from the one planned in decisions alone."""
    if not stage.again or existing.revision != stage.revision or existing.carried or existing.inputs != plan.contents:
        return False
    decisions = set(marked(stage.config, DecisionMarker))

    def searched(settings: dict[str, Any]) -> dict[str, Any]:
        options = {name: value for name, value in settings["options"].items() if name not in decisions}
        return {**settings, "options": options}

    return searched(existing.options) == searched(plan.settings)


def _settings(
    stage: Stage, config: StageConfig, request: Request, carried: Mapping[str, Any], shard_bytes: int
) -> dict[str, Any]:
    """What of a request decides about bytes, beside the inputs."""
    return {
        "options": resolved_options(config),
        "where": request.where,
        "carry": sorted(carried),
        "shard_bytes": shard_bytes if stage.makes == "corpus" else None,
        "names": [name for name, _ in request.corpora] if stage.takes == "corpora" else None,
    }


def _slices(
    stage: Stage, config: StageConfig, files: list[SourceFile], shards: list[dict], shard_bytes: int
) -> list[dict[str, Any]]:
    if stage.slices is None:
        return []
    given = files if stage.takes == "sources" else [_input_shard(shard) for shard in shards]
    return [{**item, "index": i} for i, item in enumerate(stage.slices(given, config, shard_bytes))]


def automatic_shard_bytes(total: int) -> int:
    """About a 64th of the input, between 16 and 128 MiB: a power of two, so that a few more files change no cut."""
    return 1 << min(max((total // 64).bit_length(), 24), 27)


def contents_out(plan: Plan, manifest: Manifest) -> tuple[int, int]:
    """Estimated tokens and bytes of the documents that a result holds: those of the text it annotates, for a layer."""
    if plan.makes == "corpus":
        return manifest.tokens, manifest.bytes
    return plan.tokens, manifest.bytes if plan.makes == "files" else plan.bytes


def existing_manifest(plan: Plan) -> Manifest | None:
    """The manifest where the plan's result will be."""
    from curate.storage import manifest

    return manifest.read(plan.folder)


def _patterns(config: StageConfig) -> list[str]:
    return [path for name in marked(type(config), PathMarker) for path in getattr(config, name)]


def _compressed(path: str) -> bool:
    return path.endswith((".gz", ".zst", ".bz2", ".xz"))


def _target(stage: Stage, request: Request, corpora: list[tuple[str, Corpus]]) -> tuple[Path, str]:
    if stage.makes == "layer":
        layer = request.layer or stage.name
        if not re.fullmatch(r"[a-z][a-z0-9_]*", layer):
            raise UsageError(f"--as '{layer}': a layer's name is lower-case letters, digits and _, a letter first")
        if layer == DOCUMENTS:
            raise UsageError(f"--as '{layer}': that is the name of the text itself; choose another")
        return corpora[0][1].path, layer
    if not request.to:
        raise UsageError(f"{stage.name}: --to is missing; name the folder to write")
    target = Corpus(request.to).path
    for _, corpus in corpora:
        if corpus.path == target:
            raise UsageError(
                f"--to {target}: that is the corpus being read; a corpus never changes, name another folder"
            )
    check_place(target, stage.makes)
    return target, DOCUMENTS


def _sources(stage: Stage, config: StageConfig, target: Path, corpora: list[tuple[str, Corpus]]) -> list[str]:
    if stage.takes == "sources":
        return sorted(os.path.relpath(pattern, target) for pattern in _patterns(config))
    if stage.makes == "layer":
        return [os.path.relpath(Corpus(folder).path, target) for _, folder in old_corpora(config)]
    return sorted(os.path.relpath(corpus.path, target) for _, corpus in corpora)


def _input_shard(shard: dict[str, Any]) -> InputShard:
    return InputShard(shard["index"], shard["corpus"], shard["name"], shard["rows"], shard["bytes"])


def _parts(stage: Stage, config: StageConfig, shards: list[dict[str, Any]], listed: int) -> int:
    if stage.parts:
        return stage.parts([_input_shard({**shard, "index": i}) for i, shard in enumerate(shards)], config)
    rows = sum(shard["rows"] for shard in shards) or listed // 2000
    return min(max(rows // PART_ROWS, 1), MOST_PARTS)


def _runs(shards: list[dict[str, Any]]) -> list[list[int]]:
    """Cut the shards into survey tasks: about 64 tasks or more, but none of less than 16 MiB of text, more than
    2 GiB or more than 64 shards."""
    most = min(max(len(shards) // SURVEY_SHARDS, 1), SURVEY_SHARDS)
    runs: list[list[int]] = []
    size = 0
    for i, shard in enumerate(shards):
        held = i - runs[-1][0] if runs else SURVEY_SHARDS
        enough = held >= SURVEY_SHARDS or (held >= most and size >= SURVEY_LEAST)
        if enough or size + shard["bytes"] > SURVEY_BYTES:
            runs.append([i, i])
            size = 0
        runs[-1][1] = i + 1
        size += shard["bytes"]
    return runs


def _causes(
    kind: dict[str, Any],
    stage: Stage,
    shards: list[dict[str, Any]],
    slices: list[dict[str, Any]],
    listed: dict[str, list[Any]],
) -> list[str]:
    """What each shard or slice of the result hangs on, before any census: equal causes and models, equal results."""
    if stage.makes == "layer":
        return [digest([kind, shard["digests"]])[:32] for shard in shards]
    causes = []
    for piece in slices:
        plain = {key: value for key, value in piece.items() if key != "index"}
        plain = _with_stamps(plain, listed)
        read = [shards[i]["digests"] for i in piece.get("shards", ())]
        causes.append(digest([kind, plain, read])[:32])
    return causes


def _with_stamps(value: Any, listed: dict[str, list[Any]]) -> Any:
    if isinstance(value, dict):
        return {key: _with_stamps(item, listed) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_stamps(item, listed) for item in value]
    return listed.get(value, value) if isinstance(value, str) else value
