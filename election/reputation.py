"""Voting units: from the duties and proofs of an epoch to whole numbers.

Theory of operation
-------------------
Voting units come from consensus duties and proofs alone; what happens on the market never enters (`election.rating`).
At the end of an epoch the evidence about one identity moves its standing:

1. *Counts.* What is known decays: Φ, η, φ are multiplied by `keep`. A duty done, in time or late, adds one to Φ
   (honest); a conflict that proves nothing adds one to φ (doubtful); a proven fault adds one to η (dishonest). Silence
   is no evidence. The counts give an opinion with the prior W, and ρ = b + εu (BAC paper, eqs (8) to (10)).
2. *Participation.* π is a moving average over the epochs since registration, π := (7π + p)/8 with p = done / offered
   (7a); an epoch that offered nothing leaves it alone. So silence counts once, here: an honest vehicle that is often
   out of reach keeps units in proportion to its presence.
3. *Units.* floor(max_units · ρ · π), and what is left of a genesis endowment, at most max_units. Without history π = 0:
   no units, whatever ε is. (The paper's ρ alone is selectable: there a fresh identity starts with the share ε of
   max_units, so that whoever invents identities gains.)
4. *Limits.* In one epoch units change by no less than -⌈units/16⌉ and no more than +max(1, ⌊U/16⌋), U being the units
   of the whole electorate of that epoch. The fall rounds up, so that lasting silence reaches zero; the rise is one at
   least, so that a newcomer starts from zero even where U < 16. A captured committee that passes over the honest can
   thus starve them only slowly. An epoch that ended by recovery changes nothing, except by proof.
5. *Proof.* A fault proven within `evidence_epochs` after the deed sets units, Φ, π and the endowment to zero at once,
   in any epoch and without limit, and starts probation: for `probation_epochs` epochs (those ended by recovery not
   counted) duties do not count. Then the identity earns again from nothing, while η still wanes.

*Numbers.* Counts and π are stored in multiples of 2^-16. Inside an epoch all arithmetic is exact; at its end each
stored number is rounded down, once, and the units follow from the stored numbers, so that anybody can recompute them
from a record. The steps have one fixed order, that of `Cause`, which is also how a change is explained.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from election.opinion import Opinion
from election.standing import SCALE, Epoch, Evidence, Formula, ReputationParams, Standing


class Cause(enum.Enum):
    """Why units change: the steps of an epoch's evaluation in the order in which they are applied, then clipping."""

    RELEASED = "what cap and limits held back before"
    DECAY = "decay of old evidence"
    SILENCE = "duties not done"
    DUTIES = "duties done in time"
    LATE = "duties done late"
    DOUBT = "doubtful conduct"
    ENDOWMENT = "decay of the endowment"
    PROBATION = "probation: duties do not count yet"
    PROOF = "proven fault"
    ROUNDING = "rounding to 2^-16"
    CAP = "cap at the most units that one identity can have"
    LIMIT = "limit of the change per epoch"
    CLIPPING = "clipping against whales in the electorate"


@dataclass(frozen=True, slots=True)
class Step:
    """A standing within an epoch, in exact numbers; counts and participation in natural units."""

    honest: Fraction
    dishonest: Fraction
    doubtful: Fraction
    participation: Fraction
    endowment: int
    endowment_left: int
    probation: int

    @classmethod
    def of(cls, standing: Standing) -> Step:
        """The step that an epoch begins with."""
        stored = (standing.honest, standing.dishonest, standing.doubtful, standing.participation)
        honest, dishonest, doubtful, participation = (Fraction(value, SCALE) for value in stored)
        return cls(
            honest, dishonest, doubtful, participation,
            standing.endowment, standing.endowment_left, standing.probation,
        )  # fmt: skip

    def uncapped_units(self, params: ReputationParams) -> int:
        """Units before cap and limits: those earned and what is left of the endowment."""
        if self.probation:
            return 0
        counts = (self.honest, self.dishonest, self.doubtful)
        earned = params.max_units * Opinion.from_evidence(*counts, params.prior, params.base_rate).expected
        if params.formula is Formula.PARTICIPATION:
            earned *= self.participation
        return math.floor(earned) + self.endowment * self.endowment_left // params.endowment_epochs

    def store(self, units: int) -> Standing:
        """The record of this step, numbers rounded down, with `units`."""
        exact = (self.honest, self.dishonest, self.doubtful, self.participation)
        honest, dishonest, doubtful, participation = (math.floor(value * SCALE) for value in exact)
        return Standing(
            units, honest, dishonest, doubtful, participation,
            self.endowment, self.endowment_left, self.probation,
        )  # fmt: skip


def newcomer(params: ReputationParams) -> Standing:
    """The standing of a fresh identity: no units; under the paper's formula the share ε of the most."""
    return replace(Standing(), units=Step.of(Standing()).uncapped_units(params))


def endowed(units: int, params: ReputationParams) -> Standing:
    """The standing of a genesis identity with `units`, which decay while it earns its own."""
    if not 0 <= units <= params.max_units:
        raise ValueError(f"an endowment is at most {params.max_units} units")
    return Standing(units=units, endowment=units, endowment_left=params.endowment_epochs)


def evaluate(standing: Standing, evidence: Evidence, epoch: Epoch, params: ReputationParams) -> Standing:
    """The standing after the epoch.

    Raises:
        ValueError: a proof is of a deed after the epoch.
    """
    trail = steps(standing, evidence, epoch, params)
    if not trail:
        return standing
    _, last = trail[-1]
    return last.store(limited_units(standing, last, epoch, params))


def steps(standing: Standing, evidence: Evidence, epoch: Epoch, params: ReputationParams) -> list[tuple[Cause, Step]]:
    """The steps of the evaluation up to the rounding, in the order of `Cause`; none if the epoch changes nothing."""
    proofs = _live_proofs(evidence, epoch, params)
    changes = [] if epoch.recovered else _changes(standing, evidence, params)
    if proofs:
        changes.append((Cause.PROOF, lambda step: _convicted(step, proofs, params)))
    if not changes:
        return []
    step = replace(Step.of(standing), probation=0)
    trail = [(Cause.RELEASED, step)]
    for cause, change in changes:
        step = change(step)
        trail.append((cause, step))
    return [*trail, (Cause.ROUNDING, Step.of(step.store(0)))]


def limited_units(standing: Standing, last: Step, epoch: Epoch, params: ReputationParams) -> int:
    """The units after the last step: capped, and within the limits around those before."""
    if last.probation:
        return 0
    lowest = standing.units - math.ceil(standing.units * params.fall)
    highest = standing.units + max(1, math.floor(epoch.total_units * params.rise))
    return min(max(min(last.uncapped_units(params), params.max_units), lowest), highest)


_Change = tuple[Cause, Callable[[Step], Step]]


def _changes(standing: Standing, evidence: Evidence, params: ReputationParams) -> list[_Change]:
    """What an ordinary epoch does, one cause after the other.

    π := π + (p - π)/window is split by duty: each duty offered pulls π by its share of 1/window, towards one if done,
    towards zero if not.
    """
    before = Fraction(standing.participation, SCALE)
    pull = Fraction(1, params.window * evidence.offered) if evidence.offered else Fraction(0)
    missed = evidence.offered - evidence.done - evidence.late

    def done(count: int) -> Callable[[Step], Step]:
        gain = count * pull * (1 - before)
        return lambda step: replace(step, honest=step.honest + count, participation=step.participation + gain)

    changes: list[_Change] = [
        (Cause.DECAY, lambda step: _decayed(step, params)),
        (Cause.SILENCE, lambda step: replace(step, participation=step.participation - missed * pull * before)),
        (Cause.DUTIES, done(evidence.done)),
        (Cause.LATE, done(evidence.late)),
        (Cause.DOUBT, lambda step: replace(step, doubtful=step.doubtful + evidence.doubts)),
        (Cause.ENDOWMENT, lambda step: replace(step, endowment_left=max(0, step.endowment_left - 1))),
    ]
    if standing.probation:
        changes.append((Cause.PROBATION, lambda step: _on_probation(step, standing.probation - 1)))
    return changes


def _decayed(step: Step, params: ReputationParams) -> Step:
    keep = params.keep
    return replace(step, honest=step.honest * keep, dishonest=step.dishonest * keep, doubtful=step.doubtful * keep)


def _on_probation(step: Step, left: int) -> Step:
    return replace(step, honest=Fraction(0), participation=Fraction(0), probation=left)


def _convicted(step: Step, proofs: int, params: ReputationParams) -> Step:
    convicted = replace(step, dishonest=step.dishonest + proofs, endowment=0, endowment_left=0)
    return _on_probation(convicted, params.probation_epochs)


def _live_proofs(evidence: Evidence, epoch: Epoch, params: ReputationParams) -> int:
    if any(deed > epoch.number for deed in evidence.proofs):
        raise ValueError(f"a deed after epoch {epoch.number} is proven in it")
    return sum(epoch.number - deed <= params.evidence_epochs for deed in evidence.proofs)
