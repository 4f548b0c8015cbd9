"""Nearest centroids and hierarchies, in the plainest Python."""

import numpy as np


def product(vector, centroid):
    """Four float32 sums, each of every fourth dimension, those left over in the first; then these in order."""
    sums = [np.float32(0)] * 4
    whole = len(vector) - len(vector) % 4
    for j in range(len(vector)):
        lane = j % 4 if j < whole else 0
        sums[lane] = sums[lane] + vector[j] * centroid[j]
    return ((sums[0] + sums[1]) + sums[2]) + sums[3]


def in_order(vector, centroid):
    """The float32 sum of one dimension after another."""
    total = np.float32(0)
    for x, c in zip(vector, centroid, strict=True):
        total = total + x * c
    return total


def nearest(vector, centroids):
    """The first centroid of the greatest product, and that product."""
    found = [product(vector, centroid) for centroid in centroids]
    return int(np.argmax(found)), max(found)
