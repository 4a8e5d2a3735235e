"""The headers of the model: what a header commits to, and the shard that the schedules play in.

A header is known by its content, so two nodes that speak of the same content speak of the same header. Content is
(epoch, view, height, kind, parent, justify, tag); the tag stands for everything that the model leaves out
(transactions, times), and is how a captured committee or a dishonest proposer makes rivals. Heights and ranks are
counted inside the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

GENESIS = 0
BLOCK, BOUNDARY, REOPENING, CLOSING = range(4)
KINDS = ("block", "boundary", "reopening", "closing header")


@dataclass(frozen=True, slots=True)
class Electorate:
    """V_e: the units of each honest voter (0: no member), and of the dishonest voters together."""

    honest: tuple[int, ...]
    dishonest: int

    def is_quorum(self, honest_units: int) -> bool:
        """Whether these honest voters make a quorum, `3·units > 2·U`; the dishonest sign whatever helps."""
        return 3 * (honest_units + self.dishonest) > 2 * (sum(self.honest) + self.dishonest)

    def is_sound(self) -> bool:
        """The assumption of agreement: dishonest units < U / 3."""
        return 3 * self.dishonest < sum(self.honest) + self.dishonest


@dataclass(frozen=True, slots=True)
class Shard:
    """Who votes in which epoch, and how far the schedules go.

    Args:
        electorates: for each epoch from 1 on the electorates that rival boundaries can lead to.
        boundary_from: first height (inside the epoch) at which view 0 may end the epoch.
        boundary_to: height at which it must.
        views: highest recovery view, for each epoch.
        tags: how many rivals with otherwise equal content there may be,
        forks_to: up to this height; above it one.
        captured: whether the committee of view 0 forks; an honest one makes one block per height.
        honest_proposers: recovery views with an honest proposer, who makes one opening.
        skipping: headers that nobody voted for between two that somebody did, on one path, at most.
    """

    electorates: tuple[tuple[Electorate, ...], ...]
    boundary_from: int = 1
    boundary_to: int = 1
    views: tuple[int, ...] = (1,)
    tags: int = 2
    forks_to: int = 99
    captured: bool = True
    honest_proposers: frozenset[int] = frozenset()
    skipping: int = 0

    def classes(self) -> tuple[tuple[int, int], ...]:
        """Runs [from, to) of honest voters with equal units everywhere: renaming them changes nothing."""
        units = [
            tuple(variant.honest[voter] for variants in self.electorates for variant in variants)
            for voter in range(len(self.electorates[0][0].honest))
        ]
        starts = [voter for voter in range(len(units)) if voter == 0 or units[voter] != units[voter - 1]]
        return tuple(zip(starts, [*starts[1:], len(units)], strict=True))


class Header(NamedTuple):
    """One header and what follows from its content. `rank` is (view, height) in one number; a base has rank (-1, 0)."""

    base: int  # the boundary of the epoch before
    epoch: int
    view: int
    height: int
    kind: int
    parent: int
    justify: int
    tag: int
    rank: int
    block: int  # itself, or for reopenings and closing headers the boundary that they stand on
    ancestors: int  # bit mask, the header itself included
    second_boundary: bool  # another boundary of the same epoch is among its ancestors
    next_electorate: Electorate | None


class Headers:
    """All headers that any schedule has met so far, numbered in the order of their appearance."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        first = shard.electorates[0][0]
        self.table = [Header(GENESIS, 0, 0, 0, BOUNDARY, 0, 0, 0, 0, GENESIS, 1, False, first)]
        self._numbers: dict[tuple[int, ...], int] = {}

    def number(self, kind: int, view: int, parent: int, justify: int, base: int, tag: int = 0) -> int:
        """The number of the header with this content."""
        content = (kind, view, parent, justify, base, tag)
        if content not in self._numbers:
            self._numbers[content] = len(self.table)
            self.table.append(self._make(*content))
        return self._numbers[content]

    def _make(self, kind: int, view: int, parent: int, justify: int, base: int, tag: int) -> Header:
        above, me = self.table[parent], len(self.table)
        epoch = self.table[base].epoch + 1
        height = 1 if parent == base else above.height + 1
        inside = [h for h in range(1, me) if above.ancestors >> h & 1 and self.table[h].base == base]
        second = kind == BOUNDARY and any(self.table[h].kind == BOUNDARY for h in inside)
        electorate = None
        if kind == BOUNDARY and epoch < len(self.shard.electorates):
            variants = self.shard.electorates[epoch]
            electorate = variants[(view + tag) % len(variants)]
        return Header(
            base, epoch, view, height, kind, parent, justify, tag, (view + 1) * 100 + height,
            me if kind in (BLOCK, BOUNDARY) else above.block, above.ancestors | 1 << me, second, electorate,
        )  # fmt: skip

    def descends(self, below: int, above: int) -> bool:
        """Whether header `below` is `above` or has it among its ancestors."""
        return bool(self.table[below].ancestors >> above & 1)

    def is_boundary(self, header: int) -> bool:
        return header != GENESIS and self.table[header].kind == BOUNDARY

    def is_one_chain(self, x: int, y: int) -> bool:
        return self.descends(x, y) or self.descends(y, x)

    def describe(self, header: int) -> str:
        h = self.table[header]
        return (
            f"{KINDS[h.kind]} {header} (epoch {h.epoch}, view {h.view}, height {h.height}, "
            f"parent {h.parent}, justify {h.justify})"
        )
