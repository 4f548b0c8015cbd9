"""Every error a user can cause, each with the exit status that the command line gives it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_NAMES = 30
_NEAREST = 8


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


def there_are(known: Iterable[str], name: str) -> str:
    """The names that an unknown one could have been: all of them or, of many, those most like it."""
    names = list(known)
    if len(names) <= _MOST_NAMES:
        return f"there are: {', '.join(names)}"
    near = difflib.get_close_matches(name, names, _NEAREST, 0.5)
    near += [other for other in names if name in other and other not in near]
    return f"there are {len(names)}, such as {', '.join((near or names)[:_NEAREST])}"


def counted(number: int, noun: str) -> str:
    """A number of things: `1 document`, `2,000 documents`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
