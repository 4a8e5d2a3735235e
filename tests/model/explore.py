"""Search of the model: all schedules up to renaming, breadth first, and random schedules.

Work is counted in states and steps, never in seconds, so the same search does the same everywhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.model.rules import ACKNOWLEDGE, Action, Rules, State, bits

if TYPE_CHECKING:
    from random import Random

Trace = tuple["Trace", Action] | tuple[()]


@dataclass(slots=True)
class Report:
    """What a search has seen; `violation` is the schedule that breaks agreement."""

    states: int = 0
    depth: int = 0  # all schedules of so many steps were seen, up to renaming
    complete: bool = False  # and there are no longer ones
    seen: Counter[str] = field(default_factory=Counter)
    violation: list[Action] | None = None

    def __str__(self) -> str:
        reach = (
            f"all schedules (the longest {self.depth} steps)" if self.complete else f"all of up to {self.depth} steps"
        )
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(self.seen.items()))
        broken = f"; agreement broken in {len(self.violation)} steps" if self.violation else ""
        return f"{self.states:,} states, {reach}: {counts}{broken}"


class Census:
    """What the states of a search show, so that one in which nothing happens is noticed."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._rivals: dict[int, bool] = {0: False}

    def add(self, state: State, seen: Counter[str]) -> None:
        voters = [self.rules.voters[number] for number in state.voters]
        if state.confirmed:
            seen["confirm a block"] += 1
            seen["confirm a boundary"] += self._is_past_boundary(state.confirmed)
        seen["in a later view"] += any(voter.view for voter in voters)
        seen["in a later epoch"] += any(voter.base for voter in voters)
        seen["with rival certificates"] += self._has_rivals(state.certified)

    def _is_past_boundary(self, confirmed: int) -> bool:
        """Whether the block is a boundary or stands on one."""
        return self.rules.headers.is_boundary(confirmed) or self.rules.table[confirmed].epoch > 1

    def _has_rivals(self, certified: int) -> bool:
        if certified not in self._rivals:
            headers = bits(certified)
            one_chain = self.rules.headers.is_one_chain
            self._rivals[certified] = not all(one_chain(x, y) for x in headers for y in headers if x < y)
        return self._rivals[certified]


def explore(rules: Rules, budget: int) -> Report:
    """All schedules, shortest first, until `budget` states were met, nothing is left or agreement is broken."""
    report, census = Report(states=1), Census(rules)
    level: list[tuple[State, Trace]] = [(rules.first(), ())]
    met = {level[0][0].voters}
    while level:
        below: list[tuple[State, Trace]] = []
        for state, trace in level:
            for action in rules.actions(state):
                after = rules.apply(state, action)
                if after.voters in met:
                    continue
                met.add(after.voters)
                report.states += 1
                census.add(after, report.seen)
                if after.conflict:
                    report.violation = unwind((trace, action))
                    return report
                below.append((after, (trace, action)))
                if report.states >= budget:
                    return report
        report.depth += bool(below)
        level = below
    report.complete = True
    return report


def unwind(trace: Trace) -> list[Action]:
    """The steps from the first on."""
    steps: list[Action] = []
    while trace:
        trace, step = trace
        steps.append(step)
    return steps[::-1]


def walk(rules: Rules, random: Random, steps: int, patience: int) -> tuple[State, list[Action]]:
    """One random schedule; of `patience` steps about one takes a voter to a higher view (or makes it restart)."""
    state, taken = rules.first(), list[Action]()
    while len(taken) < steps and not state.conflict:
        actions = rules.actions(state)
        if not actions:
            break
        acknowledging = [action for action in actions if action.kind == ACKNOWLEDGE]
        leaving = [action for action in actions if action.kind != ACKNOWLEDGE]
        leave = not acknowledging or (bool(leaving) and random.randrange(patience) == 0)
        taken.append(random.choice(leaving if leave else acknowledging))
        state = rules.apply(state, taken[-1])
    return state, taken
