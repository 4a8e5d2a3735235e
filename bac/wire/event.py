"""Micro-blocks: the events of the leaders' hashgraph.

The signature covers the payload by its hash. So an event's id and its place in the graph outlive its payload, and a
fork is shown to anybody by two headers.

Sources: docs/spec/wire.md WI-9; Baird 2016, section 2.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta

from bac.types import Hash
from bac.wire.codec import U64, Bytes64, Domain, HashField, IdField, Message, TimeField, encode, hash_of
from bac.wire.signed import Signed

OTHER_PARENTS_MAX = 16
EVENT_ITEMS_MAX = 1024
EVENT_BYTES_MAX = 2**17
ITEM_BYTES_MAX = 2**22
"""Room for the largest item: evidence that shows the new view of thousands of voters."""
ItemField: TypeAlias = Annotated[bytes, Meta(min_length=2, max_length=ITEM_BYTES_MAX)]
"""The encoding of one ordered item (`bac.wire.registry.decode_item`)."""


class EventHeader(Signed, frozen=True, tag=2):
    """What the creator of an event signs.

    Attributes:
        epoch: the epoch whose graph it belongs to.
        boundary: hash of the last boundary header, L_{e-1}; events of different graphs are no fork of each other.
        creator: a leader.
        self_parent: id of its event before; None for its first.
        other_parents: ids of events of others, distinct.
        time_us: its clock, above its self-parent's.
        payload_hash: `payload_hash` of the payload.
        signature: the creator's.
    """

    DOMAIN: ClassVar[Domain] = Domain.EVENT
    SIGNER: ClassVar[str] = "creator"
    CAP: ClassVar[int] = 1024

    epoch: U64
    boundary: HashField
    creator: IdField
    self_parent: HashField | None
    other_parents: Annotated[tuple[HashField, ...], Meta(max_length=OTHER_PARENTS_MAX)]
    time_us: TimeField
    payload_hash: HashField
    signature: Bytes64


class Event(Message, frozen=True, tag=3):
    """A header and its payload: encodings of the items to be ordered, in the creator's order."""

    CAP: ClassVar[int] = EVENT_BYTES_MAX

    header: EventHeader
    payload: Annotated[tuple[ItemField, ...], Meta(max_length=EVENT_ITEMS_MAX)]


def event_id(header: EventHeader) -> Hash:
    """The id covers the signature: two signatures on one content make two events, hence a fork."""
    return hash_of(Domain.EVENT_ID, encode(header))


def payload_hash(payload: tuple[bytes, ...]) -> Hash:
    """Hash of the payload's encoding as an array."""
    return hash_of(Domain.EVENT_PAYLOAD, msgspec.msgpack.encode(payload))
