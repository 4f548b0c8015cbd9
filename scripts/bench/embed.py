"""How well vectors tell what documents are about, against tf-idf and truncated SVD, and how fast the builtin ones come.

A mix is documents with a known label: the source they came from (editions of one manual are one source), or the
topic. k-means with as many clusters as there are labels, mean normalised mutual information over the seeds: the
builtin embedding; scikit-learn's tf-idf as it comes and 256 axes of it; and its tf-idf with sublinear counts and
without rare and frequent words. `sections` are the parts of one manual in one language; `manuals` are two manuals
in six languages, scored against the manual and against the language, which says which of both leads.

    python scripts/bench/embed.py --data DATA --megabytes 100
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import bench
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize

from curate.algorithms import embed
from curate.kernels import arrow

DIMENSIONS = 256
SAMPLE = 10_000
TRIES = 3
"""Starts of a k-means, of which the best counts."""
SHARED = ("de", "en", "fr", "ja", "ru", "zh")
"""The languages that both manuals are in."""


class Document(NamedTuple):
    """A text and what is known of it. part: the topic of a piece of news, the section of a manual."""

    text: str
    source: str
    part: str
    language: str


class Mix(NamedTuple):
    """Documents to be clustered, and what they are scored against, by the name of it; the first gives the clusters."""

    name: str
    texts: list[str]
    labels: dict[str, list[str]]


def lines(path: Path) -> Iterator[dict]:
    """The records of a JSON Lines file."""
    with pa.input_stream(str(path), compression="detect") as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            yield json.loads(line)


def documents(folder: Path) -> Iterator[Document]:
    """All documents of the folder that have a source, a topic or a section."""
    with gzip.open(folder / "news.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield Document(row["text"], "news", row["topic"], "en")
    for text in pq.read_table(folder / "reviews.parquet", columns=["text"])["text"].to_pylist():
        yield Document(text, "reviews", "", "en")
    for path in sorted((folder / "speeches").glob("*.txt")):
        yield Document(path.read_text(encoding="utf-8"), "speeches", "", "en")
    for row in lines(folder / "gsm8k_train.jsonl.zst"):
        yield Document(row["text"], "gsm8k", "", "en")
    for row in lines(folder / "powershell.jsonl.zst"):
        yield Document(row["text"], "powershell", row["page"].split("/")[0], "en")
    for row in lines(folder / "manuals.jsonl.zst"):
        parts = row["id"].split("/")
        libreoffice = parts[0] == "libreoffice"
        yield Document(row["text"], parts[0] if libreoffice else parts[1], parts[4] if libreoffice else "", row["lang"])


def drawn(found: list[Document], label: Callable[[Document], str], most: int, seed: int) -> list[Document]:
    """At most so many documents of each label."""
    groups = defaultdict(list)
    for document in found:
        groups[label(document)].append(document)
    chance = random.Random(seed)
    return [one for name in sorted(groups) for one in chance.sample(groups[name], min(most, len(groups[name])))]


def mix(name: str, found: list[Document], most: int, seed: int, **labels: Callable[[Document], str]) -> Mix:
    """A mix of at most so many documents of each of the first label."""
    chosen = drawn(found, next(iter(labels.values())), most, seed)
    chance = random.Random(seed)
    chance.shuffle(chosen)
    truth = {key: [label(one) for one in chosen] for key, label in labels.items()}
    return Mix(name, [one.text for one in chosen], truth)


def mixes(found: list[Document], most: int, seed: int) -> Iterator[Mix]:
    """Every mix that is measured."""
    english = [one for one in found if one.language == "en"]
    news = [one for one in found if one.source == "news"]
    manuals = [one for one in found if one.source in ("libreoffice", "debian-handbook")]

    def source(one: Document) -> str:
        return one.source

    def topic(one: Document) -> str:
        return f"news {one.part}" if one.source == "news" else one.source

    def part(one: Document) -> str:
        return one.part

    def language(one: Document) -> str:
        return one.language

    yield mix("sources", found, most, seed, source=source)
    yield mix("sources, news by topic", found, most, seed, source=topic)
    yield mix("English sources, topics", english, most, seed, source=topic)
    yield mix("news", news, len(news), seed, topic=part)
    yield mix("editions", manuals, most, seed, edition=lambda one: f"{one.source} {one.language}")
    shared = [one for one in manuals if one.language in SHARED]
    yield mix("manuals", shared, most, seed, manual=source, language=language)
    pages = [one for one in found if one.source == "powershell"]
    yield mix("sections powershell", pages, most, seed, section=part)
    for name in SHARED:
        pages = [one for one in found if one.source == "libreoffice" and one.language == name]
        yield mix(f"sections {name}", pages, most, seed, section=part)


def builtin(texts: Sequence[str]) -> np.ndarray:
    """Vectors of the builtin embedding, learned from the texts themselves."""
    column = pa.chunked_array([pa.array(texts, pa.large_string())])
    sample = pa.chunked_array([pa.array(random.Random(0).sample(texts, min(SAMPLE, len(texts))), pa.large_string())])
    model = embed.fit(embed.heads(sample, len(sample)), DIMENSIONS, 0)
    return arrow.vectors(embed.embed(column, model, "float32").fill_null([0.0] * DIMENSIONS))


def peer(**options: Any) -> Callable[[Sequence[str]], np.ndarray]:
    """Tf-idf and truncated SVD by scikit-learn, rows at length one."""

    def vectors(texts: Sequence[str]) -> np.ndarray:
        features = TfidfVectorizer(**options).fit_transform(texts)
        few = TruncatedSVD(min(DIMENSIONS, features.shape[1] - 1), random_state=0).fit_transform(features)
        return np.asarray(normalize(few))

    return vectors


ENCODERS = {
    "builtin": builtin,
    "tf-idf": peer(),
    "tf-idf, tuned": peer(sublinear_tf=True, min_df=2, max_df=0.5),
}


def agreement(vectors: np.ndarray, labels: dict[str, list[str]], seeds: int) -> dict[str, float]:
    """Mean normalised mutual information of each label with as many clusters as the first has values."""
    clusters = len(set(next(iter(labels.values()))))
    found = [KMeans(clusters, n_init=cast(Any, TRIES), random_state=seed).fit_predict(vectors) for seed in range(seeds)]
    return {
        name: float(np.mean([normalized_mutual_info_score(truth, one) for one in found]))
        for name, truth in labels.items()
    }


def quality(given: argparse.Namespace) -> None:
    """Print the table of agreements."""
    found = [one for one in documents(given.data) if one.text.strip()]
    print(f"{'mix':26}{'label':10}{'labels':>7}{'texts':>7}" + "".join(f"{name:>15}" for name in ENCODERS))
    for one in mixes(found, given.most, given.seed):
        scores = {name: agreement(encode(one.texts), one.labels, given.seeds) for name, encode in ENCODERS.items()}
        for label, truth in one.labels.items():
            said = "".join(f"{scores[name][label]:15.3f}" for name in ENCODERS)
            print(f"{one.name:26}{label:10}{len(set(truth)):7}{len(one.texts):7}{said}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="The folder with news.csv.gz, manuals.jsonl.zst, ...")
    parser.add_argument("--most", type=int, default=100, help="Documents of a label in a mix; of news, all.")
    parser.add_argument("--seeds", type=int, default=5, help="Runs of k-means.")
    parser.add_argument("--seed", type=int, default=0, help="Decides which documents are in a mix.")
    parser.add_argument("--megabytes", type=float, default=0, help="Text to measure the speed with; 0: no speed.")
    parser.add_argument("--runs", type=int, default=3, help="Timed runs of the command.")
    given = parser.parse_args()
    quality(given)
    if not given.megabytes:
        return
    given.data = [given.data / name for name in ("manuals.jsonl.zst", "powershell.jsonl.zst", "reviews.parquet")]
    given.stages = ["embed"]
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as folder:
        bench.show(*bench.measure(given, Path(folder)))


if __name__ == "__main__":
    main()
