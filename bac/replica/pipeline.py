"""From closed rounds to blocks: one block per round, whose header every leader derives alike (7.1, 7.2, H4).

The pipeline runs ahead of confirmation: the next block is built on the last one made, signed or not. It ends with the
last block of the epoch; rounds that close after it are void (H2).

Source: docs/spec/replica.md RP-72 to RP-74.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from bac.finality.chain import Link, header_hash
from bac.finality.term import Term
from bac.ledger.verifications import is_awaited
from bac.replica.graph import Round
from bac.types import Micros, NodeId
from bac.wire.block import Body, RoundRecord
from bac.wire.codec import encode

PRESENT_ROUNDS: Final = 4
"""Closed rounds that show who is there."""


class Pipeline:
    """The blocks of one epoch as one leader makes them.

    Attributes:
        tip: the last one made; the boundary before the first.
        awaited_height: of the last one with a transaction for which somebody waits; -1 for none.
    """

    def __init__(self, term: Term) -> None:
        self._term = term
        self._places = {leader.identity: place for place, leader in enumerate(term.epoch.committee)}
        self._rounds: deque[Round] = deque()
        self._is_done = False
        self._recent: deque[tuple[NodeId, ...]] = deque(maxlen=PRESENT_ROUNDS)
        self.tip: Link = term.tree.root
        self.awaited_height = -1

    @property
    def is_done(self) -> bool:
        """Whether the last block of the epoch is made."""
        return self._is_done

    def push(self, rounds: list[Round]) -> None:
        """Rounds that have closed, in order."""
        self._rounds.extend(rounds)

    def make(self) -> Link | None:
        """The next block, if its round has closed and the state before it is here; the tip is it then."""
        if not self._rounds or self._is_done or self.tip.state is None:
            return None
        each = self._rounds.popleft()
        self._recent.append(each.witnesses)
        items = (encode(self._record(each)), *each.items)
        time_us = Micros(max(self.tip.header.time_us + 1, each.time_us))
        link = self._known(time_us, items) or self._derive(time_us, items)
        if link is None:
            self._is_done = True
            return None
        self.tip = link
        if is_awaited(link.body):
            self.awaited_height = link.header.height
        self._is_done = link.header.boundary is not None
        return link

    def present(self) -> tuple[NodeId, ...]:
        """The leaders that made a famous witness lately, in the order of succession: all leaders agree on them."""
        seen = {witness for witnesses in self._recent for witness in witnesses}
        return tuple(leader for leader in self._places if leader in seen)

    def _record(self, each: Round) -> RoundRecord:
        bits = bytearray((len(self._places) + 7) // 8)
        for witness in each.witnesses:
            place = self._places[witness]
            bits[place // 8] |= 1 << place % 8
        return RoundRecord(bytes(bits))

    def _known(self, time_us: Micros, items: tuple[bytes, ...]) -> Link | None:
        """This very block, where it was judged before: after a restart, or because it came from a peer first."""
        for child in self.tip.children:
            is_made = child.state is not None and child.body is not None and child.header.view == 0
            if is_made and child.header.time_us == time_us and child.body == Body(items):
                return child
        return None

    def _derive(self, time_us: Micros, items: tuple[bytes, ...]) -> Link | None:
        """The block that follows from the round; None beyond the last round."""
        derived = self._term.validity.order(self.tip, time_us, items)
        if derived is None:
            return None
        link = self._term.propose(derived.header, header_hash(derived.header), None)
        link.body = Body(items)
        link.draft = derived
        link.state = derived.state
        return link
