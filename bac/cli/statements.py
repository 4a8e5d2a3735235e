"""What the nodes that run tell of those who retired, and what most of them tell alike: no node alone is believed.

Theory of operation. A node that lies can invent statements, and a voter can tell every node another one. So a voter
counts as retired by the one statement of it that more than half of the nodes tell alike; of whom there is none counts
as not retired. From these statements the operator itself makes what an order names. A node finds that very set, as
long as it is everybody's who is not removed; so where somebody else's statement is told by some nodes only, no order
names it.

Source: docs/spec/finality.md R12; docs/spec/node.md NO-31.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from bac.errors import Rejected
from bac.finality.newview import gather, rank_of
from bac.ledger.authority import are_retirements_enough
from bac.ledger.block import Retirements
from bac.params import Params
from bac.types import Hash, NodeId, Units
from bac.wire.codec import decode
from bac.wire.header import RETIREMENT_VIEW, Rank
from bac.wire.votes import NewView, StateAnnouncement, retirements_digest

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Shown:
    """What most nodes tell alike of one epoch.

    Attributes:
        units: of each voter.
        statements: of who has retired, one at least.
        disputed: of whom only some nodes tell that they retired, or not the same.
        base: what the epoch stands on.
    """

    units: Mapping[NodeId, int]
    statements: Mapping[NodeId, StateAnnouncement]
    disputed: frozenset[NodeId]
    base: Rank
    params: Params

    @cached_property
    def named(self) -> NewView:
        """The statements as an order names them."""
        return gather(self.statements.values())

    @property
    def digest(self) -> Hash:
        """What an order names them by."""
        return retirements_digest(self.named)

    @property
    def parent(self) -> Rank:
        """What the shard goes on from."""
        return self.base if self.named.certificate is None else rank_of(self.named.certificate)

    @property
    def total_units(self) -> int:
        """Of all voters."""
        return sum(self.units.values())

    @property
    def retired_units(self) -> int:
        """Of those who retired."""
        return sum(self.units[each] for each in self.statements)

    @property
    def is_enough(self) -> bool:
        """Whether so many retired that nothing can have been confirmed beside the parent; by the ledger's own rule."""
        grounds = Retirements(self.digest, Units(self.retired_units), Units(self.total_units))
        return are_retirements_enough(grounds, self.params)


def agree(told: Sequence[Mapping[str, Any]], epoch: int, params: Params) -> Shown | None:
    """What more than half of `told`, answers to the question `retirements`, say alike of `epoch`; None: of nobody."""
    said = [each for each in told if each["epoch"] == epoch]
    ground = most([_ground(each) for each in said], len(told))
    if ground is None:
        return None
    base, members = ground
    statements, disputed = dict[NodeId, StateAnnouncement](), set[NodeId]()
    for identity, _ in members:
        found = [read for each in said if (read := _read(each, identity, epoch, base)) is not None]
        agreed = most(found, len(told))
        if agreed is not None:
            statements[identity] = agreed
        elif found:
            disputed.add(identity)
    return Shown(dict(members), statements, frozenset(disputed), base, params) if statements else None


def most(values: Iterable[T], of: int) -> T | None:
    """The value that stands there more than half of `of` times; None if none does."""
    return next((value for value, count in Counter(values).items() if 2 * count > of), None)


def reached(values: Iterable[int]) -> int:
    """The highest number that more than half have reached."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def _ground(answer: Mapping[str, Any]) -> tuple[Rank, tuple[tuple[NodeId, int], ...]]:
    members = sorted((NodeId(each["identity"]), int(each["units"])) for each in answer["members"])
    return Rank(-1, answer["base_height"], Hash(answer["base"])), tuple(members)


def _read(answer: Mapping[str, Any], identity: NodeId, epoch: int, base: Rank) -> StateAnnouncement | None:
    """The statement of `identity` that a node tells; None if it tells none that makes sense."""
    data = next((each["statement"] for each in answer["members"] if each["identity"] == identity), None)
    if data is None:
        return None
    try:
        announced = decode(StateAnnouncement, data)
    except Rejected:
        return None
    state, certificate = announced.state, announced.certificate
    if (state.identity, state.epoch, state.view) != (identity, epoch, RETIREMENT_VIEW):
        return None
    if certificate is None:
        return announced if state.high == base else None
    return announced if (rank_of(certificate), certificate.ballot.epoch) == (state.high, epoch) else None
