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


def domains(centroids, sizes, wanted):
    """Ward's linkage by its definition: the two whose union adds least to the squared distances to the means."""
    groups = [[i] for i in range(len(centroids))]

    def spread(members):
        points = np.array([centroids[i] for i in members], dtype=np.float64)
        return ((points - points.mean(axis=0)) ** 2).sum()

    while len(groups) > max(1, wanted):
        pairs = [(i, j) for i in range(len(groups)) for j in range(i)]
        added = [spread(groups[i] + groups[j]) - spread(groups[i]) - spread(groups[j]) for i, j in pairs]
        i, j = pairs[int(np.argmin(added))]
        groups[j] += groups.pop(i)
    groups.sort(key=lambda members: (-sum(sizes[i] for i in members), min(members)))
    return [next(number for number, members in enumerate(groups) if i in members) for i in range(len(centroids))]
