"""JSON Lines as the standard library writes them."""

from __future__ import annotations

import json


def line(row: dict) -> bytes:
    return (json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
