"""A real trace through the three libraries: where (shards), who (election), in which order (hashgraph).

Electric cars of the packaged Hamburg trace are sharded by place and velocity. One shard is followed: every 15 s its
residents draw a committee by VRF and reputation, whose leaders gossip micro-blocks with everybody's positions and order
them by virtual voting. One leader forks its events in the third epoch and loses its units.

Exit 1 if two leaders' orders contradict each other, or the fork went unpunished.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bac.mobility.packaged import hamburg_ticks
from election import vrf
from election.committee import Claim, Committee, CommitteeParams, compute_committee
from election.draw import Lottery, draw
from election.electorate import clip
from election.explain import explain
from election.reputation import endowed, evaluate, newcomer
from election.seed import Role, next_seed, seed_input
from election.standing import Epoch, Evidence, ReputationParams, Standing
from hashgraph import Event, Hashgraph
from shards import Assignment, Params, Report, assign

TICK_US = 5_000_000
TICKS_PER_EPOCH = 3
SHARD = b"followed"
LEADERS = CommitteeParams(max_leaders=7)
REPUTATION = ReputationParams()
DUTIES = 8
EXCHANGES_PER_LEADER = 40
FORK_EPOCH = 3
HEADINGS = {
    "epoch": "epoch", "trace_time_s": "trace s", "vehicles": "EVs", "shards": "shards", "residents": "in shard",
    "voters": "voters", "units": "units", "leaders": "leaders", "primary": "primary", "rounds_closed": "rounds",
    "events_ordered": "ordered", "orders_agree": "agree", "forkers_caught": "forkers",
}  # fmt: skip


def secret_of(name: bytes) -> bytes:
    """A key for the show; real ones come from the system's randomness."""
    return hashlib.sha256(b"demo" + name).digest()


@dataclass
class Gossip:
    """The leaders of one epoch, each with its own hashgraph, exchanging what the other lacks."""

    committee: Committee
    choice: random.Random
    start_us: int
    views: dict[bytes, Hashgraph] = field(init=False)
    lasts: dict[bytes, bytes | None] = field(init=False)
    orders: dict[bytes, list[bytes]] = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.views = {leader: Hashgraph(self.committee.weights) for leader in self.committee.weights}
        self.lasts = dict.fromkeys(self.views)
        self.orders = {leader: [] for leader in self.views}

    def insert(self, leader: bytes, event: Event) -> None:
        """Takes an event into one leader's view."""
        self.orders[leader] += [ordered.event.id for ordered in self.views[leader].insert(event)]

    def exchange(self, giver: bytes, taker: bytes, payload: tuple[bytes, ...]) -> None:
        """`taker` learns what `giver` knows, and says so with a micro-block."""
        while batch := self.views[giver].missing_for(self.views[taker].summary(), 100):
            for event in batch:
                self.insert(taker, event)
        heads = (self.lasts[giver],) if self.lasts[giver] else ()
        self.lasts[taker] = self.make(taker, self.lasts[taker], heads, payload)

    def make(
        self, creator: bytes, self_parent: bytes | None, others: tuple[bytes | None, ...], payload: tuple[bytes, ...]
    ) -> bytes:
        """Makes an event; its signature is a hash, since this example checks none."""
        self.count += 1
        signature = hashlib.sha512(creator + self.count.to_bytes(8)).digest()
        known = tuple(other for other in others if other)
        now_us = self.start_us + self.count
        event = Event(signature[:32], creator, self_parent, known, now_us, payload, signature)
        self.insert(creator, event)
        return event.id

    def run(self, positions: Mapping[bytes, bytes], forker: bytes | None) -> None:
        """As many exchanges as make some rounds; the forker signs two events on one self-parent."""
        leaders = sorted(self.views)
        for number in range(EXCHANGES_PER_LEADER * len(leaders)):
            giver, taker = self.choice.sample(leaders, 2)
            before = self.lasts[taker]
            self.exchange(giver, taker, (positions[taker],))
            if taker == forker and before and number > len(leaders):
                self.lasts[forker] = self.make(forker, before, (), (b"another story",))
                forker = None

    def agreed(self) -> tuple[bool, int]:
        """Whether all orders are prefixes of the longest, and how much all have."""
        longest = max(self.orders.values(), key=len)
        return all(order == longest[: len(order)] for order in self.orders.values()), min(
            map(len, self.orders.values())
        )

    def forkers(self) -> set[bytes]:
        """Creators of which some view holds a proof."""
        return {proof.creator for view in self.views.values() for proof in view.forks}


@dataclass
class Followed:
    """One shard's chain of epochs: seed, standings, committees."""

    seed: bytes
    standings: dict[bytes, Standing] = field(default_factory=dict)
    culprit: bytes | None = None
    fall: list[str] = field(default_factory=list)

    def elect(self, epoch: int, residents: list[bytes]) -> tuple[dict[bytes, int], Committee]:
        """The electorate and the committee of an epoch."""
        for name in residents:
            fresh = endowed(1000, REPUTATION) if epoch == 1 else newcomer(REPUTATION)
            self.standings.setdefault(name, fresh)
        electorate = clip({n: self.standings[n].units for n in residents if self.standings[n].units > 0})
        total = sum(electorate.values())
        claims: list[Claim] = []
        for role in Role:
            lottery = Lottery(self.seed, role, SHARD, epoch, LEADERS.tau(role), total)
            for name, units in electorate.items():
                _, claim = draw(lottery, name, secret_of(name), units)
                claims += [claim] if claim else []
        return electorate, compute_committee(claims, electorate, self.seed, LEADERS)

    def close(self, epoch: int, present: set[bytes], total: int, forkers: set[bytes], primary: bytes) -> None:
        """Evaluates everybody's epoch and draws the next seed from the primary's VRF."""
        number = Epoch(epoch, total)
        for name, standing in self.standings.items():
            done = DUTIES if name in present else 0
            on_time, late = (done, 0) if standing.units else (0, done)
            proofs = (epoch,) if name in forkers else ()
            evidence = Evidence(offered=DUTIES, done=on_time, late=late, proofs=proofs)
            if proofs:
                why = explain(standing, evidence, number, REPUTATION)
                self.culprit = name
                self.fall = [f"{share:+d} {cause.value}" for cause, share in why.shares]
            self.standings[name] = evaluate(standing, evidence, number, REPUTATION)
        alpha = seed_input(self.seed, SHARD, epoch + 1)
        secret = secret_of(primary)
        self.seed = next_seed(vrf.verify(vrf.public_key(secret), alpha, vrf.prove(secret, alpha)))


def epochs(count: int, params: Params) -> Iterator[tuple[int, list[set[bytes]], Assignment, dict[bytes, bytes], int]]:
    """(epoch, members of each shard's ticks …): the trace, sharded tick by tick, in pieces of an epoch."""
    assignment: Assignment | None = None
    followed: int | None = None
    present: list[set[bytes]] = []
    for number, (time_us, fixes) in enumerate(hamburg_ticks(TICK_US), start=1):
        reports = []
        positions: dict[bytes, bytes] = {}
        for fix in fixes:
            name = hashlib.sha256(fix.vehicle.encode()).digest()
            vx, vy = fix.velocity_cm_s or (0, 0)
            reports.append(Report(name, time_us, fix.x_cm, fix.y_cm, vx, vy))
            positions[name] = f"{fix.x_cm},{fix.y_cm}".encode()
        assignment = assign(reports, assignment, params)
        members = assignment.members()
        if followed not in members:
            followed = max(members, key=lambda shard: (len(members[shard]), -shard))
        present.append(set(members[followed]))
        if number % TICKS_PER_EPOCH == 0:
            yield number // TICKS_PER_EPOCH, present, assignment, positions, time_us
            present = []
        if number == count * TICKS_PER_EPOCH:
            return


def play(count: int, seed: int) -> tuple[list[dict[str, Any]], Followed, bool]:
    """All epochs. Returns a row an epoch, the shard's chain, and whether everything held."""
    chain = Followed(hashlib.sha256(seed.to_bytes(8)).digest())
    rows = []
    holds = True
    for epoch, present, assignment, positions, time_us in epochs(count, Params(max_size=64)):
        residents = sorted(set.intersection(*present))
        electorate, committee = chain.elect(epoch, residents)
        gossip = Gossip(committee, random.Random(f"{seed} {epoch}"), time_us)
        forker = committee.candidates[-1] if epoch == FORK_EPOCH and len(committee.candidates) > 3 else None
        gossip.run(positions, forker)
        is_agreed, ordered = gossip.agreed()
        rounds = min(view.closed_round for view in gossip.views.values())
        chain.close(epoch, set(residents), sum(electorate.values()), gossip.forkers(), committee.primary)
        holds = holds and is_agreed and ordered > 0 and (forker is None or chain.standings[forker].units == 0)
        rows.append(
            {
                "epoch": epoch,
                "trace_time_s": time_us // 1_000_000,
                "vehicles": len(assignment.shard_of),
                "shards": len(assignment.members()),
                "residents": len(residents),
                "voters": len(electorate),
                "units": sum(electorate.values()),
                "leaders": len(committee.members),
                "primary": committee.primary.hex()[:8],
                "rounds_closed": rounds,
                "events_ordered": ordered,
                "orders_agree": is_agreed,
                "forkers_caught": len(gossip.forkers()),
            }
        )
    return rows, chain, holds


def show(rows: list[dict[str, Any]], chain: Followed, seconds: float) -> None:
    """The table for people."""
    lines = [list(HEADINGS.values()), *([str(row[key]) for key in HEADINGS] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    ordered = sum(row["events_ordered"] for row in rows)
    print(f"\n{ordered} micro-blocks ordered alike by every leader of {len(rows)} committees, in {seconds:.1f} s")
    if chain.culprit:
        print(f"the forker {chain.culprit.hex()[:8]} lost its units: {', '.join(chain.fall)}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=12, help="of 15 s of the trace (1 to 80)")
    parser.add_argument("--seed", type=int, default=1, help="of the draws and exchanges")
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args()
    if not 1 <= arguments.epochs <= 80 or not 0 <= arguments.seed < 2**64:
        parser.error("--epochs is 1 to 80, --seed is 0 to 2^64 - 1")
    start = time.perf_counter()
    rows, chain, holds = play(arguments.epochs, arguments.seed)
    if arguments.json:
        json.dump({"epochs": rows, "fall": chain.fall, "holds": holds}, sys.stdout, indent=1)
        print()
    else:
        show(rows, chain, time.perf_counter() - start)
    if not holds:
        print("FAILED: orders disagree, or a fork went unpunished", file=sys.stderr)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
