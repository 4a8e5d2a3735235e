"""The model with the authority's restart: agreement holds, and breaks when one of its rules is taken out.

Rules named here: R10, R12, R13, R14, with those of `test_model.py` (docs/spec/finality.md).
"""

from __future__ import annotations

import pytest

from tests.model.explore import explore
from tests.model.headers import Shard
from tests.model.restarts import FewRetire, RestartAnywhere, Restarts, RetiredOnPaper, StatementsWithoutHighest
from tests.model.searches import ONE_EPOCH, ROTATION, SEVEN
from tests.model.story import tell

SHARDS = {
    "a forked boundary": (Shard(ONE_EPOCH, views=(0,)), 20_000),
    "a block and a boundary": (Shard(ONE_EPOCH, 2, 2, tags=1, views=(0,)), 50_000),
    "a recovery view before": (Shard(ONE_EPOCH, views=(1,)), 30_000),
    "two epochs": (Shard(ROTATION, tags=1, views=(0, 0)), 30_000),
    "seven voters": (Shard(SEVEN, 1, 2, views=(0,)), 30_000),
}
WHOLE = 9_454
"""States of all schedules of the first shard."""


@pytest.mark.parametrize("name", SHARDS)
def test_schedules_with_a_restart_agree(name: str) -> None:
    """R10 to R14: whoever retires, and on whichever certificate the order may stand, nothing confirmed is undone."""
    shard, budget = SHARDS[name]
    report = explore(Restarts(shard), budget)
    print(f"{name}: {report}")
    assert report.violation is None
    assert report.states == (WHOLE if report.complete else budget)
    assert report.complete is (name == "a forked boundary")
    assert report.seen["confirm a block"] > 500
    assert report.seen["in a later view"] > 9_000


@pytest.mark.parametrize("mutant", [FewRetire, RetiredOnPaper, StatementsWithoutHighest, RestartAnywhere])
def test_a_rule_of_the_restart_taken_out_breaks_agreement(mutant: type[Restarts]) -> None:
    """R12 without the share is an act of trust indeed; R10 without the promise, R12 and R13 without the highest."""
    rules = mutant(SHARDS["a forked boundary"][0])
    report = explore(rules, WHOLE)
    print(f"{mutant.__name__}: {report}")
    assert report.violation is not None
    assert tell(rules, report.violation).state.conflict
