"""Reputations as people and programs read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from bac.cli.output import Row
from bac.ledger.records import Reputation
from bac.replica.explaining import Mark, Prospect, Reckoning, Share
from bac.replica.standings import standing_of
from election.standing import SCALE, ReputationParams


class StandingRow(Row, frozen=True):
    """One identity between two epochs.

    `units` stand on record, `votes` are those in the electorate of `epoch`, clipped; `weight` is that of a leader.
    `participation`, `expectation` and `success` are π, ρ and ζ of the paper; counts of evidence are decayed.
    """

    WIDE = frozenset(
        {"success", "expectation", "honest", "dishonest", "doubtful", "endowment_units", "residence_epoch"}
    )

    name: str | None
    identity: str
    standing: str | None
    epoch: int
    units: int
    votes: int
    share: float | None
    weight: int
    participation: float
    success: float | None
    expectation: float
    honest: float
    dishonest: float
    doubtful: float
    endowment_units: int
    probation_epochs: int
    residence_epoch: int


class CauseRow(Row, frozen=True):
    """A step from the units before an epoch to those that vote after it.

    `step` is `before` (units on record), `cause` (what changed them), `after`, `gap` (what stands between record and
    vote), or `votes`. The changes of all causes sum exactly from `before` to `after`, those of causes and gaps from the
    votes before (the level of the first row `votes`) to those after.
    """

    WIDE = frozenset({"step"})

    epoch: int
    step: str
    cause: str
    change_units: int | None
    level_units: int | None
    heights: list[int]
    evidence: list[str]


class EpochRow(Row, frozen=True):
    """One identity in one epoch; `witnessed` is null unless it led, the duties are if it had none.

    `missed` counts acknowledgements; the witnesses of a leader can stand in for them (`done`).
    """

    WIDE = frozenset({"height", "convictions", "rounds"})

    epoch: int
    height: int
    units: int
    change_units: int
    votes: int
    offered: int | None
    done: int | None
    late: int | None
    missed: int | None
    witnessed: int | None
    rounds: int
    participation: float
    probation_epochs: int
    convictions: list[str]


class ProspectRow(Row, frozen=True):
    """One epoch of a plan, and the units after it; the causes sum to the change."""

    WIDE = frozenset({"causes"})

    epoch: int
    offered: int
    done: int
    convicted: bool
    units: int
    change_units: int
    participation: float
    probation_epochs: int
    causes: dict[str, int]


class VerifiedRow(Row, frozen=True):
    """What was recomputed.

    `standings` counts evaluations of one identity over one epoch, `electorates` the boundary records compared.
    """

    verdict: str
    chain: str
    network: str
    engine: str
    blocks: int
    epochs: int
    standings: int
    electorates: int
    height: int
    head: str
    state_root: str


def standing_row(said: Mapping[str, Any], name: str | None, total: int, constants: ReputationParams) -> StandingRow:
    """A row of what a node says of a member."""
    record = None if said["reputation"] is None else Reputation(**{**said["reputation"], "deeds": ()})
    standing = standing_of(record, constants)
    success = standing.success
    return StandingRow(
        name=name,
        identity=said["identity"].hex(),
        standing=said["standing"],
        epoch=said["epoch"],
        units=standing.units,
        votes=said["units"],
        share=said["units"] / total if total else None,
        weight=said["weight"],
        participation=standing.participation / SCALE,
        success=None if success is None else float(success),
        expectation=float(standing.opinion(constants).expected),
        honest=standing.honest / SCALE,
        dishonest=standing.dishonest / SCALE,
        doubtful=standing.doubtful / SCALE,
        endowment_units=int(Fraction(standing.endowment * standing.endowment_left, constants.endowment_epochs)),
        probation_epochs=standing.probation,
        residence_epoch=said["resident_epoch"],
    )


def causes_of(reckoning: Reckoning) -> Iterator[CauseRow]:
    """From the units before to the votes after."""
    level = reckoning.before.units
    yield _level(reckoning, "before", "units on record before", level)
    for share in reckoning.shares:
        level += share.units
        yield _share(reckoning, "cause", share, level)
    yield _level(reckoning, "after", "units on record after", level)
    for share in reckoning.gaps:
        yield _share(reckoning, "gap", share, None)
    yield _level(reckoning, "votes", f"votes in epoch {reckoning.epoch}", reckoning.votes)
    yield _level(reckoning, "votes", f"votes in epoch {reckoning.epoch + 1}", reckoning.votes_after)


def _level(reckoning: Reckoning, step: str, words: str, level: int) -> CauseRow:
    return CauseRow(
        epoch=reckoning.epoch, step=step, cause=words, change_units=None, level_units=level, heights=[], evidence=[]
    )


def _share(reckoning: Reckoning, step: str, share: Share, level: int | None) -> CauseRow:
    return CauseRow(
        epoch=reckoning.epoch, step=step, cause=share.cause, change_units=share.units, level_units=level,
        heights=list(share.heights), evidence=[each.hex() for each in share.evidence],
    )  # fmt: skip


def epoch_row(reckoning: Reckoning) -> EpochRow:
    """One identity in one epoch."""
    marks = [each.mark for each in reckoning.duties]
    had = bool(marks)
    evidence = reckoning.evidence
    return EpochRow(
        epoch=reckoning.epoch,
        height=reckoning.height,
        units=reckoning.after.units,
        change_units=reckoning.after.units - reckoning.before.units,
        votes=reckoning.votes_after,
        offered=evidence.offered if had else None,
        done=evidence.done if had else None,
        late=evidence.late if had else None,
        missed=marks.count(Mark.MISSED) if had else None,
        witnessed=None if reckoning.witnessed is None else len(reckoning.witnessed),
        rounds=reckoning.rounds,
        participation=reckoning.after.participation / SCALE,
        probation_epochs=reckoning.after.probation,
        convictions=[each.evidence.hex() for each in reckoning.convictions],
    )


def prospect_row(prospect: Prospect) -> ProspectRow:
    """One epoch of a plan."""
    explanation = prospect.explanation
    return ProspectRow(
        epoch=prospect.epoch,
        offered=prospect.evidence.offered,
        done=prospect.evidence.done,
        convicted=bool(prospect.evidence.proofs),
        units=prospect.after.units,
        change_units=explanation.after - explanation.before,
        participation=prospect.after.participation / SCALE,
        probation_epochs=prospect.after.probation,
        causes={cause.value: units for cause, units in explanation.shares},
    )
