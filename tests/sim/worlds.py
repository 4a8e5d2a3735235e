"""Worlds by hand."""

from __future__ import annotations

from typing import Any

from bac.sim.faults import Crash
from bac.sim.latency import ONE_Q16, Latency
from bac.sim.links import LinkClass, Links
from bac.sim.world import World

MS = 1_000
LATENCY = Latency.uniform(5 * MS, 50 * MS)


def world(nodes: int = 4, **changes: Any) -> World:
    """Equal units, a good network, ten payments per second in the first two seconds; heals after three."""
    made: dict[str, Any] = {
        "seed": 7,
        "units": (1,) * nodes,
        "links": Links(LinkClass(latency=LATENCY)),
        "submissions": tuple((100 * MS * tick, tick % nodes) for tick in range(20)),
        "heal_us": 3_000 * MS,
        "patience_us": 10_000 * MS,
    }
    return World(**(made | changes))


def lossy(percent: int) -> Links:
    return Links(LinkClass(latency=LATENCY, loss_q16=ONE_Q16 * percent // 100))


CRASHES = tuple(
    Crash(node=node, at_us=(100 + 300 * turn) * MS, persists=1 + turn % 4, down_us=150 * MS)
    for turn in range(8)
    for node in range(3)
)
