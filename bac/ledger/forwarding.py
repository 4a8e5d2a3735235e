"""Clients' transactions on their way from the node that took them to the leaders who order them.

Theory of operation. What a client hands in is told to the first leaders of the epoch, whether or not a peer has told
the node of it before: who has heard of a transaction first must not be able to keep it from the others. What comes in
together goes out together. When other leaders take over, those that were not told are told everything that waits; what
waits for longer than T_repeat is told to all leaders and to some others, again and again, until it leaves the pool.
While transactions go through, only those are told again that later ones have overtaken: the rest waits its turn, and to
repeat it would slow down the leaders that are behind already.

Source: docs/spec/finality.md MP-6 to MP-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bac.ledger.mempool import Mempool
from bac.types import Hash, Micros, NodeId
from bac.wire.codec import encode
from bac.wire.sync import TransactionBatch
from bac.wire.transactions import VerifiedTransaction

BATCH_ITEMS: Final = 256
BATCH_BYTES: Final = 1 << 16
REPEATED_MAX: Final = 256
"""Transactions said again at a time."""

Told = tuple[tuple[NodeId, ...], TransactionBatch]
"""Who is told what."""


@dataclass(slots=True)
class _Waiting:
    transaction: VerifiedTransaction
    number: int
    said_us: Micros


class Forwarding:
    """What this node's clients handed in, and the pool still holds."""

    def __init__(self) -> None:
        self._waiting: dict[Hash, _Waiting] = {}
        self._fresh: dict[Hash, VerifiedTransaction] = {}
        self._told: tuple[NodeId, ...] = ()
        self._taken = 0
        self._passed = -1
        self._is_moving = False

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, transaction: VerifiedTransaction, now: Micros) -> None:
        """MP-6: a client's transaction that the pool holds; told with the next `tell`."""
        if transaction.id not in self._waiting:
            self._waiting[transaction.id] = _Waiting(transaction, self._taken, now)
            self._taken += 1
            self._fresh[transaction.id] = transaction

    def tell(self, leaders: tuple[NodeId, ...]) -> Iterator[Told]:
        """MP-6, MP-7: what is new, to these leaders; all that waits, to those of them who were not told before."""
        fresh, self._fresh = self._fresh, {}
        told, self._told = self._told, leaders
        old = tuple(each for each in leaders if each in told)
        new = tuple(each for each in leaders if each not in told)
        if new and len(fresh) < len(self._waiting):
            yield from _batches(old, fresh.values())
            yield from _batches(new, (each.transaction for each in self._waiting.values()))
        else:
            yield from _batches(leaders, fresh.values())

    def repeat(self, to: tuple[NodeId, ...], before_us: Micros, now: Micros) -> Iterator[Told]:
        """MP-8: what waits and was last said at `before_us` or earlier, the oldest first, within a bound.

        If something has gone through since the last time, only what was overtaken.
        """
        last = self._passed if self._is_moving else self._taken
        self._is_moving = False
        due: list[VerifiedTransaction] = []
        for each in self._waiting.values():
            if each.number < last and each.said_us <= before_us and len(due) < REPEATED_MAX:
                each.said_us = now
                due.append(each.transaction)
        yield from _batches(to, due)

    def settle(self, pool: Mempool) -> None:
        """What has left the pool waits no more."""
        for gone in [each for each in self._waiting if each not in pool]:
            self._passed = max(self._passed, self._waiting.pop(gone).number)
            self._fresh.pop(gone, None)
            self._is_moving = True


def _batches(to: Sequence[NodeId], transactions: Iterable[VerifiedTransaction]) -> Iterator[Told]:
    items: list[bytes] = []
    size = 0
    for each in transactions if to else ():
        if items and (len(items) == BATCH_ITEMS or size + each.size > BATCH_BYTES):
            yield tuple(to), TransactionBatch(tuple(items))
            items, size = [], 0
        items.append(encode(each.signed))
        size += each.size
    if items:
        yield tuple(to), TransactionBatch(tuple(items))
