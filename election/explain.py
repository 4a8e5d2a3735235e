"""Why an identity's voting units changed: causes and their shares, which sum exactly to the change.

The evaluation of an epoch is a sequence of steps in a fixed order (`election.reputation.Cause`). The share of a cause
is what its step does to the whole units that would result if the evaluation ended there; so the shares telescope to the
change, nothing is left over, and a cause that did not occur has no share. Units that cap or limits hold back are not
lost: they show as CAP and LIMIT in the epoch that holds them back, and as RELEASED in the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from election.reputation import Cause, limited_units, steps
from election.standing import Epoch, Evidence, ReputationParams, Standing


@dataclass(frozen=True, slots=True)
class Explanation:
    """Units before and after an epoch, and the causes in their order with what each added or took, never zero."""

    before: int
    after: int
    shares: tuple[tuple[Cause, int], ...]


def explain(standing: Standing, evidence: Evidence, epoch: Epoch, params: ReputationParams) -> Explanation:
    """The explanation of the change that `election.reputation.evaluate` makes of the same arguments."""
    trail = steps(standing, evidence, epoch, params)
    levels = [(cause, step.uncapped_units(params)) for cause, step in trail]
    after = standing.units
    if trail:
        after = limited_units(standing, trail[-1][1], epoch, params)
        levels += [(Cause.CAP, min(levels[-1][1], params.max_units)), (Cause.LIMIT, after)]
    shares = []
    level = standing.units
    for cause, reached in levels:
        if reached != level:
            shares.append((cause, reached - level))
        level = reached
    return Explanation(standing.units, after, tuple(shares))


def clipped(explanation: Explanation, level_before: int, level_after: int) -> Explanation:
    """The same for the units that vote: clipped in the electorates before and after (`election.electorate`)."""
    before, after = min(explanation.before, level_before), min(explanation.after, level_after)
    share = (after - before) - (explanation.after - explanation.before)
    shares = explanation.shares + (((Cause.CLIPPING, share),) if share else ())
    return Explanation(before, after, shares)
