"""What a shard tells its neighbours about its members: count, centre, mean velocity, bounds.

The bounds are told as occupied squares of `cell_cm`, each with number, mean position and mean velocity of the members
in it: at most one per member, so a summary fits a boundary header. From these a neighbour predicts the links that a
vehicle would have in the shard, now and at the coming instants, without knowing the members. A box would do for the
question who lies near whom, but not for the question to whom a vehicle on the border belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shards.motion import Report
from shards.params import Params

# Shard, members in the cell, members but for one who stands there, mean position, mean velocity.
_Near = tuple[int, int, int, int, int, int, int]


class Cell(NamedTuple):
    """The members of a shard in one square of the plane; means are rounded down.

    Attributes:
        column: x of the square, in squares.
        row: y of the square.
        size: members in it, at least 1.
        x_cm: mean x of them in cm.
        y_cm: mean y.
        vx_cm_s: mean velocity east in cm/s.
        vy_cm_s: mean velocity north.
    """

    column: int
    row: int
    size: int
    x_cm: int
    y_cm: int
    vx_cm_s: int
    vy_cm_s: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A shard as its neighbours see it.

    Attributes:
        shard: its number.
        count: members.
        x_cm: their mean x (the centre).
        y_cm: their mean y.
        vx_cm_s: their mean velocity east in cm/s.
        vy_cm_s: their mean velocity north.
        cells: the squares that they occupy, by column and row.
    """

    shard: int
    count: int
    x_cm: int
    y_cm: int
    vx_cm_s: int
    vy_cm_s: int
    cells: tuple[Cell, ...]

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """First column, first row, last column, last row that it occupies."""
        columns, rows = [cell.column for cell in self.cells], [cell.row for cell in self.cells]
        return min(columns), min(rows), max(columns), max(rows)


def summarise(shard: int, reports: Sequence[Report], params: Params) -> Summary:
    """The summary of a shard with these members; independent of their order.

    Raises:
        ValueError: no member.
    """
    if not reports:
        raise ValueError(f"shard {shard} has no members")
    side = params.cell_cm
    sums: dict[tuple[int, int], list[int]] = {}
    for report in reports:
        x, y, vx, vy = report.x_cm, report.y_cm, report.vx_cm_s, report.vy_cm_s
        place = (x // side, y // side)
        cell = sums.get(place)
        if cell is None:
            sums[place] = [1, x, y, vx, vy]
        else:
            cell[0] += 1
            cell[1] += x
            cell[2] += y
            cell[3] += vx
            cell[4] += vy
    cells = tuple(
        Cell(column, row, n, x // n, y // n, vx // n, vy // n)
        for (column, row), (n, x, y, vx, vy) in sorted(sums.items())
    )
    count = len(reports)
    x, y, vx, vy = (sum(cell[i] for cell in sums.values()) // count for i in range(1, 5))
    return Summary(shard, count, x, y, vx, vy, cells)


class Field:
    """Many summaries, looked up by place: who is around here, and how long in range?"""

    def __init__(self, summaries: Iterable[Summary], params: Params) -> None:
        self._side = params.cell_cm
        self._range2 = params.range_cm**2
        self._instants = params.look_ahead_s
        self._reach = -(-params.range_cm // params.cell_cm)
        self._cells: dict[tuple[int, int], list[tuple[int, Cell]]] = {}
        self._near: dict[tuple[int, int], list[_Near]] = {}
        self._lone: dict[tuple[int, int], int | None] = {}
        for summary in summaries:
            for cell in summary.cells:
                self._cells.setdefault((cell.column, cell.row), []).append((summary.shard, cell))

    def links(self, report: Report, own: int | None = None) -> dict[int, int]:
        """Links that the vehicle is predicted to have with members of each shard, counted once per instant in range.

        Args:
            report: the vehicle.
            own: the shard whose summary includes the vehicle, if one does; it is no link of itself.

        Returns:
            Shards with at least one link, to links times instants.
        """
        x, y, vx, vy = report.x_cm, report.y_cm, report.vx_cm_s, report.vy_cm_s
        range2, instants = self._range2, self._instants
        found: dict[int, int] = {}
        for shard, size, others, cell_x, cell_y, cell_vx, cell_vy in self._around(report):
            dx, dy, dvx, dvy = cell_x - x, cell_y - y, cell_vx - vx, cell_vy - vy
            times = 0
            for instant in instants:
                east, north = dx + dvx * instant, dy + dvy * instant
                if east * east + north * north <= range2:
                    times += 1
            if times:
                found[shard] = found.get(shard, 0) + times * (others if shard == own else size)
        return {shard: links for shard, links in found.items() if links}

    def is_settled(self, report: Report, own: int) -> bool:
        """Whether a member has a link, and nobody but its own shard around: it has nothing to decide."""
        place = report.x_cm // self._side, report.y_cm // self._side
        if place not in self._lone:
            around = {near[0] for near in self._around(report)}
            self._lone[place] = around.pop() if len(around) == 1 else None
        return self._lone[place] == own and self._has_link(report, own)

    def _has_link(self, report: Report, own: int) -> bool:
        x, y, vx, vy = report.x_cm, report.y_cm, report.vx_cm_s, report.vy_cm_s
        for shard, size, others, cell_x, cell_y, cell_vx, cell_vy in self._around(report):
            if others if shard == own else size:
                for instant in self._instants:
                    east, north = cell_x - x + (cell_vx - vx) * instant, cell_y - y + (cell_vy - vy) * instant
                    if east * east + north * north <= self._range2:
                        return True
        return False

    def _around(self, report: Report) -> list[_Near]:
        """The cells within range of the vehicle's own, gathered once for each place."""
        column, row = place = report.x_cm // self._side, report.y_cm // self._side
        around = self._near.get(place)
        if around is None:
            reach, cells = self._reach, self._cells
            around = self._near[place] = [
                (shard, cell[2], cell[2] - (cell[:2] == place), *cell[3:])
                for near_column in range(column - reach, column + reach + 1)
                for near_row in range(row - reach, row + reach + 1)
                for shard, cell in cells.get((near_column, near_row), ())
            ]
        return around
