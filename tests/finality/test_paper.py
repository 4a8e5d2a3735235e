"""C3: the paper's rule loses safety where the rules of finality keep it: the same worlds, the same attacks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bac.baselines.paper_bac import PaperBac
from bac.engines import ENGINES, find
from bac.sim.basic import BasicTrial
from bac.sim.run import simulate
from bac.sim.world import SECOND, World
from tests.finality.test_majority import MajorityTrial
from tests.finality.test_swarm import world_of
from tests.sim.worlds import world

DISHONEST = (5, 6)
SEEDS = range(4)


class CapturedTrial(MajorityTrial):
    """Two of seven are dishonest; one of them leads alone in every epoch."""

    DISHONEST = DISHONEST

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        return {node: frozenset({"equivocate", "acknowledge-all", "hide"}) for node in DISHONEST}


class PaperTrial(CapturedTrial):
    NODE = PaperBac


class PaperSwarm(BasicTrial):
    NODE = PaperBac


def fails(world: World, trial: type[BasicTrial]) -> set[str]:
    return {verdict.check for verdict in simulate(world, trial).verdicts if not verdict.holds}


def captured(seed: int) -> World:
    attacks = tuple((node, ()) for node in DISHONEST)
    return world(7, seed=seed, attacks=attacks, submissions=(), heal_us=4 * SECOND, patience_us=SECOND)


def test_one_certificate_of_a_majority_is_not_final() -> None:
    """C3: two of seven suffice to have two blocks of one height confirmed."""
    lost = [seed for seed in SEEDS if "agreement" in fails(captured(seed), PaperTrial)]
    assert len(lost) >= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_two_certificates_in_one_view_are(seed: int) -> None:
    """C1, C3: the same worlds."""
    assert fails(captured(seed), CapturedTrial) == set()


@pytest.mark.long
def test_the_swarm_finds_it_too() -> None:
    """C3: in some of two hundred worlds of the swarm."""
    assert [seed for seed in range(200) if "agreement" in fails(world_of(seed), PaperSwarm)]


def test_engines_by_name() -> None:
    assert set(ENGINES) == {"bac", "basic-bac", "paper-bac"}
    assert find("paper-bac") is PaperBac
    with pytest.raises(ValueError, match="bac, basic-bac, paper-bac"):
        find("raft")
