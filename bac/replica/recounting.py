"""Counts the draw of a committee again, from what was ordered: seed, proofs, intervals of the sortition, seats.

Nothing here is asked of the machine that drew: the random function's outputs come from the claims as they stand in the
blocks and the keys on the register, the seats from `election.sortition`, the committee from `election.committee`. What
does not fit is a fault, in words.

Source: docs/spec/replica.md RP-119; docs/spec/election.md EL-10, EL-30 to EL-34, EL-50 to EL-60.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bac.crypto.suite import Suite
from bac.finality.epochs import Epoch, seat
from bac.params import Params
from bac.proofs.restart import is_restart
from bac.replica.drawing import shard_id
from bac.replica.replay import EpochAccount
from bac.types import Hash, NodeId
from bac.wire.block import Leader
from bac.wire.claims import Claim as Shown
from bac.wire.claims import Role as WireRole
from bac.wire.claims import claim_id
from election.committee import Claim, CommitteeParams, compute_committee
from election.seed import Role, fallback_seed, next_seed, seed_input, sortition_input
from election.sortition import OUTPUT_BITS, interval, select

GENESIS = "genesis"
PRIMARY = "the primary"
FALLBACK = "the fallback"


@dataclass(frozen=True, slots=True)
class Seat:
    """One claim to seats, or a place that was filled up.

    Attributes:
        identity: whose.
        role: what was drawn for; None for who fills up.
        units: in the electorate that drew.
        total_units: of it.
        tau: units elected on average.
        output: of the random function, under the key on the register.
        draw: u of that output.
        low: where the interval of `wins` begins; u is at least that.
        high: where it ends; u is below.
        wins: units elected.
        is_listed: whether lists that count name the claim: others seat nobody.
        place: in the succession, from 0; None for who does not lead.
        weight: in the committee.
    """

    identity: NodeId
    role: Role | None
    units: int
    total_units: int
    tau: int
    output: bytes
    draw: float
    low: float
    high: float
    wins: int
    is_listed: bool
    place: int | None = None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Recount:
    """The draw of one committee, counted again.

    Attributes:
        epoch: that it leads.
        seed: of that epoch.
        origin: of the seed: genesis, the primary's proof, or the fallback.
        seats: in the order of succession, then who claimed and does not lead.
        faults: what does not fit; none if all holds.
    """

    epoch: int
    seed: Hash
    origin: str
    seats: tuple[Seat, ...]
    faults: tuple[str, ...]


def recount_first(first: Epoch, params: Params) -> Recount:
    """Of the committee of epoch 0, for which nobody could claim: it is filled up by the seed."""
    units: dict[bytes, int] = {each.identity: each.units for each in first.electorate.members}
    return _place(0, first.seed, GENESIS, [], _expect((), units, first, params), first, [])


def recount(before: EpochAccount | None, account: EpochAccount, shard: int, suite: Suite, params: Params) -> Recount:
    """Of the committee of the epoch after `account`; `before` is the account of the epoch before that, if any."""
    faults: list[str] = []
    number, seed = account.number + 1, account.next_seed
    origin, expected = _seed(before, account, shard, suite)
    if expected != seed:
        faults.append(f"the seed is {seed.hex()[:16]}, recounted is {expected.hex()[:16]}")
    counted = () if is_restart(account.last) else account.docket.counted
    listed = dict.fromkeys(name for voter in counted for name in account.docket.lists[voter])
    seats: list[Seat] = []
    claims: list[Claim] = []
    for shown in account.claims:
        found = _claim(shown, account, seed, shard, suite, params)
        if isinstance(found, str):
            faults.append(f"{shown.identity.hex()[:16]}: {found}")
            continue
        is_listed = claim_id(shown) in listed
        seats.append(replace(found, is_listed=is_listed))
        if is_listed and found.role is not None:
            claims.append(Claim(found.identity, found.role, found.output, found.wins))
    units: dict[bytes, int] = {each.identity: each.units for each in account.drawn}
    following = replace(account.epoch, number=number, seed=seed, electorate=account.successors.electorate,
                        committee=account.successors.committee, proposers={}, succession=[])  # fmt: skip
    return _place(number, seed, origin, seats, _expect(claims, units, following, params), following, faults)


def _expect(claims: Sequence[Claim], units: dict[bytes, int], epoch: Epoch, params: Params) -> tuple[Leader, ...]:
    """The committee that follows from claims, units and seed."""
    sizes = CommitteeParams(params.primary_weight, params.candidate_weight, params.max_leaders)
    members = compute_committee(claims, units, epoch.seed, sizes).members if units else ()
    return seat(tuple(Leader(NodeId(each), weight) for each, weight in members), epoch.electorate, params)


def _seed(before: EpochAccount | None, account: EpochAccount, shard: int, suite: Suite) -> tuple[str, Hash]:
    """seed_{e+1}: the share of the primary of e - 1, if it came in time, else what follows from seed_e."""
    name, number, seed = shard_id(shard), account.number + 1, account.epoch.seed
    if before is None or before.seed_proof is None:
        return FALLBACK, Hash(fallback_seed(seed, name, number))
    key = before.docket.register[before.epoch.committee[0].identity].vrf_key
    output = None if key is None else suite.vrf_output(key, seed_input(seed, name, number), before.seed_proof.proof)
    return PRIMARY, Hash(bytes(32) if output is None else next_seed(output))


def _claim(shown: Shown, account: EpochAccount, seed: Hash, shard: int, suite: Suite, params: Params) -> Seat | str:
    """The seats that a claim shows, or what is wrong with it."""
    voter = account.epoch.electorate.find(shown.identity)
    candidate = account.docket.register.get(shown.identity)
    if voter is None or candidate is None or candidate.vrf_key is None:
        return "no voter with a key claims"
    role = Role.PRIMARY if shown.role is WireRole.PRIMARY else Role.CANDIDATE
    tau = params.primary_weight if role is Role.PRIMARY else params.candidate_weight
    alpha = sortition_input(seed, role, shard_id(shard), account.number + 1)
    output = suite.vrf_output(candidate.vrf_key, alpha, shown.proof)
    if output is None:
        return "the proof does not belong to its key and this draw"
    total = account.epoch.electorate.total_units
    wins = select(output, voter.units, tau, total)
    low, high = interval(wins, voter.units, tau, total)
    u, whole = int.from_bytes(output, "big"), 1 << OUTPUT_BITS
    if wins < 1 or not low <= u <= high:
        return f"its draw is outside of the interval of {wins} seats"
    return Seat(
        shown.identity, role, voter.units, total, tau, output, u / whole, low / whole, high / whole, wins,
        is_listed=False,
    )  # fmt: skip


def _place(
    number: int, seed: Hash, origin: str, seats: Sequence[Seat], expected: tuple[Leader, ...], epoch: Epoch,
    faults: Sequence[str],
) -> Recount:  # fmt: skip
    """Compares with the committee of `epoch`, and puts the seats in its order."""
    found = list(faults)
    if expected != epoch.committee:
        found.append("the committee is another one than follows from the claims")
    leaders = {leader.identity: (place, leader.weight) for place, leader in enumerate(epoch.committee)}
    claimed = {each.identity for each in seats}
    filled = [
        Seat(each, None, 0, 0, 0, b"", 0.0, 0.0, 0.0, 0, is_listed=False) for each in leaders if each not in claimed
    ]
    placed = [
        replace(each, place=leaders[each.identity][0], weight=leaders[each.identity][1])
        if each.identity in leaders else each
        for each in (*seats, *filled)
    ]  # fmt: skip
    return Recount(number, seed, origin, tuple(sorted(placed, key=_order)), tuple(found))


def _order(each: Seat) -> tuple[bool, int, bytes, int]:
    return each.place is None, each.place or 0, each.identity, each.role or 0


def recounts(
    first: Epoch, accounts: Iterator[EpochAccount], shard: int, suite: Suite, params: Params
) -> Iterator[Recount]:
    """Of all committees: of epoch 0, and of every one that follows from the accounts."""
    yield recount_first(first, params)
    before = None
    for account in accounts:
        yield recount(before, account, shard, suite, params)
        before = account
