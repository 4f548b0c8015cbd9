"""Numba loops over NumPy arrays.

Numba's on-disk cache serves stale machine code when a helper in another file changes, so it is
kept in a folder named by everything the code depends on, set before numba is imported.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path


def cache_folder() -> Path:
    """The Numba cache of exactly these kernel files, this numba, this Python and this processor."""
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    for part in (version("numba"), version("llvmlite"), version("numpy"), sys.version, platform.machine()):
        total.update(part.encode() + b"\0")
    return _base() / "curate" / "kernels" / total.hexdigest()[:16]


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


os.environ["NUMBA_CACHE_DIR"] = str(cache_folder())
if "numba" in sys.modules:  # imported by somebody else before: the environment comes too late
    sys.modules["numba"].config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
