"""The authority restarts a shard of basic BAC that has lost more than a third of its units for good (R10 to R15)."""

from __future__ import annotations

import pytest

from bac.sim.basic import BasicTrial
from tests.replica.rescue import Rescue
from tests.replica.worlds import world

PAYMENTS = tuple((200_000 * tick, tick % 4) for tick in range(60))


@pytest.mark.parametrize(("seed", "nodes", "gone"), [(2, 8, 4), (4, 10, 5), (10, 9, 4), (11, 9, 4), (20, 9, 4)])
def test_the_chain_goes_on_without_them(seed: int, nodes: int, gone: int) -> None:
    """R10 to R15: units and electorates change from epoch to epoch; all checks look on."""
    made = world(nodes, seed=seed, submissions=PAYMENTS)
    run = Rescue(made, tuple(range(nodes - gone, nodes)), 2.0 + 0.7 * (seed % 10), BasicTrial)
    run.pass_until(2.0 + 0.7 * (seed % 10) + 6)
    stands = run.height()
    run.pass_until(run.now + 4)
    assert run.height() == stands
    run.rescue(0, 1)
    assert run.finish() == []
