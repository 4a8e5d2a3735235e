"""All checks of a run."""

from __future__ import annotations

from bac.sim.checks.agreement import Agreement, Prefix
from bac.sim.checks.conduct import Accountability, Durability
from bac.sim.checks.court import Check, Court, Verdict
from bac.sim.checks.progress import Determinism, Liveness
from bac.sim.checks.state import Chains, Conservation, SameState
from bac.sim.facts import Committed, Fact, Healed


class Jury:
    """The eight checks; facts about nodes that are not honest are kept from them."""

    def __init__(self, court: Court) -> None:
        self._honest = frozenset(court.honest)
        self._chains = Chains(court)
        self.liveness = Liveness(court)
        self.determinism = Determinism(court)
        self.checks: tuple[Check, ...] = (
            Agreement(court),
            Prefix(court),
            SameState(court, self._chains),
            Conservation(court, self._chains),
            Accountability(court),
            self.liveness,
            Durability(court),
            self.determinism,
        )

    def observe(self, fact: Fact) -> None:
        """Passes a fact to all checks."""
        if not isinstance(fact, Healed) and fact.node not in self._honest:
            return
        if isinstance(fact, Committed):
            self._chains.observe(fact)
        for check in self.checks:
            check.observe(fact)

    def finish(self, time: int) -> tuple[Verdict, ...]:
        """Ends the run; the verdicts in the order of the invariants."""
        for check in self.checks:
            check.finish(time)
        return tuple(check.verdict() for check in self.checks)
