"""The difference of a text's cost under two models (Moore and Lewis 2010; CoLoR-Filter: Brandfonbrener et al. 2024).

CoLoR-Filter's score of a text is its mean loss under a prior less that under a conditional model, the prior fine-tuned
on a target. For n-gram models the conditional is a mixture, token by token, of the prior and a model of the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate.algorithms import loss_models, loss_ngrams
from curate.algorithms.loss_models import LossModel
from curate.algorithms.ngram_counts import Unit
from curate.algorithms.ngram_model import NgramModel
from curate.errors import UsageError
from curate.kernels import arrow


@dataclass(frozen=True)
class Contrast:
    """Two models, or for each two of which one judges a document: see `loss_ngrams.crossed`."""

    priors: Sequence[LossModel]
    conditionals: Sequence[LossModel]

    def scores(self, texts: arrow.Array, ids: arrow.Array) -> pa.Array:
        """Bits per byte under the prior less those under the conditional: float64, null for an empty text."""
        found = loss_ngrams.crossed(texts, ids, self.priors) - loss_ngrams.crossed(texts, ids, self.conditionals)
        return pa.array(found, mask=np.isnan(found))


def opened(prior: str, conditional: str) -> Contrast:
    """The contrast of two models that are given."""
    return Contrast(loss_models.open_models(prior), loss_models.open_models(conditional))


def adaptable(prior: str) -> tuple[int, Unit, str | None]:
    """The order, unit and tokenizer of an n-gram model. Raises UsageError for another, which cannot be adapted here."""
    if loss_models.kind(prior) != loss_models.NGRAMS:
        raise UsageError(
            f"--prior {prior}: only an n-gram model of curate's is adapted to --target; fine-tune this one on the "
            "target and give the result as --conditional in its place"
        )
    model = loss_ngrams.load(prior)[0]
    return model.order, model.unit, model.tokenizer


def adapted(models: Sequence[NgramModel], prior: str | None, weight: float) -> Contrast:
    """The contrast that the last of some models, the target's, makes with the others, or with a prior that is given."""
    priors, target = (loss_ngrams.load(prior) if prior else models[:-1]), models[-1]
    return Contrast(priors, [found.mixed(target, weight) for found in priors])
