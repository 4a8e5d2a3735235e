"""Evidence: signatures that prove by themselves that somebody broke a rule (V9). All are ordered items.

An acknowledgement stands in evidence by itself, or inside a certificate: with aggregated signatures there is no other
way, and then whoever signed both sides is guilty.

Each names shard and epoch of the deed; whoever judges it needs the electorate of that epoch, no more.

Source: docs/spec/wire.md WI-19.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from bac.wire.block import PATH_MAX, InclusionProof, LeaderSignature
from bac.wire.codec import U16, U32, U64, Message
from bac.wire.event import ITEM_BYTES_MAX, Event, EventHeader
from bac.wire.header import Header
from bac.wire.votes import Acknowledgement, Certificate, NewView, State

SignedBallot: TypeAlias = Acknowledgement | Certificate


class Evidence(Message, frozen=True):
    """Base: shard and epoch of the deed."""

    shard: U32
    epoch: U64


class DoubleAcknowledgement(Evidence, frozen=True, tag=32):
    """Two acknowledgements of one view whose headers are not on one chain.

    `path` holds the headers from the height of the first to the header of the second, each the parent of the next: at
    the height of the first stands another header.
    """

    CAP: ClassVar[int] = 2**19

    first: SignedBallot
    second: SignedBallot
    path: Annotated[tuple[Header, ...], Meta(min_length=1, max_length=PATH_MAX)]


class HiddenCertificate(Evidence, frozen=True, tag=33):
    """An acknowledgement of a header with some certificate, and a state for a higher view that claims a lower one."""

    CAP: ClassVar[int] = 2**17

    acknowledgement: SignedBallot
    header: Header
    state: State


class FalseOpening(Evidence, frozen=True, tag=34):
    """An acknowledgement of an opening whose new view has another highest certificate than the opening stands on.

    `new_view` is the item of the opening's body that `inclusion` leads to.
    """

    CAP: ClassVar[int] = ITEM_BYTES_MAX

    acknowledgement: SignedBallot
    opening: Header
    new_view: Annotated[bytes, Meta(min_length=2, max_length=NewView.CAP)]
    inclusion: InclusionProof


class DoubleHeader(Evidence, frozen=True, tag=35):
    """One leader's signatures on two different headers of one epoch and height."""

    CAP: ClassVar[int] = 4096

    first: Header
    first_signature: LeaderSignature
    second: Header
    second_signature: LeaderSignature


class Fork(Evidence, frozen=True, tag=36):
    """Two different events of one creator with equal boundary and equal self-parent (or both without)."""

    first: EventHeader
    second: EventHeader


class InvalidItem(Evidence, frozen=True, tag=37):
    """An event whose item `index` is invalid by itself: encoding, signature or network, never a matter of state."""

    CAP: ClassVar[int] = 2**18

    event: Event
    index: U16


AnyEvidence: TypeAlias = DoubleAcknowledgement | HiddenCertificate | FalseOpening | DoubleHeader | Fork | InvalidItem
