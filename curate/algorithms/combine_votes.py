"""How good a document is by many voters none of whom is sure: their error rates are learned from the votes alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LEAST_VOTERS = 3
"""Two voters' agreement says nothing of which of them errs."""
_STEPS = 1000
_ENOUGH = 1e-10


class Voters(NamedTuple):
    """good: the share of good documents. right_good, right_bad: float64 (voters,), how often each voter says so of a
    good one, and denies it of a bad one, when it votes."""

    good: float
    right_good: np.ndarray
    right_bad: np.ndarray


def learned(votes: np.ndarray) -> tuple[Voters, np.ndarray]:
    """Voters, and how probably each document is good: float64 (n,), NaN where nobody votes.

    votes: float64, shape (n, voters): 1, 0, or NaN for none. The model is that of Dawid and Skene (1979), the label
    model of data programming (Ratner et al. 2016) with voters that err independently of each other given what a
    document is; fitted by expectation maximisation from the majority's opinion, with one more right and wrong vote of
    each voter of each kind. Documents with the same votes are one. Voters that copy each other count too much.
    """
    given = np.nan_to_num(votes, nan=-1.0)
    patterns, places, counts = np.unique(given, axis=0, return_inverse=True, return_counts=True)
    places = places.reshape(-1)
    voted = patterns >= 0
    yes = np.where(voted, patterns, 0.0)
    total = voted.sum(axis=1)
    good = (yes.sum(axis=1) + 0.5) / (total + 1)
    voters = _voters(yes, voted, counts, good)
    for _ in range(_STEPS):
        before, good = good, _posterior(yes, voted, voters)
        voters = _voters(yes, voted, counts, good)
        if np.abs(good - before).max(initial=0.0) < _ENOUGH:
            break
    return voters, np.where(total[places] > 0, good[places], np.nan)


def _voters(yes: np.ndarray, voted: np.ndarray, counts: np.ndarray, good: np.ndarray) -> Voters:
    heard = voted.any(axis=1)
    share = (counts * good)[heard].sum() / max(1, counts[heard].sum())
    good_weight, bad_weight = counts * good, counts * (1 - good)
    right_good = (good_weight @ yes + 1) / (good_weight @ voted + 2)
    right_bad = (bad_weight @ (voted - yes) + 1) / (bad_weight @ voted + 2)
    return Voters(float(np.clip(share, 1e-6, 1 - 1e-6)), right_good, right_bad)


def _posterior(yes: np.ndarray, voted: np.ndarray, voters: Voters) -> np.ndarray:
    no = voted - yes
    good = np.log(voters.good) + yes @ np.log(voters.right_good) + no @ np.log(1 - voters.right_good)
    bad = np.log(1 - voters.good) + yes @ np.log(1 - voters.right_bad) + no @ np.log(voters.right_bad)
    return 1 / (1 + np.exp(np.clip(bad - good, -700, 700)))
