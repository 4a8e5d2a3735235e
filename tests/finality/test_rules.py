"""Each rule: a scenario in which it holds, and a mutant without it in which the same scenario fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.finality import scenarios_epochs as epochs
from tests.finality import scenarios_retirement as retirement
from tests.finality import scenarios_views as views
from tests.finality import scenarios_votes as votes
from tests.finality.mutants import MUTANTS

OUTCOMES = ("scenarios_votes.py", "scenarios_views.py", "scenarios_epochs.py", "scenarios_retirement.py")

SCENARIOS: dict[str, Callable[[], None]] = {
    "V1": votes.v1,
    "V2": votes.v2,
    "V3": votes.v3,
    "V4": votes.v4,
    "V5": votes.v5,
    "V6": votes.v6,
    "V7": votes.v7,
    "V8": votes.v8,
    "V9": votes.v9,
    "C1": votes.c1,
    "C2": votes.c2,
    "R1": views.r1,
    "R2": views.r2,
    "R3": views.r3,
    "R4": views.r4,
    "R4, claims": views.r4_claims,
    "R5": views.r5,
    "R6": views.r6,
    "R7": views.r7,
    "R8": views.r8,
    "R9": views.r9,
    "R10": retirement.r10,
    "R10, late": retirement.r10_late,
    "R11": retirement.r11,
    "R12": retirement.r12,
    "R13": retirement.r13,
    "R13, closed": retirement.r13_closed,
    "R13, flood": retirement.r13_flood,
    "R14": retirement.r14,
    "R14, one": retirement.r14_one,
    "R15": retirement.r15,
    "V9, retired": retirement.v9_retired,
    "E1": epochs.e1,
    "E2": epochs.e2,
    "E3": epochs.e3,
    "E4": epochs.e4,
    "E5": epochs.e5,
    "E7": epochs.e7,
    "E8": epochs.e8,
}


@pytest.mark.parametrize("rule", SCENARIOS)
def test_the_rule_holds(rule: str) -> None:
    SCENARIOS[rule]()


@pytest.mark.parametrize("rule", SCENARIOS)
def test_without_the_rule_it_does_not(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the scenario's own assertion about the outcome that fails, nothing on the way there."""
    MUTANTS[rule](monkeypatch)
    with pytest.raises(AssertionError) as failure:
        SCENARIOS[rule]()
    assert str(failure.traceback[-1].path).endswith(OUTCOMES)
