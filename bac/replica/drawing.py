"""Who follows: claims to seats, seeds, the next electorate and committee (E6, E7, EL-30 to EL-60).

Everything that the draw for e + 1 depends on was fixed before anybody could choose: units and voters by the end of
e - 1, random-function keys by the end of e - 3, seed_{e+1} by the end of e - 1. What remains open during e is who
claims (whoever was drawn and shows it) and whether the primary of e shows its share in seed_{e+2} in time.

Source: docs/spec/replica.md RP-5 to RP-9, RP-20 to RP-24.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bac.crypto.suite import Suite, VrfKeyPair
from bac.finality.machine import Draw
from bac.genesis import LIST_VOTERS_LIMIT, Scheme
from bac.ledger.membership import Candidate, candidates
from bac.ledger.records import Standing
from bac.ledger.state import State
from bac.params import Params
from bac.proofs.electorate import Electorate
from bac.replica.assessor import Assessor
from bac.types import Hash, NodeId, Units
from bac.wire import claims as wire
from bac.wire.block import Elector, Leader
from bac.wire.signed import UNSIGNED
from bac.wire.votes import VOTERS_MAX
from election import sortition
from election.committee import Claim, CommitteeParams, compute_committee
from election.draw import Lottery
from election.electorate import clip
from election.seed import Role, fallback_seed, next_seed, seed_input

_ROLES: Final = {wire.Role.PRIMARY: Role.PRIMARY, wire.Role.CANDIDATE: Role.CANDIDATE}


def shard_id(shard: int) -> bytes:
    """What draws call a shard: four bytes, big-endian."""
    return shard.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Election:
    """The draw of the committee of e + 1, as everybody in e knows it.

    Attributes:
        epoch: e + 1.
        seed: seed_{e+1}.
        shard: whose.
        electorate: V_e, whose units draw.
        register: the vehicles on the register for e, by identity.
        params: of the network.
    """

    epoch: int
    seed: Hash
    shard: int
    electorate: Electorate
    register: Mapping[NodeId, Candidate]
    params: Params

    def lottery(self, role: wire.Role) -> Lottery:
        """The draw for `role`."""
        tau = self.params.primary_weight if role is wire.Role.PRIMARY else self.params.candidate_weight
        total = self.electorate.total_units
        return Lottery(self.seed, _ROLES[role], shard_id(self.shard), self.epoch, tau, total)

    def judge(self, claim: wire.Claim, assessor: Assessor) -> Claim | None:
        """What `claim` shows, or None: not of this draw, by no voter, not signed, not proven, nothing won."""
        voter = self.electorate.find(claim.identity)
        candidate = self.register.get(claim.identity)
        if claim.epoch != self.epoch or voter is None or candidate is None or candidate.vrf_key is None:
            return None
        if not assessor.is_signed(claim, candidate.signing_key):
            return None
        beta = assessor.output(candidate.vrf_key, self.lottery(claim.role).alpha, claim.proof)
        return None if beta is None else self._won(claim.identity, claim.role, beta)

    def _won(self, identity: NodeId, role: wire.Role, beta: bytes) -> Claim | None:
        voter = self.electorate.find(identity)
        if voter is None:
            return None
        lottery = self.lottery(role)
        wins = sortition.select(beta, voter.units, lottery.tau, lottery.total_units)
        return Claim(identity, lottery.role, beta, wins) if wins else None

    def make(self, identity: NodeId, pair: VrfKeyPair, suite: Suite) -> list[wire.Claim]:
        """What `identity` may claim, not signed yet; nothing if it votes not, or has another key in this draw."""
        candidate = self.register.get(identity)
        if candidate is None or candidate.vrf_key != pair.public:
            return []
        found = []
        for role in wire.Role:
            alpha = self.lottery(role).alpha
            proof = pair.prove(alpha)
            beta = suite.vrf_output(pair.public, alpha, proof)
            if beta is not None and self._won(identity, role, beta) is not None:
                found.append(wire.Claim(self.epoch, role, identity, proof, UNSIGNED))
        return found

    def make_seed_proof(self, pair: VrfKeyPair) -> wire.SeedProof:
        """The share in seed_{e+2} of the primary of e, whose key this is."""
        return wire.SeedProof(self.epoch + 1, pair.prove(self._seed_input()))

    def judge_seed(self, proof: wire.SeedProof, primary: NodeId, assessor: Assessor) -> Hash | None:
        """seed_{e+2}, if `proof` is the one of `primary`, the primary of e."""
        candidate = self.register.get(primary)
        if proof.epoch != self.epoch + 1 or candidate is None or candidate.vrf_key is None:
            return None
        beta = assessor.output(candidate.vrf_key, self._seed_input(), proof.proof)
        return None if beta is None else Hash(next_seed(beta))

    def fallback(self) -> Hash:
        """seed_{e+2} where no proof of the primary came in time."""
        return Hash(fallback_seed(self.seed, shard_id(self.shard), self.epoch + 1))

    def _seed_input(self) -> bytes:
        return seed_input(self.seed, shard_id(self.shard), self.epoch + 1)


def voters_limit(scheme: Scheme) -> int:
    """Most voters whose certificates fit the wire."""
    return LIST_VOTERS_LIMIT if scheme is Scheme.ED25519_LIST else VOTERS_MAX


def draw_electors(
    boundary: State, epoch: int, scheme: Scheme, params: Params, gone: Collection[NodeId] = ()
) -> tuple[Elector, ...]:
    """V of `epoch` by the state before it: everybody eligible with units, less `gone`, clipped.

    Of more than certificates can hold those with most units, ties by identity.
    """
    units = {identity: record.units for identity, record in boundary.reputations()}
    chosen = [
        (each, units.get(each.identity, 0))
        for each in candidates(boundary, epoch, params)
        if each.is_eligible and not each.is_leaving and each.identity not in gone
    ]
    chosen = sorted((pair for pair in chosen if pair[1]), key=lambda pair: (-pair[1], pair[0].identity))
    chosen = chosen[: voters_limit(scheme)]
    clipped = clip({each.identity: count for each, count in chosen}) if chosen else {}
    return tuple(
        Elector(each.identity, each.acknowledgement_key, Units(clipped[each.identity]))
        for each, _ in chosen
        if each.acknowledgement_key is not None
    )


def draw_committee(
    claims: Iterable[Claim], electors: tuple[Elector, ...], seed: Hash, params: Params
) -> tuple[Leader, ...]:
    """The committee of the epoch of `electors` and `seed`, in the order of succession; none without electors."""
    if not electors:
        return ()
    sizes = CommitteeParams(params.primary_weight, params.candidate_weight, params.max_leaders)
    units: dict[bytes, int] = {each.identity: each.units for each in electors}
    committee = compute_committee(claims, units, seed, sizes)
    return tuple(Leader(NodeId(identity), weight) for identity, weight in committee.members)


def find_leavers(
    boundary: State, epoch: int, present: Electorate, departed: Iterable[NodeId], params: Params
) -> tuple[NodeId, ...]:
    """Who of the present voters is not to vote in `epoch`, in the order in which they are let go (E7).

    First whose membership or credential has ended, then who left by a transaction, in the order of its epoch, then who
    announced to drive off.
    """
    known = {each.identity: each for each in candidates(boundary, epoch, params)}
    ended, left = [], []
    for member in present.members:
        each = known.get(member.identity)
        if each is None or each.is_expired or each.standing in (Standing.REMOVED, Standing.REVOKED):
            ended.append(member.identity)
        elif each.is_leaving:
            record = boundary.member(member.identity)
            assert record is not None, "a candidate is on the register"
            left.append((record.standing_since, member.identity))
    driving = [identity for identity in departed if identity in present.places]
    return tuple(dict.fromkeys([*ended, *(identity for _, identity in sorted(left)), *driving]))


def draw_first(boundary: State, seed: Hash, shard: int, scheme: Scheme, params: Params) -> Draw:
    """Electorate and committee of epoch 0, and seed_1: nobody has claimed, so the committee is filled up by hash."""
    electors = draw_electors(boundary, 0, scheme, params)
    committee = draw_committee((), electors, seed, params)
    return Draw(electors, committee, Hash(fallback_seed(seed, shard_id(shard), 1)))
