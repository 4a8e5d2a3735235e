"""The checks: each looks at what stands on disk, says how much it has looked at, and what is wrong.

A check that has looked at nothing has failed: that something does not happen in a run is not to pass for success.

Source: the invariants of docs/architecture.md and docs/spec/sim.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Final

from bac.cli.archive import Beginning
from bac.cli.demo.record import Record, Recount
from bac.cli.output import Row
from bac.errors import Rejected
from bac.ledger.audit import audit
from bac.ledger.records import Standing
from bac.proofs.confirmation import verify_confirmation
from bac.wire.block import ConfirmationProof
from bac.wire.codec import decode

WRONG_MAX: Final = 5
EPOCHS_MIN: Final = 3


class CheckRow(Row, frozen=True):
    """One invariant: whether it held, on how many things it was tried, and what was wrong (the first few)."""

    check: str
    verdict: str
    examined: int
    of: str
    wrong: list[str]


class Case:
    """What all checks look at."""

    def __init__(self, record: Record, beginning: Beginning, recount: Recount) -> None:
        self.record = record
        self.beginning = beginning
        self.recount = recount
        self.plan = record.plan
        self.wrong: list[str] = []

    def blame(self, holds: bool, words: str) -> int:
        """Notes what does not hold; 1, for counting."""
        if not holds:
            self.wrong.append(words)
        return 1


def agreement(case: Case) -> int:
    """No two honest nodes have different blocks at one height, nor different state roots."""
    known: dict[int, tuple[str, bytes]] = {}
    count = 0
    for name in case.record.honest:
        for each in case.record.stores[name]:
            first, expected = known.setdefault(each.height, (name, each.hash))
            words = f"{name} and {first} have different blocks at height {each.height}"
            count += case.blame(expected == each.hash, words)
    return count


def prefix(case: Case) -> int:
    """Every store holds one chain that only grows."""
    count = 0
    for name, kept in case.record.stores.items():
        for one, other in pairwise(kept):
            follows = other.height == one.height + 1 and other.block.header.parent == one.hash
            is_later = other.height > one.height + 1
            count += case.blame(follows or is_later, f"{name}: block {other.height} does not follow {one.height}")
    return count


def state(case: Case) -> int:
    """Every state root was recomputed from genesis on, or the recount would have failed."""
    return case.recount.blocks


def confirmation(case: Case) -> int:
    """Every block has a proof of its confirmation by the electorate of its epoch."""
    replay = case.recount.replay
    electorates = {each.number: each.epoch.electorate for each in case.recount.accounts}
    electorates[replay.epoch.number] = replay.epoch.electorate
    count = 0
    for each in case.record.longest()[1]:
        epoch = each.block.header.epoch
        try:
            shown = verify_confirmation(decode(ConfirmationProof, each.proof), epoch, electorates[epoch], replay.scope)
        except Rejected as refusal:
            count += case.blame(False, f"block {each.height}: {refusal.reason}")
        else:
            count += case.blame(shown == each.block.header, f"the proof of block {each.height} shows another one")
    return count


def conservation(case: Case) -> int:
    """No coin came from nowhere or went there, after any block; the last state recounts."""
    ledger = case.recount.replay.post.ledger
    blocks = case.recount.blocks
    case.blame(case.recount.conserved == blocks, f"coins are not conserved in {blocks - case.recount.conserved} blocks")
    case.wrong += audit(ledger)
    return blocks


def durability(case: Case) -> int:
    """What the killed leader had reported is in its store; what vehicles were told is final is in their nodes'."""
    record, promise, count = case.record, case.record.promise(), 0
    if promise is not None and case.plan.killed is not None:
        kept = {each.commit: sha256(each.data).hexdigest() for each in record.stores[case.plan.killed]}
        same = kept.get(promise["commit"]) == promise["block"]
        count += case.blame(same, f"{case.plan.killed} has lost commit {promise['commit']}")
    decided = {each.id.hex() for _, each in case.recount.transactions}
    for name in record.honest:
        for told in record.journeys[name].final:
            count += case.blame(told in decided, f"{name} was told that {told[:12]} is final; no block decides it")
    return count


def return_(case: Case) -> int:
    """The killed leader came back, and has confirmed as far as the others."""
    name, promise = case.plan.killed, case.record.promise()
    if name is None or promise is None:
        return 0
    last = max(each.height for each in case.record.stores[name])
    least = case.recount.blocks * 9 // 10
    return case.blame(last >= least, f"{name} has come back to block {last} of {case.recount.blocks} only")


def elections(case: Case) -> int:
    """Electorates and committees were drawn anew: the recount has recomputed each, and they were different ones."""
    drawn = [each for each in case.recount.accounts if each.is_drawn]
    committees = {tuple(leader.identity for leader in each.successors.committee) for each in drawn}
    case.blame(len(drawn) >= EPOCHS_MIN, f"only {len(drawn)} epochs were followed by an electorate that was drawn")
    case.blame(len(committees) >= EPOCHS_MIN, f"only {len(committees)} different committees were drawn")
    return len(drawn)


def equivocation(case: Case) -> int:
    """The traitor was convicted, nobody else was, and it has not voted since."""
    traitor = case.record.identities[case.plan.traitor]
    convicted: int | None = None
    count = 0
    for account in case.recount.accounts:
        for each in account.docket.convictions:
            name = case.record.names.get(each.identity, each.identity.hex()[:12])
            count += case.blame(each.identity == traitor, f"{name} was convicted at height {each.height}")
            convicted = account.number if convicted is None else convicted
        voter = account.successors.electorate.find(traitor)
        if convicted is not None:
            case.blame(voter is None, f"{case.plan.traitor} votes in epoch {account.number + 1}")
    if convicted is not None:
        record = case.recount.replay.post.ledger.reputation(traitor)
        case.blame(record is not None and not record.units, f"{case.plan.traitor} still has units")
    return count


def admission(case: Case) -> int:
    """Who was to arrive is a member, who was to leave is none any more; the stranger never was one."""
    members = dict(case.recount.replay.post.ledger.members())
    count = 0
    for name in case.plan.arrivals:
        member = members.get(case.record.identities[name])
        count += case.blame(member is not None and member.standing is Standing.PRESENT, f"{name} is no member")
    for name in case.plan.leavers:
        standing = members[case.record.identities[name]].standing
        count += case.blame(standing is Standing.LEAVING, f"{name} has not left")
    case.blame(case.record.sybil.identity not in members, "the stranger is a member")
    return count


def stranger(case: Case) -> int:
    """Every node that the stranger knocked at has refused it, and it has confirmed nothing."""
    words = case.record.last_words(case.record.sybil)
    case.blame(words.get("event") == "stopped" and not words.get("commits"), f"the stranger: {words.get('event')}")
    tally = words.get("tally", {})
    refused = 0
    for name in case.record.honest:
        counts = case.record.last_words(case.record.network.homes[name]).get("tally", {})
        refused += any(count for what, count in counts.items() if what.startswith("not admitted: "))
    case.blame(tally.get("refused by a peer", 0) > 0, "the stranger was not refused")
    return refused


def ending(case: Case) -> int:
    """Every node has ended as it should, and nothing went wrong with the run."""
    count = 0
    for name, home in case.record.network.homes.items():
        event = case.record.last_words(home)["event"]
        count += case.blame(event == "stopped", f"{name} has ended with: {event}")
    case.wrong += case.plan.troubles
    return count


_CHECKS: Final[tuple[tuple[str, Callable[[Case], int], str], ...]] = (
    ("agreement", agreement, "blocks in stores"),
    ("prefix", prefix, "pairs of blocks"),
    ("same state", state, "state roots recomputed"),
    ("confirmation", confirmation, "proofs"),
    ("conservation of coins", conservation, "states"),
    ("durability", durability, "reports of finality"),
    ("return of the killed", return_, "nodes"),
    ("elections", elections, "draws"),
    ("equivocation punished", equivocation, "convictions"),
    ("arrivals and leavers", admission, "vehicles"),
    ("stranger refused", stranger, "nodes that refused it"),
    ("clean end", ending, "nodes"),
)


def judge(record: Record, beginning: Beginning, recount: Recount) -> Iterator[CheckRow]:
    """Every check."""
    for name, check, of in _CHECKS:
        case = Case(record, beginning, recount)
        examined = check(case)
        wrong = case.wrong[:WRONG_MAX] or ([] if examined else ["nothing was examined"])
        yield CheckRow(check=name, verdict="fails" if wrong else "holds", examined=examined, of=of, wrong=wrong)
