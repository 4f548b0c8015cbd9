"""Turn raw text into a pretraining corpus. `curate.open(path)` reads one from Python."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate.runtime.opened import Opened

__version__ = "0.1.0"


def open(path: str | os.PathLike[str]) -> Opened:
    """Open a finished corpus for reading. Raises `curate.errors.UsageError` where there is none."""
    from curate.runtime.opened import Opened

    return Opened(path)
