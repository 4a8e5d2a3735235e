"""Why an identity has the voting units that it has: every cause with its share, where it stands, and what shows it.

The units on record change as `election.explain` says; the units that vote are those, clipped, of whoever is in the
electorate. Both changes are explained by shares that sum exactly to them: what the record gained or lost by each cause,
then what stands between the record and the vote.

Pure: it reads the accounts of `bac.replica.replay`.

Source: docs/spec/replica.md RP-114 to RP-118; docs/spec/election.md EL-81 to EL-83.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from bac.proofs.electorate import Electorate
from bac.replica.docket import Conviction
from bac.replica.replay import EpochAccount
from bac.replica.standings import Assessment
from bac.types import Hash, NodeId
from election.explain import Explanation, explain
from election.reputation import Cause, evaluate
from election.standing import Epoch, Evidence, ReputationParams, Standing


class Mark(Enum):
    """What became of a duty."""

    DONE = "done"
    LATE = "late"
    MISSED = "missed"
    NOT_OFFERED = "not offered"


class Gap(Enum):
    """What stands between the units on record and those that vote.

    Outside is who has no key, is not resident yet, is leaving, or was convicted; the electorate before stays where the
    one drawn does not qualify.
    """

    CLIPPING = Cause.CLIPPING.value
    OUTSIDE = "outside the electorate"
    STAYING = "the electorate before stays"


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty of an identity in an epoch.

    Attributes:
        first: the first height whose acknowledgement fulfils it.
        last: the last one.
        mark: what became of it.
        height: of the block that shows it done; None if none does.
        evidence: SHA-256 of the certificate or acknowledgement there.
    """

    first: int
    last: int
    mark: Mark
    height: int | None
    evidence: Hash | None


@dataclass(frozen=True, slots=True)
class Share:
    """What one cause added or took.

    Attributes:
        cause: in words.
        units: never zero.
        heights: of the blocks where it stands; of what was missed, where the duties began.
        evidence: SHA-256 of the items that show it; none for what follows from the record alone.
    """

    cause: str
    units: int
    heights: tuple[int, ...]
    evidence: tuple[Hash, ...] = ()


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One identity over one epoch.

    Attributes:
        epoch: which.
        height: of its last block, where it was evaluated.
        identity: whose.
        before: the standing in the epoch.
        after: the standing from then on.
        evidence: what the epoch says of it.
        duties: one by one; none if it had none.
        rounds: closed rounds of the epoch.
        witnessed: the heights of those in which it made a unique famous witness; None if it did not lead.
        convictions: in order.
        votes: its units in the electorate of the epoch.
        votes_after: in the next one.
        shares: of the change from `before.units` to `after.units`.
        gaps: what more there is to the change from `votes` to `votes_after`.
    """

    epoch: int
    height: int
    identity: NodeId
    before: Standing
    after: Standing
    evidence: Evidence
    duties: tuple[Duty, ...]
    rounds: int
    witnessed: tuple[int, ...] | None
    convictions: tuple[Conviction, ...]
    votes: int
    votes_after: int
    shares: tuple[Share, ...]
    gaps: tuple[Share, ...]


def reckon(account: EpochAccount, constants: ReputationParams) -> list[Reckoning]:
    """Everybody who had a record or duties in the epoch, by identity, ascending."""
    return [_reckon(account, each, constants) for each in account.assessments]


def _reckon(account: EpochAccount, assessed: Assessment, constants: ReputationParams) -> Reckoning:
    docket, identity = account.docket, assessed.identity
    duties = list_duties(account, identity) if identity in docket.obliged() else ()
    convictions = tuple(each for each in docket.convictions if each.identity == identity)
    explanation = explain(assessed.before, assessed.evidence, assessed.epoch, constants)
    assert explanation.after == assessed.after.units, "explained is what was evaluated"
    height = account.last.height
    votes = votes_of(account.epoch.electorate, identity)
    votes_after = votes_of(account.successors.electorate, identity)
    witnessed = account.witnessed.get(identity, ()) if identity in docket.leaders else None
    return Reckoning(
        epoch=account.number,
        height=height,
        identity=identity,
        before=assessed.before,
        after=assessed.after,
        evidence=assessed.evidence,
        duties=duties,
        rounds=docket.roll.rounds,
        witnessed=witnessed,
        convictions=convictions,
        votes=votes,
        votes_after=votes_after,
        shares=_place(explanation, duties, convictions, height),
        gaps=_gaps(
            height,
            _gap(assessed.before.units, votes, is_drawn=account.was_drawn),
            _gap(assessed.after.units, votes_after, is_drawn=account.is_drawn),
        ),
    )


def votes_of(electorate: Electorate, identity: NodeId) -> int:
    """Units in the electorate; 0 outside of it."""
    member = electorate.find(identity)
    return 0 if member is None else member.units


def list_duties(account: EpochAccount, identity: NodeId) -> tuple[Duty, ...]:
    """The duties of one who had them, with what became of each."""
    docket = account.docket
    roll, starts = docket.roll, docket.windows.starts
    ends = (*(start - 1 for start in starts[1:]), account.last.height)
    found = []
    for number, (first, last) in enumerate(zip(starts, ends, strict=True)):
        mark = Mark.NOT_OFFERED
        if roll.offered >> number & 1:
            is_done = roll.done.get(identity, 0) >> number & 1
            is_late = roll.late.get(identity, 0) >> number & 1
            mark = Mark.DONE if is_done else Mark.LATE if is_late else Mark.MISSED
        shown = account.shown.get((identity, number)) if mark in (Mark.DONE, Mark.LATE) else None
        height, item = (None, None) if shown is None else (shown.height, shown.item)
        found.append(Duty(first, last, mark, height, item))
    return tuple(duty for duty in found if duty.first <= account.last.height)


def _place(
    explanation: Explanation, duties: Sequence[Duty], convictions: Iterable[Conviction], height: int
) -> tuple[Share, ...]:
    """The shares of the explanation, each with where it stands and what shows it."""
    done = [each for each in duties if each.mark is Mark.DONE]
    late = [each for each in duties if each.mark is Mark.LATE]
    proofs = [(each.height, each.evidence) for each in convictions]
    known: dict[Cause, tuple[tuple[int, ...], tuple[Hash, ...]]] = {
        Cause.DUTIES: _shown(done),
        Cause.LATE: _shown(late),
        Cause.SILENCE: (tuple(each.first for each in duties if each.mark is Mark.MISSED), ()),
        Cause.PROOF: (tuple(at for at, _ in proofs), tuple(item for _, item in proofs)),
    }
    shares = []
    for cause, units in explanation.shares:
        heights, evidence = known.get(cause, ((), ()))
        shares.append(Share(cause.value, units, heights or (height,), evidence))
    return tuple(shares)


def _shown(duties: Iterable[Duty]) -> tuple[tuple[int, ...], tuple[Hash, ...]]:
    """Heights and items that show them, each item once."""
    items = {each.evidence: each.height for each in duties if each.evidence is not None and each.height is not None}
    return tuple(items.values()), tuple(items)


def _gap(units: int, votes: int, *, is_drawn: bool) -> tuple[Gap, int]:
    """What is on record and does not vote, and why; negative where the electorate stays and more votes than that."""
    kind = Gap.OUTSIDE if not votes else Gap.CLIPPING if is_drawn else Gap.STAYING
    return kind, units - votes


def _gaps(height: int, before: tuple[Gap, int], after: tuple[Gap, int]) -> tuple[Share, ...]:
    """What the votes changed beyond the record: the gap before is closed, the gap after opened, of one kind both."""
    change = dict.fromkeys((before[0], after[0]), 0)
    change[before[0]] += before[1]
    change[after[0]] -= after[1]
    return tuple(Share(kind.value, units, (height,)) for kind, units in change.items() if units)


# ---------------------------------------------------------------- what if


@dataclass(frozen=True, slots=True)
class Prospect:
    """One epoch of a plan: the standing after it, and why it changed."""

    epoch: int
    evidence: Evidence
    after: Standing
    explanation: Explanation


def foresee(
    standing: Standing, plan: Iterable[Evidence], first: int, total_units: int, constants: ReputationParams
) -> list[Prospect]:
    """What the evidence of the epochs from `first` on would make of `standing`.

    All else stays as it is: the electorate has `total_units`, and no epoch ends by recovery.
    """
    found = []
    for number, evidence in enumerate(plan, first):
        epoch = Epoch(number, total_units)
        explanation = explain(standing, evidence, epoch, constants)
        standing = evaluate(standing, evidence, epoch, constants)
        found.append(Prospect(number, evidence, standing, explanation))
    return found
