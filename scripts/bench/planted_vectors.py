"""A stage for measurements: a float16 vector of 256 for every document, about one of 1,000 directions, from its row.

CURATE_STAGES=planted_vectors PYTHONPATH=scripts/bench curate vectors CORPUS
"""

from __future__ import annotations

from curate.stage import Stage, StageConfig

DIMENSIONS = 256
TOPICS = 1_000


class VectorsConfig(StageConfig):
    """Give every document a vector near one of 1,000 directions."""


def adds(config: VectorsConfig):
    import pyarrow as pa

    return pa.schema([("vectors", pa.list_(pa.float16(), DIMENSIONS))])


def planted(count: int, seed: int):
    """Vectors of length one, float32 (count, 256), about directions that are the same for any seed."""
    import numpy as np

    topics = np.random.default_rng(0).normal(size=(TOPICS, DIMENSIONS)).astype(np.float32)
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, DIMENSIONS), dtype=np.float32)
    vectors += topics[random.integers(0, TOPICS, count)]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def apply(table, mine, prepared, config: VectorsConfig):
    import numpy as np
    import pyarrow as pa

    from curate.kernels import arrow

    seed = 1 + (table["shard"][0].as_py() if table.num_rows else 0)
    return pa.table({"vectors": arrow.vector_array(planted(table.num_rows, seed).astype(np.float16))})


STAGE = Stage(name="vectors", revision=1, config=VectorsConfig, adds=adds, apply=apply, needs=lambda config: ("bytes",))
