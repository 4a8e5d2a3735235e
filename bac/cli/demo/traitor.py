"""A leader that equivocates, as a real process: BAC 2.0 behind a filter on its effects.

The filter is one of the simulator's attacks (`bac.sim.attacks`): the honest object works, and what it says is changed on
the way out. Nobody else's software knows of it: the traitor's ``net.toml`` names this module as its engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from bac.node.ledger_engine import LedgerEngine
from bac.protocol import Construction, Effect, Send, Timer
from bac.replica.ground import lay
from bac.replica.replica import Replica
from bac.sim.attacks import Attack, Attacker, Seat
from bac.wire.event import Event
from bac.wire.signed import UNSIGNED, preimage
from bac.wire.sync import EventBatch

HONEST_EPOCHS: Final = 2
"""It earns trust first."""


class Forked(Attack):
    """Makes two events of its own with one self-parent, one for each half of the leaders: once an epoch."""

    def __init__(self, seat: Seat, timer: Timer, honest: Replica) -> None:
        super().__init__(seat, timer)
        self._honest = honest
        self._epoch = -1

    def on_send(self, send: Send) -> Sequence[Effect]:
        """Says one thing to some leaders, and another to the rest."""
        if not isinstance(send.message, EventBatch) or len(send.to) < 2:
            return (send,)
        batch = send.message
        header = batch.events[-1].header
        is_own = header.creator == self._honest.finality.site.me and header.self_parent is not None
        if not is_own or batch.epoch < HONEST_EPOCHS or batch.epoch == self._epoch:
            return (send,)
        self._epoch = batch.epoch
        half = len(send.to) // 2
        twin = replace(batch, events=(*batch.events[:-1], self._twin(batch.events[-1])))
        return (Send(send.to[:half], batch), Send(send.to[half:], twin))

    def _twin(self, event: Event) -> Event:
        """The same event, a microsecond later."""
        scope = self._honest.finality.site.scope
        later = replace(event.header, time_us=event.header.time_us + 1, signature=UNSIGNED)
        signature = self.seat.sign(preimage(later, scope.network, scope.shard))
        return Event(replace(later, signature=signature), event.payload)


class Traitor(Attacker):
    """What the node reads of its protocol object is the honest one's."""

    def __init__(self, construction: Construction, ground: Any) -> None:
        honest = Replica(construction, ground)
        site = honest.finality.site
        seat = Seat(site.others, construction.random, site.signing.sign, 0)
        super().__init__(honest, seat, (lambda seat, timer: Forked(seat, timer, honest),))
        self.honest = honest

    def __getattr__(self, name: str) -> Any:
        return getattr(self.honest, name)


EQUIVOCATOR: Final = LedgerEngine("bac", Traitor, lay)
