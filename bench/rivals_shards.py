"""What `shards` is measured against: a plain grid, and k-means on position.

The k-means is given every advantage that the definition leaves: warm-started from the centres before, labels carried by
largest overlap, and where the maximum size binds, vehicles are dealt to centres at the least total squared distance
(an optimal transport, not a greedy one).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from shards import Report

Points = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_ROUNDS_MAX = 30


def grid(reports: Sequence[Report], side_cm: int) -> dict[bytes, int]:
    """Every vehicle in the square that it stands in."""
    return {r.id: (r.x_cm // side_cm) * 1_000_003 + r.y_cm // side_cm for r in reports}


class KMeans:
    """Lloyd's k-means from step to step, with at most `max_size` vehicles in a cluster."""

    def __init__(self, max_size: int, seed: int) -> None:
        self._max_size = max_size
        self._random = np.random.default_rng(seed)
        self._centres: Points = np.zeros((0, 2))
        self._label_of: dict[bytes, int] = {}
        self._next = 0

    def step(self, reports: Sequence[Report], count: int) -> dict[bytes, int]:
        """The clusters at this step, as near to `count` as the rule "same count ± 1" and the maximum size allow.

        The number of centres changes only when it must, as each change costs handovers.
        """
        points = np.array([(r.x_cm, r.y_cm) for r in reports], dtype=np.float64)
        now = len(self._centres) or count
        wanted = min(max(now, count - 1), count + 1)
        self._resize(points, max(wanted, -(-len(reports) // self._max_size)))
        for _ in range(_ROUNDS_MAX):
            labels = self._deal(points)
            moved = self._means(points, labels)
            if np.array_equal(moved, self._centres):
                break
            self._centres = moved
        return self._carried(reports, self._deal(points))

    def _distances(self, points: Points) -> Points:
        return np.asarray(((points[:, None, :] - self._centres[None, :, :]) ** 2).sum(axis=2))

    def _deal(self, points: Points) -> Labels:
        distances = self._distances(points)
        labels: Labels = distances.argmin(axis=1).astype(np.int64)
        if np.bincount(labels).max() <= self._max_size:
            return labels
        rows, columns = linear_sum_assignment(np.repeat(distances, self._max_size, axis=1))
        labels[rows] = columns // self._max_size
        return labels

    def _means(self, points: Points, labels: Labels) -> Points:
        """Means of the clusters; an empty one starts again at the vehicle farthest from its own centre."""
        far = ((points - self._centres[labels]) ** 2).sum(axis=1)
        means = np.empty_like(self._centres)
        for k in range(len(means)):
            if (labels == k).any():
                means[k] = points[labels == k].mean(axis=0)
            else:
                means[k] = points[far.argmax()]
                far[far.argmax()] = -1
        return means

    def _resize(self, points: Points, count: int) -> None:
        if not len(self._centres):
            self._centres = points[self._random.integers(len(points))][None, :]
            while len(self._centres) < count:
                nearest = self._distances(points).min(axis=1)
                chosen = self._random.choice(len(points), p=nearest / nearest.sum())
                self._centres = np.vstack([self._centres, points[chosen]])
        while len(self._centres) < count:
            labels = self._distances(points).argmin(axis=1)
            biggest = np.bincount(labels).argmax()
            own = points[labels == biggest]
            farthest = ((own - self._centres[biggest]) ** 2).sum(axis=1).argmax()
            self._centres = np.vstack([self._centres, own[farthest]])
        while len(self._centres) > count:
            labels = self._distances(points).argmin(axis=1)
            smallest = np.bincount(labels, minlength=len(self._centres)).argmin()
            self._centres = np.delete(self._centres, smallest, axis=0)

    def _carried(self, reports: Sequence[Report], labels: Labels) -> dict[bytes, int]:
        """Clusters named after the cluster before with which they share most vehicles, all together."""
        before = sorted(set(self._label_of.values()))
        column = {label: i for i, label in enumerate(before)}
        overlap = np.zeros((len(self._centres), len(before)), dtype=np.int64)
        for report, k in zip(reports, labels.tolist(), strict=True):
            if report.id in self._label_of:
                overlap[k, column[self._label_of[report.id]]] += 1
        names = dict.fromkeys(range(len(self._centres)), -1)
        for k, i in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[k, i]:
                names[int(k)] = before[int(i)]
        for k, name in names.items():
            if name < 0:
                names[k], self._next = self._next, self._next + 1
        self._label_of = {r.id: names[k] for r, k in zip(reports, labels.tolist(), strict=True)}
        return self._label_of
