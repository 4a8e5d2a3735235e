"""How good an assignment is over time: do links last inside shards, and how often do vehicles change shard?

A link is a pair of vehicles within range. Measured on a clock: each step holds until the next. All counts are whole
numbers; ratios are floats, for reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shards.motion import Report

_US_PER_HOUR = 3_600_000_000


def find_links(reports: Sequence[Report], range_cm: int) -> list[tuple[bytes, bytes]]:
    """All pairs of vehicles at most `range_cm` apart, the lower id first, in ascending order."""
    places: dict[tuple[int, int], list[tuple[bytes, int, int]]] = {}
    for report in reports:
        place = report.x_cm // range_cm, report.y_cm // range_cm
        places.setdefault(place, []).append((report.id, report.x_cm, report.y_cm))
    links = []
    range2 = range_cm**2
    for (column, row), here in places.items():
        for i, (id_, x, y) in enumerate(here):
            # The square itself from i on, and half of its neighbours, so that each pair is met once.
            around = here[i + 1 :]
            for place in ((column + 1, row), (column - 1, row + 1), (column, row + 1), (column + 1, row + 1)):
                around += places.get(place, ())
            for other, other_x, other_y in around:
                if (x - other_x) ** 2 + (y - other_y) ** 2 <= range2:
                    links.append((id_, other) if id_ < other else (other, id_))
    return sorted(links)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the clock.

    Attributes:
        time_us: when; steps ascend.
        vehicles: who is there, in any order.
        links: pairs within range, the lower id first, each once.
        shard_of: their shards; who is in none (yet) is missing.
        trades: pairs that trade in this step.
    """

    time_us: int
    vehicles: Sequence[bytes]
    links: Sequence[tuple[bytes, bytes]]
    shard_of: Mapping[bytes, int]
    trades: Sequence[tuple[bytes, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """What came of an assignment over time.

    Attributes:
        link_us: time of all links together.
        intra_us: that of links between two vehicles of one shard.
        intra_links: stretches that these lasted without a break; a handover or a loss of range ends one.
        vehicle_us: time of all vehicles together.
        handovers: changes of shard between two steps in a row; arriving and leaving is none.
        trades: pairs that traded.
        intra_trades: those in one shard.
        shards: sum over steps of the number of shards.
        balance: sum over steps of largest shard / mean shard.
        steps: number of steps with a shard.
        largest: the largest shard ever.
    """

    link_us: int
    intra_us: int
    intra_links: int
    vehicle_us: int
    handovers: int
    trades: int
    intra_trades: int
    shards: int
    balance: float
    steps: int
    largest: int

    @property
    def intra_share(self) -> float:
        """Share of link time inside one shard."""
        return self.intra_us / self.link_us if self.link_us else 0.0

    @property
    def lifetime_s(self) -> float:
        """Mean time in seconds that a link lasts inside one shard."""
        return self.intra_us / self.intra_links / 1_000_000 if self.intra_links else 0.0

    @property
    def handovers_per_hour(self) -> float:
        """Handovers per vehicle and hour."""
        return self.handovers * _US_PER_HOUR / self.vehicle_us if self.vehicle_us else 0.0

    @property
    def trade_share(self) -> float:
        """Share of trades inside one shard."""
        return self.intra_trades / self.trades if self.trades else 0.0

    @property
    def mean_shards(self) -> float:
        """Mean number of shards."""
        return self.shards / self.steps if self.steps else 0.0

    @property
    def mean_balance(self) -> float:
        """Mean over time of the largest shard over the mean shard."""
        return self.balance / self.steps if self.steps else 0.0


def measure(steps: Iterable[Step]) -> Quality:
    """The quality over the steps; the last step only closes the one before.

    Raises:
        ValueError: times that do not ascend.
    """
    link_us = intra_us = intra_links = vehicle_us = handovers = trades = intra_trades = 0
    shards = counted = largest = 0
    balance = 0.0
    before: Step | None = None
    alive: set[tuple[bytes, bytes]] = set()
    for step in steps:
        if before is not None:
            span_us = step.time_us - before.time_us
            if span_us <= 0:
                raise ValueError(f"time does not ascend from {before.time_us} to {step.time_us} us")
            now = {pair for pair in before.links if _is_intra(pair, before.shard_of)}
            link_us += span_us * len(before.links)
            intra_us += span_us * len(now)
            intra_links += len(now - alive)
            vehicle_us += span_us * len(before.vehicles)
            handovers += _handovers(before, step)
            alive = now
        trades += len(step.trades)
        intra_trades += sum(_is_intra(pair, step.shard_of) for pair in step.trades)
        sizes = _sizes(step)
        if sizes:
            shards += len(sizes)
            counted += 1
            balance += max(sizes) * len(sizes) / sum(sizes)
            largest = max(largest, *sizes)
        before = step
    return Quality(
        link_us, intra_us, intra_links, vehicle_us, handovers, trades, intra_trades,
        shards, balance, counted, largest,
    )  # fmt: skip


def _is_intra(pair: tuple[bytes, bytes], shard_of: Mapping[bytes, int]) -> bool:
    shard = shard_of.get(pair[0])
    return shard is not None and shard == shard_of.get(pair[1])


def _handovers(before: Step, step: Step) -> int:
    return sum(
        step.shard_of.get(vehicle, shard) != shard
        for vehicle in {*before.vehicles} & {*step.vehicles}
        if (shard := before.shard_of.get(vehicle)) is not None
    )


def _sizes(step: Step) -> list[int]:
    sizes: dict[int, int] = {}
    for vehicle in step.vehicles:
        shard = step.shard_of.get(vehicle)
        if shard is not None:
            sizes[shard] = sizes.get(shard, 0) + 1
    return list(sizes.values())
