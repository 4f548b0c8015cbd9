"""Hashes of documents in a mix, the noise that chooses among them, and the places of their copies."""

from __future__ import annotations

import math

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import mix64

_CHOICE = np.uint64(0x6A09E667F3BCC909)
_SHUFFLE = np.uint64(0xBB67AE8584CAA73B)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_12 = np.uint64(12)
_UNIT = 2.0**-52


@njit(nogil=True, cache=True)
def salted(hashes, corpora, salts, out):
    """Tell equal ids of different corpora apart: hashes (n,) uint64, corpora (n,) int32 into salts, out (n,) uint64."""
    for i in range(len(out)):
        out[i] = mix64(hashes[i] ^ salts[corpora[i]])


@njit(nogil=True, cache=True)
def choice_hashes(hashes, out):
    """The order in which documents of a group are chosen, greatest first: out (n,) uint64."""
    for i in range(len(out)):
        out[i] = mix64(hashes[i] ^ _CHOICE)


@njit(nogil=True, cache=True)
def gumbel(hashes, scores, temperature, out):
    """scores / temperature + Gumbel(0, 1) noise out of each hash: out (n,) float64.

    The k greatest are a sample without replacement of softmax(scores / temperature) (Yellott 1977;
    Kool, van Hoof and Welling 2019). 52 bits of a hash, plus a half, are uniform and never 0 or 1.
    """
    for i in range(len(out)):
        uniform = (np.float64(hashes[i] >> _12) + 0.5) * _UNIT
        out[i] = scores[i] / temperature - math.log(-math.log(uniform))


@njit(nogil=True, cache=True)
def interleave(orders, units, shares, places, takers):
    """Let several choose in turn from the same documents, whoever has least of his share next.

    orders (choosers, n) int64: the documents in the order in which each wants them. units (n,) int64: what each
    document counts. shares (choosers,) float64. places (n,) uint64: when a document is taken; takers (n,) int8: who by.
    """
    heads = np.zeros(len(shares), np.int64)
    given = np.zeros(len(shares), np.float64)
    takers[:] = -1
    for place in range(len(units)):
        chooser = 0
        for other in range(1, len(shares)):
            if given[other] * shares[chooser] < given[chooser] * shares[other]:
                chooser = other
        while takers[orders[chooser, heads[chooser]]] >= 0:
            heads[chooser] += 1
        document = orders[chooser, heads[chooser]]
        places[document] = place
        takers[document] = chooser
        given[chooser] += units[document]


@njit(nogil=True, cache=True)
def shuffle_hashes(hashes, draws, out):
    """The place of a copy in the new corpus: hashes (n,) uint64, draws (n,) int32 from 0, out (n,) uint64."""
    for i in range(len(out)):
        out[i] = mix64(mix64(hashes[i] ^ _SHUFFLE) + np.uint64(draws[i]) * _STEP)
