"""A block under way: the parent state, and what has been written over it so far.

The parent is never touched. Records are read once and kept decoded; an operation that is refused is undone by what it
overwrote. Coins move through `credit` and `debit` alone, and what the accounts hold in the end is summed from what was
written, not from what was meant.
"""

from __future__ import annotations

from typing import TypeAlias

from bac.errors import Code, Rejected
from bac.ledger.records import (
    ACCOUNTS_TABLE,
    TOTALS_KEY,
    Account,
    R,
    Reader,
    Totals,
    account_key,
    pack,
)
from bac.ledger.state import State
from bac.types import NodeId
from bac.wire.codec import Message

_Value: TypeAlias = Message | bytes | None
"""A record, the bytes of an application, or nothing."""


class Draft(Reader):
    """Reads and writes over `state`."""

    __slots__ = ("_before", "_now", "_undo", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self._before: dict[bytes, _Value] = {}
        self._now: dict[bytes, _Value] = {}
        self._undo: dict[bytes, _Value] | None = None

    def read(self, key: bytes, kind: type[R]) -> R | None:
        """The record under `key`, which is of type `kind`."""
        if key in self._now:
            known = self._now[key]
            assert known is None or isinstance(known, kind), "a table holds records of one type"
            return known
        record = self.state.read(key, kind)
        self._before[key] = self._now[key] = record
        return record

    def read_bytes(self, key: bytes) -> bytes | None:
        """What an application put under `key`."""
        if key not in self._now:
            self._before[key] = self._now[key] = self.state.trie.get(key)
        known = self._now[key]
        assert known is None or isinstance(known, bytes), "a table of an application holds bytes"
        return known

    def write(self, key: bytes, value: _Value) -> None:
        """Puts `value` under `key`, which has been read before."""
        assert key in self._now, "what is overwritten has been read"
        if self._undo is not None:
            self._undo.setdefault(key, self._now[key])
        self._now[key] = value

    def begin(self) -> None:
        """What is written from here on may be undone."""
        self._undo = {}

    def undo(self) -> None:
        """Takes back everything written since `begin`."""
        assert self._undo is not None, "nothing was begun"
        self._now.update(self._undo)
        self._undo = None

    def keep(self) -> None:
        """Accepts everything written since `begin`."""
        self._undo = None

    def changes(self) -> dict[bytes, bytes | None]:
        """Key and new value of every entry that differs from the parent's."""
        changed: dict[bytes, bytes | None] = {}
        for key, value in self._now.items():
            if value != self._before[key]:
                changed[key] = value if value is None or isinstance(value, bytes) else pack(value)
        return changed

    def balance_change(self) -> int:
        """By how much all accounts together hold more than in the parent state."""
        return sum(
            _balance(value) - _balance(self._before[key])
            for key, value in self._now.items()
            if key[0] == ACCOUNTS_TABLE
        )

    # ------------------------------------------------------------ coins

    def credit(self, identity: NodeId, amount: int, minimum: int) -> None:
        """Adds `amount` to an account, which is opened if there is none.

        Raises:
            Rejected: `ACCOUNT_MINIMUM`, less than `minimum` to open an account with.
        """
        account = self.account(identity)
        if account is None:
            if amount < minimum:
                raise Rejected(Code.ACCOUNT_MINIMUM, f"an account is opened with {minimum} at least")
            account = Account(0, 0, ())
        self.write(account_key(identity), Account(account.balance + amount, account.nonce, account.answers))

    def debit(self, identity: NodeId, amount: int) -> None:
        """Takes `amount` from an account.

        Raises:
            Rejected: `INSUFFICIENT_BALANCE`.
        """
        account = self.account(identity)
        if account is None or account.balance < amount:
            raise Rejected(Code.INSUFFICIENT_BALANCE, f"{amount} cannot be paid")
        self.write(account_key(identity), Account(account.balance - amount, account.nonce, account.answers))

    def count(self, *, issued: int = 0, burnt: int = 0, held: int = 0, balances: int = 0, issues: int = 0) -> None:
        """Adds to the totals."""
        old = self.totals()
        self.write(
            TOTALS_KEY,
            Totals(
                genesis=old.genesis,
                issued=old.issued + issued,
                burnt=old.burnt + burnt,
                balances=old.balances + balances,
                held=old.held + held,
                issues=old.issues + issues,
            ),
        )


def _balance(value: _Value) -> int:
    return value.balance if isinstance(value, Account) else 0
