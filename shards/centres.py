"""Centres of shards, nearest first, without looking at all of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from math import isqrt

from shards.summary import Summary


class Centres:
    """Centres in squares of about one centre each; a search widens ring by ring."""

    def __init__(self, summaries: Mapping[int, Summary]) -> None:
        xs = [summary.x_cm for summary in summaries.values()] or [0]
        ys = [summary.y_cm for summary in summaries.values()] or [0]
        self._box = min(xs), max(xs), min(ys), max(ys)
        spread = max(max(xs) - min(xs), max(ys) - min(ys))
        self._side = max(1, spread // isqrt(len(xs)))
        self._count = len(summaries)
        self._squares: dict[tuple[int, int], list[Summary]] = {}
        for summary in summaries.values():
            square = summary.x_cm // self._side, summary.y_cm // self._side
            self._squares.setdefault(square, []).append(summary)

    def nearest(self, x_cm: int, y_cm: int) -> Iterator[tuple[int, int]]:
        """Squared distance in cm² and shard of every centre, the nearest first, ties by shard."""
        # From outside the box of all centres the search starts on its edge, which is nearer to all of them.
        west, east, south, north = self._box
        column = min(max(x_cm, west), east) // self._side
        row = min(max(y_cm, south), north) // self._side
        found: list[tuple[int, int]] = []
        left, ring = self._count, 0
        while left:
            for square in _ring(column, row, ring):
                for summary in self._squares.get(square, ()):
                    far2 = (summary.x_cm - x_cm) ** 2 + (summary.y_cm - y_cm) ** 2
                    heapq.heappush(found, (far2, summary.shard))
            # All centres nearer than the rings so far are wide have been found.
            while found and (found[0][0] < (ring * self._side) ** 2 or len(found) == left):
                yield heapq.heappop(found)
                left -= 1
            ring += 1


def _ring(column: int, row: int, width: int) -> Iterator[tuple[int, int]]:
    """The squares at exactly `width` columns or rows from one."""
    if width == 0:
        yield column, row
        return
    for offset in range(-width, width + 1):
        yield column + offset, row - width
        yield column + offset, row + width
    for offset in range(-width + 1, width):
        yield column - width, row + offset
        yield column + width, row + offset
