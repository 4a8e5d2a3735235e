"""Where applications plug in: a number, a table of their own in the state, and coins in their hands.

An application is a pure object that the ledger calls with a view of the block under way. It sees the whole ledger, and
changes what its view lets it change. Its refusals are `Rejected`, like those of any operation.

Source: docs/spec/ledger.md LE-26.
"""

from __future__ import annotations

from typing import Protocol as Interface

from bac.ledger.block import BlockContext
from bac.ledger.disclosure import VALUE_BYTES_MAX
from bac.ledger.draft import Draft
from bac.ledger.records import APPLICATIONS_TABLE, Account, Held, Member, held_key
from bac.params import Params
from bac.types import NodeId

KEY_BYTES_MAX = 127


def application_key(application: int, key: bytes) -> bytes:
    """Where `key` of an application stands in the state."""
    return bytes((APPLICATIONS_TABLE + application,)) + key


class ApplicationView:
    """What an application may do in a block: its own entries, and coins between accounts and its hands."""

    __slots__ = ("_application", "_draft", "_minimum")

    def __init__(self, draft: Draft, application: int, params: Params) -> None:
        self._draft = draft
        self._application = application
        self._minimum = params.account_minimum

    def get(self, key: bytes) -> bytes | None:
        """What was put under `key`."""
        return self._draft.read_bytes(application_key(self._application, key))

    def put(self, key: bytes, value: bytes | None) -> None:
        """Puts `value` under `key`, or deletes it.

        Raises:
            ValueError: too long a key or value for the state.
        """
        if len(key) > KEY_BYTES_MAX or (value is not None and len(value) > VALUE_BYTES_MAX):
            raise ValueError(f"keys have up to {KEY_BYTES_MAX} bytes, values up to {VALUE_BYTES_MAX}")
        place = application_key(self._application, key)
        self._draft.read_bytes(place)
        self._draft.write(place, value)

    def account(self, identity: NodeId) -> Account | None:
        """The account of `identity`."""
        return self._draft.account(identity)

    def member(self, identity: NodeId) -> Member | None:
        """The membership of `identity`."""
        return self._draft.member(identity)

    def held(self) -> int:
        """Coins (10⁻⁶) in the application's hands."""
        held = self._draft.read(held_key(self._application), Held)
        return 0 if held is None else held.amount

    def hold(self, identity: NodeId, amount: int) -> None:
        """Takes coins of an account into the application's hands.

        Raises:
            Rejected: `INSUFFICIENT_BALANCE`.
            ValueError: a negative amount.
        """
        if amount < 0:
            raise ValueError("what is held is not negative")
        self._draft.debit(identity, amount)
        self._move(amount)

    def release(self, identity: NodeId, amount: int) -> None:
        """Gives coins in the application's hands to an account, which is opened if need be.

        Raises:
            Rejected: `ACCOUNT_MINIMUM`.
            ValueError: a negative amount, or more than there is.
        """
        if not 0 <= amount <= self.held():
            raise ValueError("what is released is not negative, nor more than is held")
        self._draft.credit(identity, amount, self._minimum)
        self._move(-amount)

    def _move(self, change: int) -> None:
        after = self.held() + change
        self._draft.write(held_key(self._application), Held(after) if after else None)
        self._draft.count(held=change)


class Application(Interface):
    """Something that lives on the ledger: the energy market, for one."""

    def execute(self, view: ApplicationView, sender: NodeId, payload: bytes, block: BlockContext) -> None:
        """Executes what `sender` asked for in a `Call`. Raises Rejected; nothing it wrote then stays."""
        ...

    def end_block(self, view: ApplicationView, block: BlockContext) -> None:
        """Called once at the end of every block, whatever is in it: deadlines, clearings."""
        ...
