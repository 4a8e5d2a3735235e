"""Claims to a seat in the committee, and what else members say about themselves.

Source: docs/spec/wire.md WI-15.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from bac.types import Hash
from bac.wire.codec import U64, Bytes64, Bytes80, Domain, HashField, IdField, Message, hash_of
from bac.wire.signed import Signed

CLAIMS_MAX = 4096


class Role(IntEnum):
    """Roles that are drawn; each has a draw of its own."""

    PRIMARY = 0
    CANDIDATE = 1


class Claim(Signed, frozen=True, tag=12):
    """The holder was drawn for `role` in `epoch`, the next one: `proof` of the random function shows it."""

    DOMAIN: ClassVar[Domain] = Domain.CLAIM

    epoch: U64
    role: Role
    identity: IdField
    proof: Bytes80
    signature: Bytes64


class ClaimList(Signed, frozen=True, tag=13):
    """All claims for `epoch`, the next one, that a voter has seen, by `claim_id`, ascending. One per voter and epoch.

    The claims themselves are ordered once each. A list counts only if every claim that it names is ordered.
    """

    DOMAIN: ClassVar[Domain] = Domain.CLAIM_LIST
    CAP: ClassVar[int] = 2**18

    epoch: U64
    identity: IdField
    claims: Annotated[tuple[HashField, ...], Meta(max_length=CLAIMS_MAX)]
    signature: Bytes64


class SeedProof(Message, frozen=True, tag=14):
    """The primary's share in the seed of `epoch`, the next but one: its proof of the random function."""

    epoch: U64
    proof: Bytes80


class Departure(Signed, frozen=True, tag=15):
    """The member is about to drive off in `epoch`, the present one: it does not vote in the next.

    Announced by a quarter of the committee, it ends the epoch early.
    """

    DOMAIN: ClassVar[Domain] = Domain.DEPARTURE

    epoch: U64
    identity: IdField
    signature: Bytes64


def claim_id(claim: Claim) -> Hash:
    """Hash of epoch, role and identity, encoded as an array.

    All good claims with these show the same output, but a member can prove and sign that in as many ways as it likes.
    If an id covered the proof or the signature, one member could fill all lists with claims that say the same.
    """
    return hash_of(Domain.CLAIM_ID, msgspec.msgpack.encode((claim.epoch, claim.role, claim.identity)))
