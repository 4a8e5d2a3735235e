"""The one encoding: canonical MessagePack, strict in both directions, and the domains that hashes and signatures name.

A value has exactly one encoding, and bytes that are not the encoding of a value are refused. No MessagePack decoder
refuses all second forms (integers longer than need be, for one), so `decode` encodes again and compares. Structures are
arrays: no keys, hence no order of keys, no unknown and no doubled keys. There are no floats and no maps.

What is hashed or signed is the bytes received. A message that is hashed or signed apart from the message that carries
it is carried as opaque bytes; its bytes are then at hand and are decoded on their own.

Sources: docs/spec/wire.md WI-1 to WI-7, WI-34; the MessagePack specification.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar, overload

import msgspec
from msgspec import Meta

from bac.errors import Code, Rejected
from bac.types import Hash, Height, Micros, NodeId, Units

PROTOCOL_VERSION = 1
"""Changes with every change of an encoding or a rule; part of the genesis, of handshakes and of every signature."""

Bytes32: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
Bytes48: TypeAlias = Annotated[bytes, Meta(min_length=48, max_length=48)]
Bytes64: TypeAlias = Annotated[bytes, Meta(min_length=64, max_length=64)]
Bytes80: TypeAlias = Annotated[bytes, Meta(min_length=80, max_length=80)]
Bytes96: TypeAlias = Annotated[bytes, Meta(min_length=96, max_length=96)]
IdField: TypeAlias = Annotated[NodeId, Meta(min_length=32, max_length=32)]
HashField: TypeAlias = Annotated[Hash, Meta(min_length=32, max_length=32)]

U8: TypeAlias = Annotated[int, Meta(ge=0, le=2**8 - 1)]
U16: TypeAlias = Annotated[int, Meta(ge=0, le=2**16 - 1)]
U32: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U64: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Up to 2^63 - 1, so that every implementation can hold it in a signed 64-bit integer."""
I64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
HeightField: TypeAlias = Annotated[Height, Meta(ge=0, le=2**63 - 1)]
TimeField: TypeAlias = Annotated[Micros, Meta(ge=0, le=2**63 - 1)]
UnitsField: TypeAlias = Annotated[Units, Meta(ge=0, le=2**63 - 1)]


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Base of everything that travels: an immutable record, encoded as an array of its tag and its fields in order.

    A concrete type is ``class X(Message, frozen=True, tag=n)`` with 0 <= n < 128, so that the tag is one byte, and has
    no default values. Frozen records cannot form cycles, hence ``gc=False``.
    """

    CAP: ClassVar[int] = 4096
    """Most bytes of an encoding of this type; each type states its own."""


class Domain(Enum):
    """What a hash or a signature is about. A value for one domain means nothing in another. Never renamed or reused."""

    GENESIS = "genesis"
    EVENT = "event"
    EVENT_ID = "event-id"
    EVENT_PAYLOAD = "event-payload"
    HEADER = "header"
    LEADER = "leader"
    ACKNOWLEDGEMENT = "acknowledgement"
    WISH = "wish"
    STATE = "state"
    RETIREMENTS = "retirements"
    CLAIM = "claim"
    CLAIM_ID = "claim-id"
    CLAIM_LIST = "claim-list"
    DEPARTURE = "departure"
    ELECTORATE = "electorate"
    COMMITTEE = "committee"
    TRANSACTION = "transaction"
    TRANSACTION_ID = "transaction-id"
    AUTHORITY = "authority"
    WITNESS = "witness"
    STATE_LEAF = "state-leaf"
    STATE_BRANCH = "state-branch"

    def __init__(self, label: str) -> None:
        text = b"bac/" + label.encode()
        self.prefix = bytes((len(text),)) + text
        """Length and label: no prefix is the beginning of another, so no two domains share a preimage."""


M = TypeVar("M", bound=Message)

_encode = msgspec.msgpack.Encoder().encode
_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def encode(value: Message) -> bytes:
    """The canonical encoding of `value`, which `decode` accepts.

    Raises:
        ValueError: a field of the value does not fit its declaration, or the encoding is larger than its type's cap.
    """
    try:
        data = _encode(value)
        decode(type(value), data)
    except (Rejected, TypeError, OverflowError) as error:
        raise ValueError(f"{type(value).__name__} does not fit its declaration: {error}") from error
    return data


@overload
def decode(kind: type[M], data: bytes, cap: int | None = None) -> M: ...
@overload
def decode(kind: UnionType, data: bytes, cap: int) -> Any: ...
def decode(kind: Any, data: bytes, cap: int | None = None) -> Any:
    """The value of type `kind` (a message type or a union of them) whose canonical encoding is `data`.

    Time and memory are linear in ``len(data)``, which is at most `cap` bytes (default: the type's own).

    Raises:
        Rejected: `OVERSIZED` or `MALFORMED`, and nothing else, whatever the bytes.
    """
    if len(data) > (kind.CAP if cap is None else cap):
        raise Rejected(Code.OVERSIZED, f"{len(data)} bytes are more than {_name(kind)} may have")
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        value = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(Code.MALFORMED, f"not a {_name(kind)}: {error}") from error
    if _encode(value) != data:
        raise Rejected(Code.MALFORMED, f"not the canonical encoding of this {_name(kind)}")
    return value


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))


def hash_of(domain: Domain, data: bytes) -> Hash:
    """SHA-256 of the domain's prefix and `data`: 32 bytes."""
    return Hash(hashlib.sha256(domain.prefix + data).digest())


def signing_bytes(domain: Domain, network: Hash, shard: int, content: bytes) -> bytes:
    """What is signed: domain, protocol version, network, shard and `content`, with no second reading.

    Every part before `content` has a fixed length or names its length.

    Raises:
        ValueError: `network` is not 32 bytes, or `shard` is not in 0 … 2^32 - 1.
    """
    if len(network) != 32 or not 0 <= shard < 2**32:
        raise ValueError("network must be 32 bytes, shard must lie in 0 … 2^32 - 1")
    return domain.prefix + PROTOCOL_VERSION.to_bytes(2, "big") + network + shard.to_bytes(4, "big") + content
