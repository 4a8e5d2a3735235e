"""Worlds: everything that a run depends on, drawn from its seed, as one value that can be printed and compared.

The seed draws the configuration too, not only the delays: how many nodes, of which weight, on which network, who
attacks and how, what breaks and when. So every seed is another world, and most have some features and lack others: a
fault that is always there hides what happens without it.

Dishonest units (attackers, and nodes that lose their disk) stay below one third. Every trouble ends before healing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bac.sim import seeds
from bac.sim.attacks import ATTACKS
from bac.sim.faults import ClockStep, Crash, Fault, Outage, Partition, Slow, Storm
from bac.sim.latency import ONE_Q16, Latency
from bac.sim.links import Box, LinkClass, Links, Radio, Weather
from bac.sim.positions import Positions, Straight

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

SECOND: Final = 1_000_000
HEAL_US: Final = 20 * SECOND
SIDE_CM: Final = 200_000
EDGES_US: Final = (100_000, 1_500_000, 400_000, 1_950_000)
"""Which timer a delaying attacker stays below: a repetition, or a view of two seconds. Reordering changes worlds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a run depends on, besides the protocol.

    Attributes:
        seed: of the run.
        units: weight of each node; there are as many nodes.
        links: the network.
        positions: where the nodes are; None where it does not matter.
        input_us: fixed work for each input.
        persist_us: making one record durable.
        attacks: (node, names of its filters in order).
        edge_us: how long the delaying attacker holds a message back.
        faults: until healing.
        submissions: (time, node) of clients' transactions, ascending.
        heal_us: the end of the first phase.
        patience_us: the longest that the second phase may take.
    """

    seed: int
    units: tuple[int, ...]
    links: Links
    positions: Positions | None = None
    input_us: int = 0
    persist_us: int = 0
    attacks: tuple[tuple[int, tuple[str, ...]], ...] = ()
    edge_us: int = 400_000
    faults: tuple[Fault, ...] = ()
    submissions: tuple[tuple[int, int], ...] = ()
    heal_us: int = HEAL_US
    patience_us: int = 60 * SECOND

    @property
    def honest(self) -> tuple[int, ...]:
        """The nodes that neither attack nor lose their disk."""
        wiped = {fault.node for fault in self.faults if isinstance(fault, Crash) and not fault.with_disk}
        dishonest = wiped | {node for node, _ in self.attacks}
        return tuple(node for node in range(len(self.units)) if node not in dishonest)


def draw(seed: int) -> World:
    """The world of a seed."""
    random = seeds.generator(seed, "world")
    nodes = random.randrange(4, 11)
    units = tuple(random.randrange(1, 6) for _ in range(nodes)) if _coin(random) else (1,) * nodes
    dishonest = _draw_dishonest(random, units)
    wiped = tuple(node for node in dishonest if random.randrange(4) == 0)
    positions = _draw_positions(random, nodes) if _coin(random) else None
    return World(
        seed=seed,
        units=units,
        links=_draw_links(random, with_radio=positions is not None),
        positions=positions,
        input_us=random.choice((0, 20, 200)),
        persist_us=random.choice((0, 100, 5_000)),
        attacks=tuple((node, _draw_attacks(random)) for node in dishonest if node not in wiped),
        edge_us=seeds.generator(seed, "edge").choice(EDGES_US),
        faults=(
            *_draw_machine_faults(random, nodes, wiped),
            *_draw_network_faults(random, nodes, with_regions=positions is not None),
        ),
        submissions=_draw_submissions(random, nodes),
    )


def _coin(random: Random) -> bool:
    return random.getrandbits(1) == 1


def _draw_dishonest(random: Random, units: tuple[int, ...]) -> tuple[int, ...]:
    """Nodes whose units are less than a third of all, as many of a drawn order as fit, or none."""
    if random.randrange(4) == 0:
        return ()
    chosen: list[int] = []
    for node in random.sample(range(len(units)), len(units)):
        if 3 * (sum(units[each] for each in chosen) + units[node]) < sum(units):
            chosen.append(node)
    return tuple(sorted(chosen))


def _draw_attacks(random: Random) -> tuple[str, ...]:
    return tuple(random.sample(sorted(ATTACKS), random.choice((1, 1, 1, 2, 3))))


def _draw_positions(random: Random, nodes: int) -> Straight:
    def speed() -> int:
        return random.randrange(-3_000, 3_001)  # up to 108 km/h

    starts = tuple((random.randrange(SIDE_CM), random.randrange(SIDE_CM)) for _ in range(nodes))
    return Straight(SIDE_CM, starts, tuple((speed(), speed()) for _ in range(nodes)))


def _share(random: Random, most_percent: int) -> int:
    """A probability in 2⁻¹⁶: none in half of the worlds."""
    return random.randrange(ONE_Q16 * most_percent // 100) if _coin(random) else 0


def _draw_link(random: Random, latency: Latency, rates: tuple[int | None, ...]) -> LinkClass:
    return LinkClass(
        latency=latency,
        bits_per_second=random.choice(rates),
        loss_q16=_share(random, 10),
        duplicate_q16=_share(random, 5),
        reorder_q16=_share(random, 10),
    )


def _draw_links(random: Random, *, with_radio: bool) -> Links:
    median = random.randrange(5_000, 60_000)
    slow = Latency.tailed(median // 2, median, 4 * median, 15 * median)
    relay = _draw_link(random, slow, (None, 2_000_000, 20_000_000))
    if not with_radio:
        return Links(relay)
    fast = _draw_link(random, Latency.tailed(500, 2_000, 10_000, 40_000), (None,))
    return Links(relay, Radio(fast, ((10_000, 27_000_000), (20_000, 12_000_000), (30_000, 3_000_000))))


def _span(random: Random, longest_us: int) -> tuple[int, int]:
    """Begin and end of a trouble, before healing."""
    begin = random.randrange(HEAL_US - SECOND)
    return begin, min(begin + random.randrange(SECOND // 10, longest_us), HEAL_US)


def _draw_machine_faults(random: Random, nodes: int, wiped: tuple[int, ...]) -> list[Fault]:
    faults: list[Fault] = []
    crashing = [random.randrange(nodes) for _ in range(random.randrange(2 * nodes))] if _coin(random) else []
    for node in (*crashing, *wiped):
        begin, end = _span(random, 8 * SECOND)
        persists = random.choice((0, 1, 1, 2, 3, 5))
        faults.append(
            Crash(node=node, at_us=begin, persists=persists, down_us=end - begin, with_disk=node not in wiped)
        )
    for _ in range(random.choice((0, 0, 1, 2))):
        begin, end = _span(random, 15 * SECOND)
        faults.append(Slow(node=random.randrange(nodes), at_us=begin, end_us=end, factor=random.randrange(2, 100)))
    for node in range(nodes) if _coin(random) else ():
        begin = random.choice((0, random.randrange(HEAL_US)))
        offset, drift = random.randrange(2 * SECOND), random.randrange(-200, 201)
        faults.append(ClockStep(node=node, at_us=begin, offset_us=offset, drift_ppm=drift))
    return faults


def _draw_network_faults(random: Random, nodes: int, *, with_regions: bool) -> list[Fault]:
    faults: list[Fault] = []
    for _ in range(random.choice((0, 1, 1, 3))):
        begin, end = _span(random, 10 * SECOND)
        order = random.sample(range(nodes), nodes)
        groups = tuple(tuple(order[place::parts]) for parts in (random.randrange(2, 4),) for place in range(parts))
        faults.append(Partition(at_us=begin, end_us=end, groups=groups, one_way=random.randrange(3) == 0))
    for _ in range(random.choice((0, 0, 1, 2))):
        begin, end = _span(random, 10 * SECOND)
        weather = Weather(
            loss_q16=_share(random, 80),
            duplicate_q16=_share(random, 30),
            reorder_q16=_share(random, 50),
            stretch=random.choice((1, 5, 20)),
        )
        faults.append(Storm(at_us=begin, end_us=end, weather=weather))
    for _ in range(random.choice((0, 1, 2)) if with_regions else 0):
        begin, end = _span(random, 10 * SECOND)
        west, south = random.randrange(SIDE_CM), random.randrange(SIDE_CM)
        faults.append(Outage(at_us=begin, end_us=end, region=Box(west, south, west + SIDE_CM // 2, south + SIDE_CM)))
    return faults


def _draw_submissions(random: Random, nodes: int) -> tuple[tuple[int, int], ...]:
    """Most in the first phase, some after healing."""
    times = [random.randrange(HEAL_US) for _ in range(random.randrange(10, 60))]
    times += [HEAL_US + random.randrange(5 * SECOND) for _ in range(5)]
    return tuple(sorted((time, random.randrange(nodes)) for time in times))
