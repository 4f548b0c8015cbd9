"""Every error a user can cause, each with the exit status that the command line gives it."""

from __future__ import annotations


class CurateError(Exception):
    """Base of all errors that are reported as one message, without a traceback."""

    status = 1


class UsageError(CurateError):
    """The command, an option, a run file or the state of a corpus is not what it must be."""

    status = 2


class DataError(CurateError):
    """The data are bad beyond what `--max-errors` allows, or a check of them failed."""

    status = 3


class IncompleteError(CurateError):
    """Some tasks failed; what is finished is kept and the same command continues."""

    status = 4
