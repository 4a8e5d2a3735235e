"""The authority's restart in the model: one view above all recovery views, which some enter for good.

Any honest voter may retire at any time; the authority may then order one restart, on any certificate that statements of
enough units allow; the dishonest state and claim whatever helps. Whom it removes is not modelled by name: a quorum is
one of the fewest units that may be left, and every honest voter may be among them. That allows more than the rules do.
"""

from __future__ import annotations

from tests.model.mutants import AcknowledgingAfterState, NotTheHighest, StateWithoutHighest
from tests.model.rules import Rules, State, bits


class Restarts(Rules):
    """R10 to R14."""

    def is_enough(self, honest_units: int, base: int) -> bool:
        """R12: (1/3 + δ) of U, of which the dishonest made up δ."""
        electorate = self.electorate(base)
        return 3 * honest_units >= sum(electorate.honest) + electorate.dishonest

    def has_quorum(self, header: int, honest_units: int) -> bool:
        """R14: in the retirement view a quorum is one of those who are left."""
        x = self.table[header]
        if x.view < self._views(x.base):
            return super().has_quorum(header, honest_units)
        dishonest = self.electorate(x.base).dishonest
        left = next(units for units in range(1, 100) if self.is_enough(units, x.base))
        return 3 * (honest_units + dishonest) > 2 * (left + dishonest)

    def _views(self, base: int) -> int:
        return super()._views(base) + 1

    def _openings(self, state: State, base: int, view: int, known: int) -> list[int]:
        """R13: one restart for an epoch, on the highest certificate of the statements."""
        if view < self._views(base):
            return super()._openings(state, base, view, known)
        made = [x for x in bits(known) if self.table[x].base == base and self.table[x].view == view]
        if made:
            return [x for x in made if self.table[self.table[x].parent].view < view or self.table[x].parent == base]
        claims = [
            (units, self.rank(high, base))
            for units, number in zip(self.electorate(base).honest, state.voters, strict=True)
            for at, for_view, high in self.voters[number].states
            if at == base and for_view == view
        ]
        found = []
        for x in (
            base,
            *(x for x in bits(state.certified) if self.table[x].base == base and self.table[x].view < view),
        ):
            rank = self.rank(x, base)
            if self.is_enough(sum(units for units, claimed in claims if self.is_highest(rank, claimed)), base):
                found.append(self.headers.number(self.opening_kind(x, base), view, x, x, base))
        return found


class FewRetire(Restarts):
    """R12 without the share: an act of trust."""

    def is_enough(self, honest_units: int, base: int) -> bool:
        return honest_units > 0


class RetiredOnPaper(AcknowledgingAfterState, Restarts):
    """R10 without its promise: who has retired acknowledges on."""


class StatementsWithoutHighest(StateWithoutHighest, Restarts):
    """R12 without the certificate."""


class RestartAnywhere(NotTheHighest, Restarts):
    """R13 on any certificate, whatever the statements say."""
