"""Who may be connected in the present epoch: read from the chain's state at the boundary before it, as votes are.

Source: docs/spec/node.md NO-23; docs/spec/ledger.md LE-21 to LE-24.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bac.ledger.membership import signing_key_at, standing_at
from bac.ledger.records import Standing
from bac.ledger.state import State
from bac.types import NodeId


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of one epoch, as one node knows them.

    Attributes:
        keys: the signing key of each present member.
        revoked: whom the authority has ended for good; no credential brings them back.
        leaders: whom most messages go to, in the order of succession.
    """

    keys: Mapping[NodeId, bytes]
    revoked: Collection[NodeId] = field(default=frozenset())
    leaders: tuple[NodeId, ...] = ()


def read_membership(boundary: State, epoch: int, voters: Collection[NodeId], leaders: tuple[NodeId, ...]) -> Membership:
    """The members of `epoch`, where `boundary` is the state before it.

    Who has asked to leave is one as long as it votes: where too few voters would remain, that may take a while.
    """
    keys: dict[NodeId, bytes] = {}
    revoked: set[NodeId] = set()
    now = boundary.tip().time_us
    for identity, member in boundary.members():
        standing = standing_at(member, epoch)
        is_staying = standing is Standing.PRESENT or (standing is Standing.LEAVING and identity in voters)
        if standing is Standing.REVOKED:
            revoked.add(identity)
        elif is_staying and member.keys[-1].not_after >= now:
            keys[identity] = signing_key_at(identity, member, epoch)
    return Membership(keys, frozenset(revoked), leaders)
