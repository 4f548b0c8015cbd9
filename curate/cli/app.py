"""The command line: every verb, and the one place where errors become exit statuses."""

from __future__ import annotations

import os
import signal
import sys

import typer

from curate.errors import CurateError

PANELS = ("bring in", "annotate", "select", "send out", "look")


def build() -> typer.Typer:
    """The whole application: a command for each stage, then those that look."""
    from curate.cli import look, recipe
    from curate.cli.verbs import command
    from curate.stages import stages

    app = typer.Typer(
        name="curate",
        help="Turn raw text into a pretraining corpus: ingest, deduplicate, embed, cluster, score, mix, export.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    ordered = sorted(stages().values(), key=lambda stage: PANELS.index(stage.panel))
    for stage in ordered:
        app.command(stage.name, rich_help_panel=stage.panel)(command(stage))
    recipe.add(app)
    look.add(app)
    return app


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 a bug, 2 usage, 3 bad data, 4 incomplete, 130 interrupted."""
    arguments = sys.argv[1:]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from curate.cli.verbs import spread_lists
        from curate.stages import stages

        if arguments and arguments[0] in stages():
            arguments = [arguments[0], *spread_lists(arguments[1:], stages()[arguments[0]])]
        build()(arguments, standalone_mode=False)
    except CurateError as problem:
        _fail(f"curate: {problem}", problem.status)
    except KeyboardInterrupt:
        _fail("curate: interrupted; what is finished is kept, and the same command continues", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as problem:
        if (shown := getattr(problem, "show", None)) is not None:
            shown()
            sys.exit(getattr(problem, "exit_code", 2))
        if type(problem).__name__ == "Abort":
            _fail("curate: interrupted; what is finished is kept, and the same command continues", 130)
        raise
    sys.exit(0)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _fail(message: str, status: int) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    sys.exit(status)
