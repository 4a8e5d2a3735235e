"""Headers: what is acknowledged, certified and confirmed. Their bytes follow from the order alone.

Source: docs/spec/wire.md WI-10, WI-11.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from bac.types import Hash
from bac.wire.codec import I64, U16, U32, U64, Domain, HashField, HeightField, Message, TimeField, encode, hash_of

ViewField: TypeAlias = U32
RETIREMENT_VIEW = 2**32 - 1
"""Above all others: of the statement by which a voter retires from an epoch, for an emergency reconfiguration."""


class Kind(IntEnum):
    """What a header opens or closes."""

    ORDERED = 0  # one closed round of the hashgraph, in view 0
    OPENING = 1  # the first header of a later view: the proposer's boundary block, or its closing header
    CLOSING = 2  # follows from the certified header before it; confirms the boundary


class Rank(Message, frozen=True):
    """A certified header: ranks compare by (view, height).

    The proof of the last boundary counts as view -1 of the epoch, so that it is below every certificate of the epoch.
    """

    view: Annotated[int, Meta(ge=-1, le=2**32 - 1)]
    height: HeightField
    hash: HashField


class ShardSummary(Message, frozen=True):
    """What the neighbours of a shard know of it: number of vehicles, and sums' quotients in cm and cm/s."""

    vehicles: U32
    x_cm: I64
    y_cm: I64
    vx_cm_s: I64
    vy_cm_s: I64
    west_cm: I64
    south_cm: I64
    east_cm: I64
    north_cm: I64


class Boundary(Message, frozen=True):
    """What the last block of an epoch adds: everything that the next one stands on.

    Attributes:
        next_electorate_root: root of V_{e+1}.
        next_committee_hash: of the committee of e+1.
        seed: seed_{e+2}, fixed one epoch before it is used.
        summary: for the neighbouring shards.
        successor: the shard into which this one closes with this block; else None.
    """

    next_electorate_root: HashField
    next_committee_hash: HashField
    seed: HashField
    summary: ShardSummary
    successor: U32 | None


class Header(Message, frozen=True, tag=4, cache_hash=True):
    """The header of a block. Certificates are ordered items in bodies; the header names the highest by rank.

    Attributes:
        version: of the protocol.
        network: hash of genesis.
        shard: whose chain.
        epoch: of the electorate that acknowledges it.
        view: 0 for the committee's; higher for recovery.
        kind: ordered, opening or closing.
        height: the parent's and one.
        parent: hash of the header before.
        round: the closed round of the hashgraph; 0 in later views.
        time_us: block time, above the parent's; a closing header repeats it.
        transaction_root: Merkle root of the body's items, all of them, in order.
        evidence_root: Merkle root of those items that are evidence, in order.
        state_root: after this block.
        committee_hash: of the committee of this epoch.
        electorate_root: of V_e; without it nobody can judge a certificate.
        justify: the highest-ranked valid certificate in the order up to this block.
        boundary: in the last block of an epoch; else None.
    """

    CAP: ClassVar[int] = 1024

    version: U16
    network: HashField
    shard: U32
    epoch: U64
    view: ViewField
    kind: Kind
    height: HeightField
    parent: HashField
    round: U64
    time_us: TimeField
    transaction_root: HashField
    evidence_root: HashField
    state_root: HashField
    committee_hash: HashField
    electorate_root: HashField
    justify: Rank
    boundary: Boundary | None


def header_hash(header: Header) -> Hash:
    """The block's hash. Leaders' signatures travel outside of it."""
    return hash_of(Domain.HEADER, encode(header))
