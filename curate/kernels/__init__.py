"""Numba loops over NumPy arrays.

Numba's on-disk cache serves stale machine code when a helper in another file changes, so `njit` is taken from here:
it keeps the code of a file in a folder named by everything that it depends on.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

_IMPORT = re.compile(rb"^from curate\.kernels(?:\.(\w+))? import (\([^)]*\)|.+)$", re.MULTILINE)


def njit(*arguments: Any, **options: Any) -> Any:
    """`numba.njit`, with the cache of the file that calls it."""
    import numba
    from numba.core import config

    config.CACHE_DIR = str(cache_folder(sys._getframe(1).f_globals["__name__"].rpartition(".")[2]))
    made = numba.njit(*arguments, **options)
    return _named_apart(made) if arguments else lambda function: _named_apart(made(function))


def _named_apart(dispatcher: Any) -> Any:
    """Give each piece of machine code a file name of its own.

    Numba numbers them, so of two processes that compile one function for different types at once each may write the
    file that the other's index names, and one would run machine code for other types.
    """
    file = getattr(dispatcher._cache, "_cache_file", None)  # none where nothing is cached
    if file is not None:
        numbered = file._data_name
        file._data_name = lambda number: numbered(number).removesuffix(".nbc") + f".{os.urandom(6).hex()}.nbc"
    return dispatcher


@functools.cache
def cache_folder(kernel: str | None = None) -> Path:
    """The cache of a kernel file and those it imports, or of all, with this numba, this Python and this processor."""
    names = _all() if kernel is None else _together(kernel)
    total = hashlib.sha256(_surroundings())
    for name in sorted(names):
        total.update(name.encode() + b"\0" + hashlib.sha256(_source(name)).digest())
    return _base() / "curate" / "kernels" / total.hexdigest()[:16]


@functools.cache
def _together(kernel: str) -> frozenset[str]:
    """The names of a kernel file, of those it imports, and of theirs."""
    found = {kernel}
    for module, names in _IMPORT.findall(_source(kernel)):
        imported = {module.decode()} if module else {name.decode() for name in re.findall(rb"\w+", names)}
        found.update(*(_together(name) for name in imported & _all()))
    return frozenset(found)


@functools.cache
def _all() -> frozenset[str]:
    return frozenset(path.stem for path in Path(__file__).parent.glob("*.py")) - {"__init__"}


@functools.cache
def _source(kernel: str) -> bytes:
    return (Path(__file__).parent / f"{kernel}.py").read_bytes()


@functools.cache
def _surroundings() -> bytes:
    libraries = [version(name) for name in ("numba", "llvmlite", "numpy")]
    return "\0".join([*libraries, sys.version, platform.machine()]).encode()


@functools.cache
def _base() -> Path:
    """The user's cache folder or, where that cannot be written, one of the user's alone among temporary files."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"))
    try:
        (home / "curate").mkdir(parents=True, exist_ok=True)
        if os.access(home / "curate", os.W_OK):
            return home
    except OSError:
        pass
    own = Path(tempfile.gettempdir()) / f"curate-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.stat().st_uid != os.getuid():  # machine code is loaded from it
        raise PermissionError(f"{own}: somebody else's folder; set XDG_CACHE_HOME to one of your own")
    return own
