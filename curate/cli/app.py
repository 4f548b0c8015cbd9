"""The command line: every verb, and the one place where errors become exit statuses."""

from __future__ import annotations

import errno
import os
import signal
import sys

import typer

from curate.errors import CurateError

INTERRUPTED_STATUS = 130
INTERRUPTED = "curate: interrupted; what is finished is kept, and the same command continues"
SURROUNDINGS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR)
PANELS = ("bring in", "annotate", "select", "send out", "look")


def build(verb: str | None = None) -> typer.Typer:
    """The application; with a verb that is a stage, that command alone, so that it starts sooner."""
    from curate.cli.verbs import command
    from curate.stages import ALL, load, stages

    app = typer.Typer(
        name="curate",
        help="Turn raw text into a pretraining corpus: ingest, deduplicate, embed, cluster, score, mix, export.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(lambda: None)  # a lone command would lose its name without it
    known = [load(verb)] if verb in ALL else stages().values()
    for stage in sorted(known, key=lambda stage: PANELS.index(stage.panel)):
        app.command(stage.name, rich_help_panel=stage.panel)(command(stage))
    if verb not in ALL:
        from curate.cli import look, recipe

        recipe.add(app)
        look.add(app)
    return app


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a bug, 2 usage, 3 bad data, 4 incomplete, 130 interrupted."""
    arguments = sys.argv[1:]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = build(arguments[0] if arguments else None)(_spread(arguments), standalone_mode=False)
        if status == INTERRUPTED_STATUS:  # typer makes an interruption a status of its own
            raise KeyboardInterrupt
    except CurateError as problem:
        _fail(f"curate: {problem}", problem.status)
    except KeyboardInterrupt:
        _fail(INTERRUPTED, INTERRUPTED_STATUS)
    except BrokenPipeError:
        _forget_output()
    except SystemExit as end:
        if end.code != 1:
            raise
        _forget_output()  # typer ends so where the reader of standard output has gone
    except OSError as problem:
        if problem.errno not in SURROUNDINGS:
            raise
        _fail(f"curate: {problem.filename or 'the system'}: {problem.strerror}", 2)
    except Exception as problem:
        if type(problem).__name__ == "Abort":
            _fail(INTERRUPTED, INTERRUPTED_STATUS)
        if (shown := getattr(problem, "show", None)) is None:
            raise
        shown()
        sys.exit(getattr(problem, "exit_code", 2))
    sys.exit(0)


def _forget_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _spread(arguments: list[str]) -> list[str]:
    from curate.cli.verbs import spread_lists
    from curate.stages import ALL, load, stages

    if not arguments or arguments[0] not in (stages() if os.environ.get("CURATE_STAGES") else ALL):
        return arguments
    return [arguments[0], *spread_lists(arguments[1:], load(arguments[0]))]


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _fail(message: str, status: int) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    sys.exit(status)
