"""Transactions: what a client signs, and the operations that it may ask for.

A `SignedTransaction` carries the encoding of a `Transaction` as opaque bytes beside the signature on them. Orders of
the authority and position reports are signed by others than the sender, so they too travel as opaque bytes, inside.

Every signature that a transaction needs can be judged without the state: the keys stand in the transaction, the
authority's stands in genesis. `obligations` lists all of them. They are judged once, where the bytes come in; the
ledger judges what depends on the state (whether a key is its owner's at that time, whether a witness is a member) and
does no cryptography. A transaction that fails its obligations is invalid by itself, whatever the state.

Sources: docs/spec/ledger.md LE-8 to LE-11; docs/spec/wire.md for the encoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Annotated, ClassVar, NewType, TypeAlias

from msgspec import Meta

from bac.types import Hash
from bac.wire.codec import (
    U32,
    U64,
    Bytes32,
    Bytes64,
    Domain,
    HashField,
    HeightField,
    IdField,
    Message,
    TimeField,
    decode,
    hash_of,
    signing_bytes,
)

TRANSACTION_BYTES_MAX = 2**15
CONTENT_BYTES_MAX = TRANSACTION_BYTES_MAX - 128
ORDER_BYTES_MAX = CONTENT_BYTES_MAX - 512
PAYLOAD_BYTES_MAX = 2**14
WITNESSES_MAX = 8
APPLICATIONS_MAX = 64
REMOVED_MAX = 512
REACH_CM = 10**9
"""Farthest from the origin of the plane that a position can be, and fastest in cm/s: no product overflows 64 bits."""

Place: TypeAlias = Annotated[int, Meta(ge=-REACH_CM, le=REACH_CM)]


class Kind(IntEnum):
    """What a member is. Only vehicles vote; relays and stations vouch."""

    VEHICLE = 0
    RELAY = 1
    STATION = 2


# ---------------------------------------------------------------- orders of the authority (encoded inside `Order`)


class Admit(Message, frozen=True, tag=1):
    """Admits `identity`, which is its first signing key.

    `credential` is the hash of the credential that people and handshakes look at; `not_after` is judged by block time.
    """

    identity: IdField
    kind: Kind
    vrf_key: Bytes32
    not_after: TimeField
    credential: HashField


class Renew(Message, frozen=True, tag=2):
    """Gives a member a later `not_after`, with the same or new keys. Also how one comes back who had left."""

    identity: IdField
    signing_key: Bytes32
    vrf_key: Bytes32
    not_after: TimeField
    credential: HashField


class Revoke(Message, frozen=True, tag=3):
    """Ends a membership for good."""

    identity: IdField


class Reconfigure(Message, frozen=True, tag=4):
    """Restarts a shard whose electorate has lost more than a third of its units.

    It names the block that it builds on and removes members. `retirements` is the hash of the retirement statements
    that stand in the same block.
    """

    CAP: ClassVar[int] = ORDER_BYTES_MAX

    parent_height: HeightField
    parent: HashField
    retirements: HashField
    removed: Annotated[tuple[IdField, ...], Meta(max_length=REMOVED_MAX)]


class Issue(Message, frozen=True, tag=5):
    """Makes `amount` new coins (10⁻⁶). `serial` counts the issues of a shard from 0, so that none counts twice."""

    serial: U64
    recipient: IdField
    amount: U64


class Summon(Message, frozen=True, tag=6):
    """Calls upon the voters of `epoch` to retire from it, so that the shard can be restarted.

    It goes from node to node, and has no effect in a block.
    """

    epoch: U64


class Mandate(Message, frozen=True, tag=22):
    """A `Reconfigure`, encoded, and the authority's signature on it: an item of the block that restarts a shard.

    It is no transaction: whoever sees the order could bring it in by one of its own, and of two bodies for one order
    neither might find a quorum, in a view after which there is none.
    """

    CAP: ClassVar[int] = TRANSACTION_BYTES_MAX

    order: Annotated[bytes, Meta(max_length=ORDER_BYTES_MAX)]
    signature: Bytes64


AuthorityOrder: TypeAlias = Admit | Renew | Revoke | Reconfigure | Issue | Summon


# ---------------------------------------------------------------- operations


class Transfer(Message, frozen=True, tag=1):
    """Moves `amount` (10⁻⁶ coins) from the sender to `recipient`."""

    recipient: IdField
    amount: U64


class Leave(Message, frozen=True, tag=2):
    """The sender ends its membership."""


class AcknowledgementKey(Message, frozen=True, tag=3):
    """Announces the sender's key for acknowledgements in `epoch`, with the proof that it holds the secret."""

    epoch: U64
    public: Annotated[bytes, Meta(min_length=32, max_length=48)]
    possession: Annotated[bytes, Meta(min_length=64, max_length=96)]


class Position(Message, frozen=True, tag=1):
    """Where a member says that it is: cm and cm/s on the shard's plane, east and north."""

    identity: IdField
    time_us: TimeField
    x_cm: Place
    y_cm: Place
    vx_cm_s: Place
    vy_cm_s: Place


class Witness(Message, frozen=True, tag=1):
    """Vouches by its signature for a `Position` that it observed."""

    identity: IdField
    key: Bytes32
    signature: Bytes64


class PositionReport(Message, frozen=True, tag=4):
    """The sender's `Position`, encoded, and who vouches for it."""

    position: Annotated[bytes, Meta(max_length=Position.CAP)]
    witnesses: Annotated[tuple[Witness, ...], Meta(max_length=WITNESSES_MAX)]


class Order(Message, frozen=True, tag=5):
    """An `AuthorityOrder`, encoded, and the authority's signature on it; anybody may bring it in."""

    order: Annotated[bytes, Meta(max_length=ORDER_BYTES_MAX)]
    signature: Bytes64


class Call(Message, frozen=True, tag=6):
    """Something for an application of the ledger, by its number."""

    application: Annotated[int, Meta(ge=0, le=APPLICATIONS_MAX - 1)]
    payload: Annotated[bytes, Meta(max_length=PAYLOAD_BYTES_MAX)]


Operation: TypeAlias = Transfer | Leave | AcknowledgementKey | PositionReport | Order | Call


# ---------------------------------------------------------------- the envelope


class Transaction(Message, frozen=True, tag=1):
    """What the sender signs.

    Attributes:
        network: hash of genesis.
        shard: whose ledger it is for.
        sender: the account that pays, and acts.
        key: the key that signs: the sender itself, or the signing key of its last renewal.
        nonce: counts the transactions of the sender from 0.
        fee: coins (10⁻⁶) that the sender pays, whether or not the operation succeeds.
        expiry: the last block time at which it may be executed, in µs.
        operation: what is asked for.
    """

    CAP: ClassVar[int] = CONTENT_BYTES_MAX

    network: HashField
    shard: U32
    sender: IdField
    key: Bytes32
    nonce: U64
    fee: U64
    expiry: TimeField
    operation: Operation


class SignedTransaction(Message, frozen=True, tag=1):
    """A `Transaction`, encoded, and the signature on it."""

    CAP: ClassVar[int] = TRANSACTION_BYTES_MAX

    content: Annotated[bytes, Meta(max_length=CONTENT_BYTES_MAX)]
    signature: Bytes64


Inner: TypeAlias = AuthorityOrder | Position | None


@dataclass(frozen=True, slots=True)
class DecodedTransaction:
    """A transaction read from bytes, its signatures not judged yet.

    Attributes:
        id: hash of the bytes, signature included.
        size: bytes that came in.
        signed: what came in.
        transaction: what the sender signed.
        inner: what others signed, decoded: the authority's order, or the position.
    """

    id: Hash
    size: int
    signed: SignedTransaction
    transaction: Transaction
    inner: Inner

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for it. Nobody does for a member's keys: they are announced epochs ahead."""
        return not isinstance(self.transaction.operation, AcknowledgementKey)


VerifiedTransaction = NewType("VerifiedTransaction", DecodedTransaction)
"""One whose obligations were met. Only the intake makes it, and the ledger takes nothing else."""


@dataclass(frozen=True, slots=True)
class Obligations:
    """What must hold of a transaction by itself, beyond its encoding.

    Attributes:
        signatures: (public key, message, signature), all of which must verify.
        publics: keys that are to be registered: each must be a valid public key.
        possessions: (public key, proof) of the quorum scheme.
    """

    signatures: tuple[tuple[bytes, bytes, bytes], ...]
    publics: tuple[bytes, ...] = ()
    possessions: tuple[tuple[bytes, bytes], ...] = ()


@lru_cache(maxsize=4096)
def decode_transaction(data: bytes) -> DecodedTransaction:
    """Reads a transaction and everything encoded inside it; remembered for a while, since it comes by several ways.

    Raises:
        Rejected: `MALFORMED` or `OVERSIZED`.
    """
    signed = decode(SignedTransaction, data)
    transaction = decode(Transaction, signed.content)
    operation = transaction.operation
    inner: Inner = None
    if isinstance(operation, Order):
        inner = decode(AuthorityOrder, operation.order, ORDER_BYTES_MAX)
    elif isinstance(operation, PositionReport):
        inner = decode(Position, operation.position)
    return DecodedTransaction(hash_of(Domain.TRANSACTION_ID, data), len(data), signed, transaction, inner)


def transaction_preimage(network: Hash, shard: int, content: bytes) -> bytes:
    """What the sender signs for the encoding `content` of its `Transaction`."""
    return signing_bytes(Domain.TRANSACTION, network, shard, content)


def order_preimage(network: Hash, shard: int, order: bytes) -> bytes:
    """What the authority signs for the encoding `order` of an `AuthorityOrder`."""
    return signing_bytes(Domain.AUTHORITY, network, shard, order)


def witness_preimage(network: Hash, shard: int, position: bytes) -> bytes:
    """What a witness signs for the encoding `position` of a `Position`."""
    return signing_bytes(Domain.WITNESS, network, shard, position)


@lru_cache(maxsize=4096)
def obligations(decoded: DecodedTransaction, authority: bytes) -> Obligations:
    """All that must be judged about `decoded`, where `authority` is the public key in genesis; remembered for a while.

    Asked for by who verifies ahead, and by who judges.
    """
    transaction = decoded.transaction
    where = (transaction.network, transaction.shard)
    signed = decoded.signed
    own = (transaction.key, transaction_preimage(*where, signed.content), signed.signature)
    match transaction.operation:
        case Order(order, signature):
            return Obligations((own, (authority, order_preimage(*where, order), signature)), _publics(decoded.inner))
        case PositionReport(position, witnesses):
            message = witness_preimage(*where, position)
            return Obligations((own, *((witness.key, message, witness.signature) for witness in witnesses)))
        case AcknowledgementKey(_, public, possession):
            return Obligations((own,), possessions=((public, possession),))
        case _:
            return Obligations((own,))


def _publics(order: Inner) -> tuple[bytes, ...]:
    match order:
        case Admit():
            return (order.identity, order.vrf_key)
        case Renew():
            return (order.signing_key, order.vrf_key)
        case _:
            return ()
