"""A leader that equivocates, as a real process: BAC 2.0 behind a filter on its effects.

The filter is the simulator's (`bac.sim.attacks_replica`): the honest object works, and what it says is changed on the
way out: of every event of its own there are two, one for its friends, one for all others. Nobody else's software knows
of it: the traitor's ``net.toml`` names this module as its engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bac.node.ledger_engine import LedgerEngine
from bac.protocol import Construction, Effect, Send
from bac.replica.ground import lay
from bac.replica.replica import Replica
from bac.sim.attacks_replica import Conspirator

HONEST_EPOCHS: Final = 2
"""It earns trust first."""


class Equivocator(Conspirator):
    """Forks its events whenever it leads, from the third epoch on."""

    def __init__(self, construction: Construction, ground: Any) -> None:
        honest = Replica(construction, ground)
        site = honest.finality.site
        super().__init__(honest, frozenset({"fork"}), construction.random, {site.me: site.signing})

    def __getattr__(self, name: str) -> Any:
        """What a node reads of its protocol object is the honest one's."""
        return getattr(self.honest, name)

    def change(self, send: Send) -> Iterator[Effect]:
        """As the base's."""
        if self.honest.finality.term.epoch.number < HONEST_EPOCHS:
            yield send
        else:
            yield from super().change(send)


EQUIVOCATOR: Final = LedgerEngine("bac", Equivocator, lay)
