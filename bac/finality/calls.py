"""What the authority calls for and no block orders: that voters retire, and that the shard be restarted.

A call comes inside a transaction, since that is what clients may hand in; who sent that does not matter, and it never
gets into a pool. What counts is the authority's signature, judged at the intake.

Source: docs/spec/finality.md R10, R13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bac.wire.codec import encode
from bac.wire.transactions import DecodedTransaction, Mandate, Order, Reconfigure, Summon, VerifiedTransaction

CALLS_MAX: Final = 4
"""Summonses and orders that are remembered; the authority signs one of each for an epoch."""


@dataclass(frozen=True, slots=True)
class Call:
    """An order to restart.

    Attributes:
        order: what it says.
        item: as an item of the block that carries it out.
        data: the transaction that brought it here, encoded.
    """

    order: Reconfigure
    item: bytes
    data: bytes


class Calls:
    """What one node has heard of the authority."""

    def __init__(self) -> None:
        self._summons: dict[int, bytes] = {}
        self._restarts: dict[bytes, Call] = {}

    def __iter__(self) -> Iterator[Call]:
        return iter(self._restarts.values())

    def take(self, transaction: VerifiedTransaction, epoch: int) -> bytes | None:
        """Takes a call; the transaction, encoded, if it is news. `epoch` is the present one: past ones are over."""
        operation, said = transaction.transaction.operation, transaction.inner
        if isinstance(said, Summon) and said.epoch >= epoch and said.epoch not in self._summons:
            data = self._summons[said.epoch] = encode(transaction.signed)
            if len(self._summons) > CALLS_MAX:
                del self._summons[next(iter(self._summons))]
            return data
        if isinstance(said, Reconfigure) and isinstance(operation, Order) and operation.order not in self._restarts:
            data = encode(transaction.signed)
            self._restarts[operation.order] = Call(said, encode(Mandate(operation.order, operation.signature)), data)
            if len(self._restarts) > CALLS_MAX:
                del self._restarts[next(iter(self._restarts))]
            return data
        return None

    def summons(self, epoch: int) -> bytes | None:
        """The transaction that summoned the voters of `epoch`, encoded; None if nobody did."""
        return self._summons.get(epoch)


def is_call(transaction: DecodedTransaction | VerifiedTransaction) -> bool:
    """Whether a transaction brings in something that voters heed, and no ledger executes."""
    return isinstance(transaction.inner, Summon | Reconfigure)
