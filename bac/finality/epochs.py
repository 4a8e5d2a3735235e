"""Epochs: who votes, who leads, who proposes in recovery, how long a view lasts. All of it follows from the boundary.

Everything about epoch e is fixed by the last block of e - 1 (E1): the electorate V_e and the committee by its hashes,
seed_e by the boundary before that, and the first view's length by how the epoch before ended.

Source: docs/spec/finality.md E1, E6, E7, R1, R5.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from hashlib import sha256

from bac.finality.machine import NO_SUMMARY, Draw
from bac.genesis import Genesis, network_id
from bac.params import Params
from bac.proofs.electorate import Electorate, compute_committee_hash
from bac.proofs.merkle import compute_root
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.block import PATH_MAX, ConfirmationProof, Elector, Leader
from bac.wire.codec import PROTOCOL_VERSION
from bac.wire.header import Boundary, Header, Kind, Rank, header_hash

TICKETS = 16
"""Tickets in the draw of a proposer, per member and in the mean."""

ROUNDS_MAX = PATH_MAX - 56
"""Most rounds of an epoch: a path leads from any block of it to its end, and 56 headers are left for recovery."""

_NO_HASH = Hash(bytes(32))
_RECOVER = b"\x0bbac/recover"
_SEED = b"\x0dbac/next-seed"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch.

    Attributes:
        number: e.
        electorate: V_e.
        committee: leaders in the order of succession, the primary first.
        seed: seed_e.
        base: header of L_{e-1}; of genesis in epoch 0.
        timeout_us: T0(e).
        proof: that L_{e-1} is confirmed; None for genesis.
        proposers: known proposers of recovery views.
        succession: the leaders' identities, once asked for.
    """

    number: int
    electorate: Electorate
    committee: tuple[Leader, ...]
    seed: Hash
    base: Header
    timeout_us: Micros
    proof: ConfirmationProof | None
    proposers: dict[int, NodeId] = field(default_factory=dict, compare=False, repr=False)
    succession: list[tuple[NodeId, ...]] = field(default_factory=list, compare=False, repr=False)

    @property
    def base_rank(self) -> Rank:
        """What the first header of the epoch is justified by: below every certificate of the epoch."""
        return Rank(-1, self.base.height, header_hash(self.base))

    @property
    def committee_hash(self) -> Hash:
        """What headers of this epoch carry."""
        return compute_committee_hash(self.committee)

    def leaders(self) -> tuple[NodeId, ...]:
        """Identities in the order of succession."""
        if not self.succession:
            self.succession.append(tuple(leader.identity for leader in self.committee))
        return self.succession[0]

    def view_timeout_us(self, view: int, params: Params) -> int:
        """R1: T_view, doubled from view to view."""
        return self.timeout_us << min(view, params.view_doublings_max)

    def proposer(self, view: int) -> NodeId:
        """R5: who opens recovery view `view` (1 at least): the owner of the lowest ticket."""
        known = self.proposers.get(view)
        if known is None:
            prefix = _RECOVER + self.seed + view.to_bytes(8, "big")
            _, known = min(
                (sha256(prefix + member.identity + ticket.to_bytes(4, "big")).digest(), member.identity)
                for member in self.electorate.members
                for ticket in range(self._tickets(member))
            )
            if len(self.proposers) >= 64:
                self.proposers.clear()
            self.proposers[view] = known
        return known

    def _tickets(self, member: Elector) -> int:
        return TICKETS * len(self.electorate.members) * member.units // self.electorate.total_units


def next_seed(seed: Hash) -> Hash:
    """A seed that follows from the one before: where no random function supplies one."""
    return Hash(sha256(_SEED + seed).digest())


def genesis_epoch(
    genesis: Genesis, shard: int, state_root: Hash, draw: Draw, params: Params, kind: type[Electorate] = Electorate
) -> Epoch:
    """Epoch 0. `draw` names its electorate and committee, and seed_1; the header of genesis stands for L_{-1}.

    All later electorates are of the type `kind`, too.

    Raises:
        ValueError: the electorate does not qualify, or an epoch is longer than a proof's path may be.
    """
    if params.epoch_rounds + params.epoch_grace_rounds > ROUNDS_MAX:
        raise ValueError(f"an epoch has at most {ROUNDS_MAX} rounds, grace included")
    electorate = kind(draw.electors)
    if not qualifies(electorate, params):
        raise ValueError("the electorate of genesis does not qualify")
    committee = seat(draw.committee, electorate, params)
    boundary = Boundary(electorate.root, compute_committee_hash(committee), draw.seed, NO_SUMMARY, None)
    empty = compute_root(())
    base = Header(
        version=PROTOCOL_VERSION, network=network_id(genesis), shard=shard, epoch=0, view=0, kind=Kind.ORDERED,
        height=Height(0), parent=_NO_HASH, round=0, time_us=genesis.time_us, transaction_root=empty,
        evidence_root=empty, state_root=state_root, committee_hash=_NO_HASH, electorate_root=_NO_HASH,
        justify=Rank(-1, Height(0), _NO_HASH), boundary=boundary,
    )  # fmt: skip
    return Epoch(0, electorate, committee, Hash(genesis.seed), base, Micros(params.view_timeout_us), None)


def following(epoch: Epoch, proof: ConfirmationProof, successors: Successors, params: Params) -> Epoch:
    """E1: the epoch after `epoch`, whose last header `proof` (judged already) shows."""
    last = proof.path[0]
    assert epoch.base.boundary is not None, "an epoch begins with a boundary"
    return Epoch(
        number=epoch.number + 1,
        electorate=successors.electorate,
        committee=successors.committee,
        seed=epoch.base.boundary.seed,
        base=last,
        timeout_us=_next_timeout_us(epoch.timeout_us, last.view, params),
        proof=proof,
    )


def _next_timeout_us(timeout_us: int, view: int, params: Params) -> Micros:
    """R1: doubled, up to the cap, after an epoch ended by recovery; else one step back."""
    if view >= 1:
        return Micros(min(2 * timeout_us, params.view_timeout_max_us))
    return Micros(max(timeout_us // 2, params.view_timeout_us))


@dataclass(frozen=True, slots=True)
class Successors:
    """V_{e+1} and its committee as they will be, and the rest of the boundary."""

    electorate: Electorate
    committee: tuple[Leader, ...]
    boundary: Boundary


def succeed(epoch: Epoch, draw: Draw, params: Params, removed: Collection[NodeId] = ()) -> Successors:
    """E7: the electorate drawn if it qualifies, else the present one less culprits and leavers.

    Whom the authority has `removed` is in neither.
    """
    kind = type(epoch.electorate)
    present = epoch.electorate
    if removed:
        present = kind(member for member in present.members if member.identity not in removed)
        draw = replace(draw, electors=tuple(each for each in draw.electors if each.identity not in removed))
    electorate = kind(draw.electors) if draw.electors else None
    if electorate is None or not qualifies(electorate, params):
        electorate = kind(_remaining(present, draw, params))
    committee = seat(draw.committee, electorate, params)
    boundary = Boundary(electorate.root, compute_committee_hash(committee), draw.seed, draw.summary, None)
    return Successors(electorate, committee, boundary)


def _remaining(present: Electorate, draw: Draw, params: Params) -> list[Elector]:
    """The present voters: culprits go, unless all are; leavers go while enough voters remain.

    Units stay as they are. Without culprits the dishonest share falls; levelling would raise it again, to a veto
    where three remain.
    """
    staying = {member.identity: member for member in present.members if member.identity not in draw.culprits}
    for identity in draw.leaving:
        if len(staying) > params.min_voters:
            staying.pop(identity, None)
    return list(staying.values() or present.members)


def qualifies(electorate: Electorate, params: Params) -> bool:
    """Enough voters, with enough units."""
    return len(electorate.members) >= params.min_voters and electorate.total_units >= params.min_total_units


def seat(drawn: tuple[Leader, ...], electorate: Electorate, params: Params) -> tuple[Leader, ...]:
    """E6: the leaders drawn who are in the electorate; if those are too few, all of it as far as there is room."""
    seated = tuple(leader for leader in drawn if leader.identity in electorate.places)[: params.max_leaders]
    if len(seated) >= params.min_leaders:
        return seated
    identities = (*(leader.identity for leader in seated), *(member.identity for member in electorate.members))
    return tuple(Leader(identity, 1) for identity in dict.fromkeys(identities))[: params.max_leaders]
