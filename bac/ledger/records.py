"""What the state holds: one frozen record per entry, in tables.

Records are encoded as messages are (one encoding per value), but read back without checks: whatever is in a state was
put there by this ledger, or came with a proof against a certified root.

Source: docs/spec/ledger.md LE-1.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, TypeVar

import msgspec

from bac.errors import Code
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.codec import Message
from bac.wire.transactions import Kind

CHAIN_TABLE: Final = 0
ACCOUNTS_TABLE: Final = 1
MEMBERS_TABLE: Final = 2
POSITIONS_TABLE: Final = 3
REPUTATIONS_TABLE: Final = 4
APPLICATIONS_TABLE: Final = 128
"""Application n owns table 128 + n."""

GENESIS_EPOCH: Final = -1
"""The epoch before the first: what genesis registers acts from epoch 0 on, whatever the lead."""


class Answer(Message, frozen=True, tag=0):
    """What became of a nonce: the transaction that used it, why its operation was refused (None: it was applied)."""

    transaction: Hash
    code: Code | None


class Account(Message, frozen=True, tag=0):
    """An account.

    Attributes:
        balance: 10⁻⁶ coins.
        nonce: that of the next transaction.
        answers: of the last nonces, the latest last.
    """

    balance: int
    nonce: int
    answers: tuple[Answer, ...]

    def answer(self, nonce: int) -> Answer | None:
        """What became of `nonce`; None where it is not used yet, or so old that the answer was dropped."""
        place = nonce - (self.nonce - len(self.answers))
        return self.answers[place] if 0 <= place < len(self.answers) else None


class Standing(IntEnum):
    """How a membership stands. A change acts in the epoch after the one in which it was ordered."""

    PRESENT = 0
    LEAVING = 1
    REMOVED = 2
    REVOKED = 3


class Keys(Message, frozen=True, tag=0):
    """The keys of a member's credential, ordered in epoch `since`."""

    since: int
    signing: bytes
    vrf: bytes
    not_after: Micros
    credential: Hash


class AnnouncedKey(Message, frozen=True, tag=0):
    """A key for the acknowledgements of `epoch`, announced in epoch `since`."""

    epoch: int
    since: int
    public: bytes


class Member(Message, frozen=True, tag=0):
    """A registered identity.

    Attributes:
        kind: what it is.
        resident_since: epoch in which it was admitted here, or came back.
        standing: how the membership stands, and
        standing_since: the epoch in which that was ordered.
        keys: by epoch, ascending; as far back as some coming epoch can ask for.
        acknowledgement_keys: by epoch, ascending.
    """

    kind: Kind
    resident_since: int
    standing: Standing
    standing_since: int
    keys: tuple[Keys, ...]
    acknowledgement_keys: tuple[AnnouncedKey, ...]


class Whereabouts(Message, frozen=True, tag=0):
    """The last position of a member that counted: cm and cm/s on the shard's plane, and when (its clock, block)."""

    time_us: Micros
    x_cm: int
    y_cm: int
    vx_cm_s: int
    vy_cm_s: int
    height: Height


class Reputation(Message, frozen=True, tag=0):
    """What an identity's duties and proofs have come to; written at the end of an epoch. No record: a newcomer's.

    The first eight fields are those of `election.standing.Standing`, which says what they mean.

    Attributes:
        deeds: epochs, ascending, of the deeds that were proven and that a proof could be of still: none counts twice.
    """

    units: int
    honest: int
    dishonest: int
    doubtful: int
    participation: int
    endowment: int
    endowment_left: int
    probation: int
    deeds: tuple[int, ...]


class Totals(Message, frozen=True, tag=0):
    """All coins (10⁻⁶): ``genesis + issued - burnt = balances + held``, after every block.

    Attributes:
        genesis: endowed at the beginning.
        issued: made since.
        burnt: unmade since.
        balances: on accounts.
        held: in the hands of applications.
        issues: how many issues there have been: the serial of the next.
    """

    genesis: int
    issued: int
    burnt: int
    balances: int
    held: int
    issues: int

    @property
    def is_conserved(self) -> bool:
        """Whether no coin came from nowhere or went there."""
        return self.genesis + self.issued - self.burnt == self.balances + self.held


class Held(Message, frozen=True, tag=0):
    """Coins (10⁻⁶) in the hands of one application; no entry where there are none."""

    amount: int


class Tip(Message, frozen=True, tag=0):
    """The last block executed; its receipts are bound to the state root by their own root."""

    height: Height
    epoch: int
    time_us: Micros
    receipts_root: Hash


class Reconfigured(Message, frozen=True, tag=0):
    """The last restart by the authority: where, on whose statements, and whether these were too few to prove it."""

    height: Height
    epoch: int
    parent: Hash
    retired_units: int
    total_units: int
    by_trust: bool


TOTALS_KEY: Final = bytes((CHAIN_TABLE,)) + b"totals"
TIP_KEY: Final = bytes((CHAIN_TABLE,)) + b"tip"
RECONFIGURED_KEY: Final = bytes((CHAIN_TABLE,)) + b"reconfigured"

_HELD = bytes((CHAIN_TABLE,)) + b"held"
_ACCOUNT = bytes((ACCOUNTS_TABLE,))
_MEMBER = bytes((MEMBERS_TABLE,))
_POSITION = bytes((POSITIONS_TABLE,))
_REPUTATION = bytes((REPUTATIONS_TABLE,))


def held_key(application: int) -> bytes:
    """Where the coins in the hands of an application are counted."""
    return _HELD + bytes((application,))


def account_key(identity: bytes) -> bytes:
    """Where the account of `identity` stands."""
    return _ACCOUNT + identity


def member_key(identity: bytes) -> bytes:
    """Where the membership of `identity` stands."""
    return _MEMBER + identity


def position_key(identity: bytes) -> bytes:
    """Where the whereabouts of `identity` stand."""
    return _POSITION + identity


def reputation_key(identity: bytes) -> bytes:
    """Where the reputation of `identity` stands."""
    return _REPUTATION + identity


R = TypeVar("R", bound=Message)

pack = msgspec.msgpack.Encoder().encode
_decoders: dict[type[Any], msgspec.msgpack.Decoder[Any]] = {}


def unpack(kind: type[R], data: bytes) -> R:
    """The record of type `kind` that was packed as `data`."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    record: R = decoder.decode(data)
    return record


class Reader:
    """Typed reads, the same over a state and over a block under way."""

    __slots__ = ()

    def read(self, key: bytes, kind: type[R]) -> R | None:
        """The record under `key`, which is of type `kind`."""
        raise NotImplementedError

    def account(self, identity: NodeId) -> Account | None:
        """The account of `identity`."""
        return self.read(account_key(identity), Account)

    def member(self, identity: NodeId) -> Member | None:
        """The membership of `identity`, past ones included."""
        return self.read(member_key(identity), Member)

    def whereabouts(self, identity: NodeId) -> Whereabouts | None:
        """The last position of `identity` that counted."""
        return self.read(position_key(identity), Whereabouts)

    def reputation(self, identity: NodeId) -> Reputation | None:
        """The reputation of `identity`; None for a newcomer's."""
        return self.read(reputation_key(identity), Reputation)

    def totals(self) -> Totals:
        """All coins."""
        return self._only(TOTALS_KEY, Totals)

    def tip(self) -> Tip:
        """The last block."""
        return self._only(TIP_KEY, Tip)

    def reconfigured(self) -> Reconfigured | None:
        """The last restart by the authority."""
        return self.read(RECONFIGURED_KEY, Reconfigured)

    def _only(self, key: bytes, kind: type[R]) -> R:
        record = self.read(key, kind)
        assert record is not None, "every state since genesis holds it"
        return record
