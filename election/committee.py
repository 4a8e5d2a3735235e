"""The committee of an epoch: the primary P, the candidate primaries in the order of succession, and their weights.

Whoever won units as PRIMARY or CANDIDATE claims so with its VRF proof; the chain fixes the set of claims. From that
set every node computes the same committee, whatever the order in which it learnt the claims.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from election.electorate import VOTERS_MIN, clip_level
from election.seed import OUTPUT_BYTES, Role, check_seed, number, tagged_hash


@dataclass(frozen=True, slots=True)
class CommitteeParams:
    """Sizes of a committee.

    Attributes:
        tau_primary: units elected as PRIMARY on average. At 20 nobody is elected once in 5·10^8 epochs.
        tau_candidate: units elected as CANDIDATE on average. Together 100: captured at 20 % dishonest units with
            chance 0.1 % (`election.risk`).
        max_leaders: members at most. Fewer lead faster and are captured more often.
    """

    tau_primary: int = 20
    tau_candidate: int = 80
    max_leaders: int = 32

    def __post_init__(self) -> None:
        if self.tau_primary < 1 or self.tau_candidate < 1:
            raise ValueError("at least one unit is elected for each role on average")
        if self.max_leaders < VOTERS_MIN:
            raise ValueError(f"a committee has room for {VOTERS_MIN} leaders")

    def tau(self, role: Role) -> int:
        """The number of units elected for `role` on average."""
        return self.tau_primary if role is Role.PRIMARY else self.tau_candidate


@dataclass(frozen=True, slots=True)
class Claim:
    """One identity's win in one role: `wins` (λ >= 1) of its units, elected by the verified VRF output `beta`."""

    identity: bytes
    role: Role
    beta: bytes
    wins: int

    def __post_init__(self) -> None:
        if len(self.beta) != OUTPUT_BYTES or self.wins < 1:
            raise ValueError(f"a claim holds a VRF output of {OUTPUT_BYTES} bytes and at least one elected unit")

    @property
    def priority(self) -> bytes:
        """Lowest hash of output ‖ sub-user index over the elected sub-users; the lower, the earlier."""
        return min(tagged_hash(b"bac priority 1", self.beta, number(index)) for index in range(self.wins))


@dataclass(frozen=True, slots=True)
class Committee:
    """Members in the order of succession, the primary first: (identity, clipped weight)."""

    members: tuple[tuple[bytes, int], ...]

    @property
    def primary(self) -> bytes:
        """The identity of P."""
        return self.members[0][0]

    @property
    def candidates(self) -> tuple[bytes, ...]:
        """The identities of the CPs in the order of succession."""
        return tuple(identity for identity, _ in self.members[1:])

    @property
    def weights(self) -> dict[bytes, int]:
        """Weight by identity, in the order of succession: the members of the epoch's hashgraph."""
        return dict(self.members)


def compute_committee(
    claims: Iterable[Claim], electorate: Mapping[bytes, int], seed: bytes, params: CommitteeParams = CommitteeParams()
) -> Committee:
    """The committee that follows from the claims, for an epoch with this electorate.

    P is the PRIMARY winner with the highest priority; the other winners are CPs in the order of priority. Without a
    PRIMARY winner the first CP is P. An identity weighs what it won in both roles. Winners outside the electorate are
    dropped, those beyond `max_leaders` stay consensus nodes. With fewer than four members the committee is all of the
    electorate, up to `max_leaders`, filled up in an order drawn from the seed, each with weight 1. Weights are clipped.

    Args:
        claims: verified claims, in any order; repeated ones count once.
        electorate: voting units by identity of the epoch that the committee serves.
        seed: that epoch's seed, 32 bytes.
        params: sizes; of them `max_leaders` counts here.

    Raises:
        ValueError: the electorate is empty, or two claims of one identity and role differ.
    """
    voters = sorted(identity for identity, units in electorate.items() if units > 0)
    if not voters:
        raise ValueError("an empty electorate has no committee")
    winners = _winners(claims, frozenset(voters))
    leaders = _succession(winners)[: params.max_leaders]
    weights = {identity: sum(claim.wins for claim in winners[identity]) for identity in leaders}
    if len(weights) < VOTERS_MIN:
        rest = sorted((_filling_order(seed, identity), identity) for identity in voters if identity not in weights)
        weights.update((identity, 1) for _, identity in rest[: params.max_leaders - len(weights)])
    level = clip_level(weights.values())
    return Committee(tuple((identity, min(weight, level)) for identity, weight in weights.items()))


def _winners(claims: Iterable[Claim], voters: frozenset[bytes]) -> dict[bytes, list[Claim]]:
    """The distinct claims of each voter."""
    found: dict[tuple[bytes, Role], Claim] = {}
    for claim in claims:
        if found.setdefault((claim.identity, claim.role), claim) != claim:
            raise ValueError(f"{claim.identity.hex()} claims {claim.role.name} twice, differently")
    winners: dict[bytes, list[Claim]] = {}
    for (identity, _), claim in found.items():
        if identity in voters:
            winners.setdefault(identity, []).append(claim)
    return winners


def _succession(winners: Mapping[bytes, list[Claim]]) -> list[bytes]:
    """The winners in the order of priority, behind the first of the PRIMARY winners."""
    order = sorted((min(claim.priority for claim in claims), identity) for identity, claims in winners.items())
    primaries = [
        (claim.priority, identity)
        for identity, claims in winners.items()
        for claim in claims
        if claim.role is Role.PRIMARY
    ]
    first = [min(primaries)[1]] if primaries else []
    return first + [identity for _, identity in order if identity not in first]


def _filling_order(seed: bytes, identity: bytes) -> bytes:
    return tagged_hash(b"bac filling 1", check_seed(seed), identity)
