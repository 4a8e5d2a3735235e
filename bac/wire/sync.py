"""Asking and answering: what nodes say to each other to catch up. Every answer is judged like any other message.

Source: docs/spec/wire.md WI-20.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from bac.wire.block import Envelope
from bac.wire.codec import U16, U32, U64, HashField, HeightField, IdField, Message
from bac.wire.event import Event, EventHeader, ItemField

BATCH_BYTES_MAX = 2**20
IDS_MAX = 1024
HEADS_MAX = 4096
ENVELOPES_MAX = 256


class Hello(Message, frozen=True, tag=56):
    """The first word on every connection. Whoever differs in version, network or parameters is refused."""

    CAP: ClassVar[int] = 256

    version: U16
    network: HashField
    params_digest: HashField
    shard: U32


class TransactionBatch(Message, frozen=True, tag=57):
    """Transactions handed on, each in its encoding."""

    CAP: ClassVar[int] = BATCH_BYTES_MAX

    transactions: Annotated[tuple[ItemField, ...], Meta(max_length=IDS_MAX)]


class EventPull(Message, frozen=True, tag=58):
    """Asks for the events of an epoch that are not below these: the last ones of each branch that the asker knows."""

    CAP: ClassVar[int] = 2**18

    epoch: U64
    heads: Annotated[tuple[HashField, ...], Meta(max_length=HEADS_MAX)]


class EventRequest(Message, frozen=True, tag=59):
    """Asks for these events, which were named as parents."""

    CAP: ClassVar[int] = 2**16

    epoch: U64
    ids: Annotated[tuple[HashField, ...], Meta(min_length=1, max_length=IDS_MAX)]


class EventBatch(Message, frozen=True, tag=60):
    """Events of an epoch, parents before children."""

    CAP: ClassVar[int] = BATCH_BYTES_MAX

    epoch: U64
    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=IDS_MAX)]


class TipPull(Message, frozen=True, tag=61):
    """H7: a leader without its store asks for its own last event of the epoch."""

    epoch: U64
    creator: IdField


class TipAnswer(Message, frozen=True, tag=62):
    """The last event of `creator` that the answerer knows; None for none."""

    epoch: U64
    creator: IdField
    tip: EventHeader | None


class EnvelopePull(Message, frozen=True, tag=63):
    """Asks for the header with this hash and its ancestors down to `above`, that height excluded."""

    header_hash: HashField
    above: HeightField


class EnvelopeBatch(Message, frozen=True, tag=64):
    """Headers with what makes them acceptable, descending by height."""

    CAP: ClassVar[int] = BATCH_BYTES_MAX

    envelopes: Annotated[tuple[Envelope, ...], Meta(min_length=1, max_length=ENVELOPES_MAX)]


class RecordPull(Message, frozen=True, tag=65):
    """E8: asks for the boundary records of a shard from `epoch` on; each is answered as a message of its own."""

    shard: U32
    epoch: U64
