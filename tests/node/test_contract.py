"""The contract of bac.protocol, the same checks as for every other driver, with the store on a real disk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.node.member import NodeDriver
from tests.sim.contract import CHECKS, Make


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_driver_of_processes_keeps_the_contract(check: Callable[[Make], None]) -> None:
    """NO-1, NO-2, NO-3, NO-5, NO-6."""
    made: list[NodeDriver] = []

    def make(count: int, seed: int) -> NodeDriver:
        made.append(NodeDriver(count, seed))
        return made[-1]

    try:
        check(make)
    finally:
        for driver in made:
            driver.close()
