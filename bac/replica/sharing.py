"""How a block gets to those who do not lead: one leader sends it to each, and the next one if that does not help (R8).

The leaders that are there, as the last rounds show, each take an equal share of the others. T_publish later a leader
sends the block to the share of the one before it, then to that of the one before that, as long as there is no
certificate. So a leader that withholds delays its share, and a block that has its certificate costs one sending.

Source: docs/spec/replica.md RP-78.
"""

from __future__ import annotations

from collections.abc import Sequence

from bac.finality.chain import Link
from bac.types import Micros, NodeId


class Sharing:
    """One block on its way to those who do not lead."""

    def __init__(self, link: Link, leaders: tuple[NodeId, ...]) -> None:
        """`leaders` share the work, in this order."""
        self.link = link
        self._leaders = leaders
        self._turn = 0
        self._began: Micros | None = None

    def due_us(self, pause_us: int, now: Micros) -> Micros:
        """When the next share is to be sent; far off when all is done."""
        if self.is_over():
            return Micros(2**62)
        if self._began is None:
            self._began = now
        return Micros(self._began + self._turn * pause_us)

    def is_over(self) -> bool:
        """Whether nothing is left to be sent."""
        return self._turn == len(self._leaders) or (self._turn > 0 and self.link.certificate is not None)

    def take(self, me: NodeId, others: Sequence[NodeId]) -> tuple[NodeId, ...]:
        """Whom to send it to now."""
        turn, self._turn = self._turn, self._turn + 1
        if me not in self._leaders:
            return ()
        place = (self._leaders.index(me) - turn) % len(self._leaders)
        return tuple(others[place :: len(self._leaders)])
