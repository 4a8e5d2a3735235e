"""C3: the paper's rule loses safety in worlds where the rules of finality keep it."""

from __future__ import annotations

import pytest

from bac.baselines.paper_bac import PaperBac
from bac.engines import ENGINES, find
from bac.sim.basic import BasicTrial
from bac.sim.run import simulate
from bac.sim.world import World
from tests.finality.test_swarm import world_of

LOST = (60, 75)
"""Seeds where one certificate of more than half of the voters confirmed two blocks of one height."""


class PaperTrial(BasicTrial):
    NODE = PaperBac


def checks_that_fail(world: World, trial: type[BasicTrial]) -> set[str]:
    return {verdict.check for verdict in simulate(world, trial).verdicts if not verdict.holds}


@pytest.mark.parametrize("seed", LOST)
def test_one_certificate_of_a_majority_is_not_final(seed: int) -> None:
    """C3: the same world, the same attacks."""
    assert "agreement" in checks_that_fail(world_of(seed), PaperTrial)
    assert not checks_that_fail(world_of(seed), BasicTrial)


@pytest.mark.long
def test_how_often() -> None:
    """C3: some in a hundred worlds."""
    lost = [seed for seed in range(100) if "agreement" in checks_that_fail(world_of(seed), PaperTrial)]
    assert len(lost) >= 2


def test_engines_by_name() -> None:
    assert set(ENGINES) == {"basic-bac", "paper-bac"}
    assert find("paper-bac") is PaperBac
    with pytest.raises(ValueError, match="basic-bac, paper-bac"):
        find("bac")
