"""Blocks and what proves them: bodies, envelopes, the proof of confirmation, boundary records.

Sources: docs/spec/wire.md WI-16 to WI-18.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from bac.types import Hash
from bac.wire.codec import U32, U64, Bytes64, Domain, HashField, IdField, Message, UnitsField, signing_bytes
from bac.wire.event import ITEM_BYTES_MAX, ItemField
from bac.wire.header import Header
from bac.wire.transactions import TRANSACTION_BYTES_MAX
from bac.wire.votes import VOTERS_MAX, Certificate

LEADERS_MAX = 4096
PATH_MAX = 256
"""Most headers in one path: above the greatest backlog of unconfirmed blocks."""
BODY_BYTES_MAX = 2**25
"""Above leaders, times events per round, times payload, of the default parameters: 32 · 8 · 64 KiB, and headers."""
BODY_ITEMS_MAX = 2**18


class Body(Message, frozen=True, tag=16, cache_hash=True):
    """The ordered items of a block, each in its encoding: the record of the round (in view 0), transactions,
    certificates, claims, claim lists, late acknowledgements, departures, seed proofs, records of other shards,
    evidence, the new view of an opening.

    It travels in chunks (`bac.wire.transfer`).
    """

    CAP: ClassVar[int] = BODY_BYTES_MAX

    items: Annotated[tuple[ItemField, ...], Meta(max_length=BODY_ITEMS_MAX)]


class RoundRecord(Message, frozen=True, tag=21):
    """The first item of every body of view 0: who took part in the round that closed.

    It is no item of an event: it follows from the graph, and every leader writes the same.

    Attributes:
        witnesses: bit ``i % 8`` of byte ``i // 8`` (counted from the lowest) stands for leader i in the order of
            succession, set if one of the round's unique famous witnesses is its own; as many bytes as the committee
            needs, at least one bit set, and none beyond the last leader.
    """

    CAP: ClassVar[int] = 1024

    witnesses: Annotated[bytes, Meta(min_length=1, max_length=LEADERS_MAX // 8)]


class LeaderSignature(Message, frozen=True):
    """A leader's signature of a header (CP-validate): what `leader_preimage` says, by its signing key."""

    leader: IdField
    signature: Bytes64


class InclusionProof(Message, frozen=True):
    """An item is the one at `index` of `count` under a Merkle root: the siblings on its path, from the leaf up."""

    index: U32
    count: U32
    siblings: Annotated[tuple[HashField, ...], Meta(max_length=32)]


class Restart(Message, frozen=True):
    """By whose order a header of the retirement view stands: the item that holds it, and its path to that header.

    Attributes:
        order: the `Mandate`, encoded.
        inclusion: under the header's transaction root.
    """

    order: Annotated[bytes, Meta(max_length=TRANSACTION_BYTES_MAX)]
    inclusion: InclusionProof


class ConfirmationProof(Message, frozen=True, tag=17):
    """C2: shows to anybody who knows the electorate that a block is confirmed.

    Attributes:
        path: headers from the block proven to Y, the first certified one, each the parent of the next; at least the
            block's own header.
        certificate: of Y.
        carrier: X, a descendant of Y in the same view, whose `justify` is that certificate.
        carrier_certificate: of X.
        restart: where Y is of the retirement view: who removed whom from the electorate.
    """

    CAP: ClassVar[int] = 2**19

    path: Annotated[tuple[Header, ...], Meta(min_length=1, max_length=PATH_MAX)]
    certificate: Certificate
    carrier: Header
    carrier_certificate: Certificate
    restart: Restart | None


class Envelope(Message, frozen=True, tag=18):
    """A header on its way, with what makes it acceptable (V4, E3, E4).

    Attributes:
        header: the header.
        signatures: view 0: of leaders with more than 2/3 of the committee's weight; an opening: of its proposer; a
            closing header: none. Ascending by leader.
        certificate: a closing header's: of its parent.
        proof: the first block's of an epoch: the boundary before is confirmed.
        restart: an opening's of the retirement view, which nobody signs: by whose order.
    """

    CAP: ClassVar[int] = 2**20

    header: Header
    signatures: Annotated[tuple[LeaderSignature, ...], Meta(max_length=LEADERS_MAX)]
    certificate: Certificate | None
    proof: ConfirmationProof | None
    restart: Restart | None


class Elector(Message, frozen=True):
    """A member of an electorate: identity, acknowledgement key of the epoch, voting units."""

    identity: IdField
    acknowledgement_key: Annotated[bytes, Meta(min_length=32, max_length=48)]
    units: UnitsField


class Leader(Message, frozen=True):
    """A member of a committee and its weight; the order of the committee is the succession, the primary first."""

    identity: IdField
    weight: U64


class BoundaryRecord(Message, frozen=True, tag=19):
    """E8: the proof of the last block of an epoch, and the electorate and committee of the next, to which it commits.

    Kept for ever and served: the records, in order, lead from genesis to the present.
    """

    CAP: ClassVar[int] = 2**21

    proof: ConfirmationProof
    electorate: Annotated[tuple[Elector, ...], Meta(min_length=1, max_length=VOTERS_MAX)]
    committee: Annotated[tuple[Leader, ...], Meta(min_length=1, max_length=LEADERS_MAX)]


class ItemProof(Message, frozen=True, tag=20):
    """For light nodes: an item (a transaction), its path to the header, and the header's proof of confirmation."""

    CAP: ClassVar[int] = ITEM_BYTES_MAX + 2**20

    item: ItemField
    inclusion: InclusionProof
    confirmation: ConfirmationProof


def leader_preimage(header_hash: Hash, network: Hash, shard: int) -> bytes:
    """What a leader signs for a header with this hash."""
    return signing_bytes(Domain.LEADER, network, shard, header_hash)
