"""Search of the model: all schedules up to renaming, breadth first, and random schedules.

Work is counted in states and steps, never in seconds, so the same search does the same everywhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.model.rules import ACKNOWLEDGE, RESTART, STATE, Action, Rules, State, bits

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
        reach = "all" if self.complete else f"to depth {self.depth}"
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(self.seen.items()))
        broken = f"; agreement broken in {len(self.violation)} steps" if self.violation else ""
        return f"{self.states:,} states, {reach}: {counts}{broken}"


def count(rules: Rules, state: State, seen: Counter[str]) -> None:
    """What a state shows, so that a search which sees nothing happen is noticed."""
    voters = [rules.voters[number] for number in state.voters]
    seen["with a confirmed block"] += bool(state.confirmed)
    seen["with a confirmed boundary"] += rules.table[state.confirmed].next_electorate is not None and state.confirmed > 0
    seen["with a later view"] += any(voter.view for voter in voters)
    seen["with a later epoch"] += any(voter.base for voter in voters)
    seen["with rival certificates"] += not all(
        rules.headers.is_one_chain(x, y) for x in bits(state.certified) for y in bits(state.certified)
    )


def explore(rules: Rules, budget: int) -> Report:
    """All schedules, shortest first, until `budget` states were met, nothing is left or agreement is broken."""
    report = Report(states=1)
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
                count(rules, after, report.seen)
                if after.conflict:
                    report.violation = schedule((trace, action))
                    return report
                below.append((after, (trace, action)))
                if report.states >= budget:
                    return report
        report.depth += bool(below)
        level = below
    report.complete = True
    return report


def schedule(trace: Trace) -> list[Action]:
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
        kept = [action for action in actions if action.kind == ACKNOWLEDGE]
        if not kept or random.randrange(patience) == 0:
            kept = [action for action in actions if action.kind != ACKNOWLEDGE] or actions
        taken.append(random.choice(kept))
        state = rules.apply(state, taken[-1])
    return state, taken


def narrate(rules: Rules, steps: list[Action]) -> list[str]:
    """A schedule in words, with voters under one name throughout."""
    state, names = rules.first(), [chr(ord("a") + place) for place in range(len(rules.first().voters))]
    lines = []
    for action in steps:
        did = {ACKNOWLEDGE: "acknowledges", STATE: f"enters view {action.view} with the certificate of", RESTART: "restarts, had"}
        lines.append(f"{names[action.place]} {did[action.kind]} {rules.headers.describe(action.header)}")
        after = rules.apply(state, action)
        changed = [(number, name) for number, name in zip(state.voters, names, strict=True)]
        changed[action.place] = (_changed(state, after), names[action.place])
        for a, b in rules.classes:
            changed[a:b] = sorted(changed[a:b], key=lambda pair: pair[0])
        names, state = [name for _, name in changed], after
    return lines


def _changed(before: State, after: State) -> int:
    """The number that is new in `after`."""
    return next(iter((Counter(after.voters) - Counter(before.voters)).keys()))
