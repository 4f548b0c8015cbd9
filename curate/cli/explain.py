"""`curate explain`: the history of one document, and the pairs of a deduplication."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from curate.cli.printing import emit_json, number, size, table
from curate.errors import counted

MARKS = {"same": ("", ""), "first": ("[-", "-]"), "second": ("{+", "+}"), "skipped": (" ... ", " ... ")}
COLOURS = {"first": "31", "second": "32", "skipped": "2"}
LINES = 8


def explain(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="The corpus to look at.")],
    document: Annotated[str, typer.Argument(metavar="ID", help="The document's id; `curate show` has them.")],
    named: Annotated[int, typer.Option("--number", "-n", min=1, help="How many of its duplicates to list.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """A document's history: what every layer says of it, what it duplicates and how the two differ, whence it came.

    For an id that is not in the corpus, where it went: rejected, not chosen, or left out by a step before.
    """
    from curate.runtime.history import history

    found = history(corpus, document, named)
    if json:
        emit_json(found)
        return
    for line in _gone(found) if not found["found"] else _lines(found):
        print(line)


def show_pairs(corpus: str, count: int, where: str | None, as_json: bool) -> None:
    """Print the first pairs of every deduplication that an expression selects."""
    from curate.runtime.status import pairs
    from curate.storage.corpus import Corpus

    found = pairs(Corpus(corpus), count, where)
    if as_json:
        emit_json(found)
        return
    rows = [
        (
            row["layer"],
            row["kind"],
            _similarity(row["similarity"]),
            row["id"],
            row["source"] or "",
            row["of"],
            row["of_source"] or row["of_corpus"] or "",
        )
        for row in found
    ]
    headings = ("layer", "kind", "similarity", "removed", "of source", "duplicates", "of source or corpus")
    print(
        table(headings, rows, right=(2,))
        if rows
        else "no pair is chosen"
        if where
        else "no document duplicates another"
    )


def show_matches(corpus: str, count: int, where: str | None, as_json: bool) -> None:
    """Print the first leaks of every decontamination that an expression selects, the texts of both sides."""
    from curate.runtime.status import matches
    from curate.storage.corpus import Corpus

    found = matches(Corpus(corpus), count, where)
    if as_json:
        emit_json(found)
        return
    for row in found:
        how = f"has {row['span']} of {row['tokens']} tokens of"
        if row["span"] is None:
            how = f"has a cosine of {row['similarity']:.4f} with"
        print(f"{row['layer']}: {row['id']} ({row['source']}) {how} {row['item']}")
        for name, text in (("document", row["text"]), ("item", row["item_text"])):
            print(f"  {name}:")
            for line in _quoted(text, len(text)):
                print(line)
    if not found:
        print("no match is chosen" if where else "no document holds an item of a benchmark")


def _similarity(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


# --- a document that is there ---------------------------------------------------------------------


def _lines(found: dict[str, Any]) -> Iterator[str]:
    document = found["document"]
    yield f"{found['id']}"
    yield f"  in {found['corpus']}, shard {document['shard']}, row {number(document['row'])}"
    for name, value in document.items():
        if name not in ("shard", "row", "characters", "text") and value is not None:
            yield f"  {name}: {number(value) if name == 'bytes' else _shown(value)}"
    yield "  text:"
    yield from _quoted(document["text"], document["characters"])
    for layer in found["layers"]:
        yield ""
        yield from _layer(layer, found["id"])
    yield ""
    yield from _taken_out(found["spans"])
    yield from _came_from(found["came_from"])


def _shown(value: Any) -> str:
    text = _harmless(f"{value:.6g}" if isinstance(value, float) else str(value))
    return text if len(text) <= 300 else f"{text[:300]} ... ({number(len(text))} characters)"


def _harmless(text: str) -> str:
    """Without what would move a terminal's cursor or change its colours."""
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode() for sign in text
    )


def _quoted(text: str, characters: int, indent: str = "    ") -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, 160) - len(indent)
    wrapped = [part for line in _harmless(text).splitlines() for part in textwrap.wrap(line, width) or [""]]
    for line in wrapped[:LINES]:
        yield f"{indent}{line}".rstrip()
    if len(wrapped) > LINES or characters > len(text):
        yield f"{indent}... ({number(characters)} characters in all)"


def _layer(layer: dict[str, Any], identity: str) -> Iterator[str]:
    made = "" if layer["stage"] == layer["layer"] else f" (made by {layer['stage']})"
    yield f"{layer['layer']}{made}: {layer['state']}"
    for name, value in layer["values"].items():
        yield f"  {name}: {'null' if value is None else _shown(value)}"
    if rejected := layer.get("rejected"):
        yield f"  quarantined: {rejected['reason']}: {_shown(rejected['detail'])}"
    if duplicates := layer.get("duplicates"):
        stays = layer["values"].get(f"{layer['layer']}_keep") is True
        yield from _duplicates(duplicates, "is most like" if stays else "duplicates")
    if naming := layer.get("duplicated_by"):
        count = naming["count"]
        does = "duplicates" if count == 1 else "duplicate"
        yield f"  {counted(count, 'document')} here {does} it" + (":" if count else "")
        rows = [
            (row["id"], row["source"], size(row["bytes"]), _similarity(row["similarity"])) for row in naming["first"]
        ]
        if rows:
            yield textwrap.indent(table(("id", "source", "text", "similarity"), rows, right=(2, 3)), "    ")
        if naming["count"] > len(rows):
            yield f"    and {number(naming['count'] - len(rows))} more"


def _duplicates(found: dict[str, Any], verb: str) -> Iterator[str]:
    how = "" if found["similarity"] is None else f", similarity {_similarity(found['similarity'])}"
    yield f"  it {verb} {found['id']}{how}"
    if "problem" in found:
        yield f"    {found['problem']}"
        return
    yield f"    in {found['corpus']}, shard {found['shard']}, row {number(found['row'])}"
    yield f"    source: {found['source']}, {number(found['bytes'])} bytes"
    if found["same_text"]:
        yield "    the texts are the same"
    elif found["same_words"]:
        yield "    the texts differ in white space alone"
    else:
        yield "    how they differ: [-only in this one-] {+only in that one+}"
        yield textwrap.indent(_differing(found["difference"], sys.stdout.isatty()), "      ")


def _differing(pieces: list[dict[str, str]], coloured: bool) -> str:
    """The pieces in lines that fit, those of one text marked, and coloured on a terminal."""
    width = min(shutil.get_terminal_size().columns, 120) - 6
    shown: list[str] = []
    column = 0
    for piece in pieces:
        before, after = MARKS[piece["kind"]]
        text = _harmless(piece["text"])
        kept = text.rstrip() if piece["kind"] in ("first", "second") else text
        colour = COLOURS.get(piece["kind"]) if coloured else None
        shown.append(f"\x1b[{colour}m" if colour else "")
        for word in re.findall(r"\n|[^\S\n]+|\S+", f"{before}{kept}{after}{text[len(kept) :]}"):
            broken = word != "\n" and column > 0 and column + len(word) > width
            if broken:
                shown.append("\n")
                column = 0
            if not (broken and word.isspace()):
                shown.append(word)
                column = 0 if word == "\n" else column + len(word)
        shown.append("\x1b[0m" if colour else "")
    return "".join(shown).strip("\n")


def _taken_out(spans: dict[str, Any]) -> Iterator[str]:
    if not spans["count"]:
        return
    yield f"taken out of its text: {number(spans['count'])} stretches"
    for span in spans["first"]:
        stays = "" if span["of"] is None else f"; stood before in {span['of']} at byte {number(span['of_start'])}"
        yield f"  bytes {number(span['start'])} to {number(span['end'])}: {span['reason']}{stays}"
        if "text" in span:
            yield from _quoted(span["text"], len(span["text"]))
    if spans["count"] > len(spans["first"]):
        yield f"  and {number(spans['count'] - len(spans['first']))} more; `curate show CORPUS --spans` lists all"
    yield ""


def _came_from(found: dict[str, Any]) -> Iterator[str]:
    yield f"where it came from: {found['stage']}"
    if "files" in found:
        yield f"  files: {', '.join(found['files'])}"
    elif "problem" in found:
        yield f"  {found['id']} in {', '.join(found['corpora'])}"
        yield f"  {found['problem']}"
    else:
        yield f"  {found['id']} in {found['corpus']}, shard {found['shard']}, row {number(found['row'])}"
        yield f"  the text there is {'the same' if found['same_text'] else 'another'}"


# --- a document that is not -----------------------------------------------------------------------


def _gone(found: dict[str, Any]) -> Iterator[str]:
    gone = found["gone"]
    yield f"{found['id']} is not in {found['corpus']}"
    if rejected := gone.get("rejected"):
        yield f"  {gone['stage']} could not use it: {rejected['reason']}: {_shown(rejected['detail'])}"
        yield f"  {rejected['file']}, {rejected['unit']} {number(rejected['position'])}"
    elif "copies" in gone:
        yield f"  in {gone['into']}, made by {gone['stage']}, it is called: {', '.join(gone['copies'])}"
    else:
        yield f"  it is in {gone['corpus']}, shard {gone['shard']}, row {number(gone['row'])}"
        yield f"  and not in {gone['into']}: {gone['why']}"
