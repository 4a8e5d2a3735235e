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
        disputed: of whom only some nodes tell that they retired, or not the same; no order rests on these.
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
    kept = [_statements(each, epoch, base) for each in said]
    voters = [identity for identity, _ in members]
    found = {voter: most([each[voter] for each in kept if voter in each], len(told)) for voter in voters}
    agreed = _whole({voter: each for voter, each in found.items() if each is not None}, kept, dict(members))
    disputed = {voter for voter in voters for each in kept if voter in each} - agreed.keys()
    return Shown(dict(members), agreed, frozenset(disputed), base, params) if agreed else None


Statements = Mapping[NodeId, StateAnnouncement]


def _whole(agreed: Statements, kept: Sequence[Statements], units: Mapping[NodeId, int]) -> Statements:
    """What most nodes tell alike, as far as one node has it whole, and as many others as can be: they build on it.

    Voters that tell different nodes different statements could leave no node with all that most nodes tell.
    """
    held = [frozenset(voter for voter, each in agreed.items() if mine.get(voter) == each) for mine in kept]
    best = max(held, key=lambda each: (sum(units[voter] for voter in each), sum(each <= other for other in held)))
    return {voter: each for voter, each in agreed.items() if voter in best}


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


def _statements(answer: Mapping[str, Any], epoch: int, base: Rank) -> Statements:
    """What one node tells, as far as it makes sense."""
    read = ((NodeId(each["identity"]), _read(each, epoch, base)) for each in answer["members"])
    return {identity: announced for identity, announced in read if announced is not None}


def _read(member: Mapping[str, Any], epoch: int, base: Rank) -> StateAnnouncement | None:
    """The statement of a voter; None if a node tells none that makes sense."""
    if member["statement"] is None:
        return None
    try:
        announced = decode(StateAnnouncement, member["statement"])
    except Rejected:
        return None
    state, certificate = announced.state, announced.certificate
    if (state.identity, state.epoch, state.view) != (member["identity"], epoch, RETIREMENT_VIEW):
        return None
    if certificate is None:
        return announced if state.high == base else None
    return announced if (rank_of(certificate), certificate.ballot.epoch) == (state.high, epoch) else None
