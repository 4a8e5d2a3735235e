"""Who comes, goes and comes back in a world of BAC 2.0, and when: drawn from its seed, beside what the world says.

Newcomers are unknown to genesis; the authority admits them by a transaction that somebody's client hands in. Travellers
leave by a transaction of their own, or announce that they drive off; who has left comes back by a renewal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bac.protocol import Effect, SetTimer, Timer
from bac.replica.replica import PACE_TIMER, Replica
from bac.sim import seeds
from bac.sim.world import SECOND, World
from bac.types import Micros
from bac.wire.transactions import VerifiedTransaction

NEWCOMERS_FROM: Final = 6
"""Fewest nodes of a world with newcomers."""
JOURNEY_TIMER: Final = "journey"


@dataclass(frozen=True, slots=True)
class Journeys:
    """Comings and goings.

    Attributes:
        newcomers: nodes that genesis does not know.
        departures: (time in µs, whether it leaves for good) of each traveller.
        orders: ordinal of a client's transaction, and the node that it admits or renews instead of paying.
    """

    newcomers: tuple[int, ...] = ()
    departures: Mapping[int, tuple[int, bool]] = field(default_factory=dict)
    orders: Mapping[int, int] = field(default_factory=dict)


def draw_journeys(world: World) -> Journeys:
    """The journeys of a world: none in half of them; so few that the dishonest stay below a third."""
    random = seeds.generator(world.seed, "journeys")
    honest = [node for node in random.sample(range(len(world.units)), len(world.units)) if node in world.honest]
    if len(world.units) < NEWCOMERS_FROM or len(world.submissions) < NEWCOMERS_FROM or random.getrandbits(1):
        return Journeys()
    newcomers = tuple(honest[:1]) if _may_miss(world, honest[:1]) else ()
    travellers = tuple(honest[1:2]) if _may_miss(world, honest[:2]) else ()
    departures = {node: (random.randrange(SECOND, 15 * SECOND), bool(random.getrandbits(1))) for node in travellers}
    orders = {random.randrange(5): node for node in newcomers}
    orders |= {len(world.submissions) - 1: node for node in travellers if departures[node][1]}
    return Journeys(newcomers, departures, orders)


def _may_miss(world: World, missing: Sequence[int]) -> bool:
    """Whether the dishonest stay below a third of the others, by number and by units; and four are left."""
    rest = [node for node in range(len(world.units)) if node not in missing]
    dishonest = [node for node in rest if node not in world.honest]
    by_units = 3 * sum(world.units[node] for node in dishonest) < sum(world.units[node] for node in rest)
    return by_units and 3 * len(dishonest) < len(rest) and len(rest) - len(dishonest) >= 4


class Traveller(Replica):
    """A vehicle whose driver sets out at some time: by a transaction if it is for good, else by announcement.

    Attributes:
        departs_us: when; never before 1.
        leave: makes the transaction from its nonce; None for who only drives off.
    """

    departs_us: int = 0
    leave: Callable[[int], VerifiedTransaction] | None = None

    def start(self, now: Micros) -> Sequence[Effect]:
        """As the base's."""
        effects = super().start(now)
        return effects if now >= self.departs_us else [*effects, SetTimer(JOURNEY_TIMER, Micros(self.departs_us))]

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        """As the base's; at the time, it sets out."""
        if timer != JOURNEY_TIMER:
            return super().on_timer(timer, now)
        if self.leave is None:
            self.candidacy.depart()
            return super().on_timer(PACE_TIMER, now)
        nonce = self.mempool.next_nonce(self._site.me, self._confirmed().ledger)
        return self.on_transaction(self.leave(nonce), now)
