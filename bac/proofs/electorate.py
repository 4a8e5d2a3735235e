"""The electorate of an epoch: who may acknowledge, with which key and how many units, and what is a quorum of it.

Source: docs/spec/wire.md WI-12, WI-18.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from functools import cached_property

import msgspec

from bac.types import Hash, NodeId, Units
from bac.wire.block import Elector, Leader
from bac.wire.codec import Domain, hash_of
from bac.wire.votes import VOTERS_MAX


class Electorate:
    """Members in canonical order, ascending by identity: bit i of a certificate is member i. Immutable."""

    def __init__(self, members: Iterable[Elector]) -> None:
        """Sorts `members`.

        Raises:
            ValueError: there are none or too many, one stands twice, or one has no units.
        """
        self.members = tuple(sorted(members, key=lambda member: member.identity))
        self.places = {member.identity: place for place, member in enumerate(self.members)}
        if not 0 < len(self.members) <= VOTERS_MAX:
            raise ValueError(f"an electorate has 1 to {VOTERS_MAX} members, not {len(self.members)}")
        if len(self.places) != len(self.members):
            raise ValueError("a member stands twice in the electorate")
        if any(member.units < 1 for member in self.members):
            raise ValueError("a member without units is no elector")
        self.total_units = Units(sum(member.units for member in self.members))
        self._absent = 0  # places in the bitmap whose members do not vote

    @cached_property
    def root(self) -> Hash:
        """What headers carry as ``electorate_root``: hash of the members in order."""
        return hash_of(Domain.ELECTORATE, msgspec.msgpack.encode(self.members))

    def is_quorum(self, units: int) -> bool:
        """Whether `units` are more than two thirds."""
        return 3 * units > 2 * self.total_units

    def without(self, identities: Iterable[NodeId]) -> Electorate:
        """The same members, root and bitmaps, where these do not vote, and a quorum is one of the others.

        Raises:
            ValueError: nobody is left.
        """
        left = copy(self)
        for identity in identities:
            place = self.places.get(identity)
            if place is not None and not left._absent >> place & 1:
                left._absent |= 1 << place
                left.total_units = Units(left.total_units - self.members[place].units)
        if not left.total_units:
            raise ValueError("nobody is left of the electorate")
        return left

    def voters(self) -> tuple[Elector, ...]:
        """The members that vote, in order: all, but `without` some."""
        return tuple(member for place, member in enumerate(self.members) if not self._absent >> place & 1)

    def find(self, identity: NodeId) -> Elector | None:
        """The member with this identity, if there is one and it votes."""
        place = self.places.get(identity)
        return None if place is None or self._absent >> place & 1 else self.members[place]

    def bitmap(self, identities: Iterable[NodeId]) -> bytes:
        """The bitmap of a certificate by these members; ValueError for somebody else."""
        bits = bytearray((len(self.members) + 7) // 8)
        for identity in identities:
            place = self.places.get(identity)
            if place is None:
                raise ValueError(f"{identity.hex()} is no member of the electorate")
            bits[place // 8] |= 1 << place % 8
        return bytes(bits)

    def signers(self, bitmap: bytes) -> tuple[Elector, ...] | None:
        """The members that `bitmap` names, in order; None if it is not the bitmap of some of those who vote."""
        bits = int.from_bytes(bitmap, "little")
        if len(bitmap) != (len(self.members) + 7) // 8 or bits >> len(self.members) or bits & self._absent:
            return None
        return tuple(member for place, member in enumerate(self.members) if bits >> place & 1)


def compute_committee_hash(leaders: tuple[Leader, ...]) -> Hash:
    """What headers carry as ``committee_hash``: hash of the leaders in the order of succession."""
    return hash_of(Domain.COMMITTEE, msgspec.msgpack.encode(leaders))
