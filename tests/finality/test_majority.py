"""With more than half of the units dishonest the checks find the conflict, and evidence names more than a third."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bac.finality.epochs import next_seed
from bac.finality.machine import Draw
from bac.ledger.state import State
from bac.proofs.electorate import Electorate
from bac.sim.basic import CAPTURED_WEIGHT, UNIT, BasicOracle, BasicTrial
from bac.sim.report import Report
from bac.sim.run import simulate
from bac.sim.world import SECOND, World
from bac.types import Hash, NodeId, Units
from bac.wire.block import Elector, Leader
from tests.sim.worlds import world

SEEDS = range(20)
DISHONEST = (3, 4, 5, 6)


class FixedOracle(BasicOracle):
    """Knows the electorate of every epoch: it is always the same, on whichever branch."""

    def _electorate(self, epoch: int) -> Electorate | None:
        return self._first.electorate


class MajorityTrial(BasicTrial):
    """Four of seven forge, acknowledge everything and hide it; one of them leads. Nobody is ever let go."""

    ORACLE = FixedOracle
    DISHONEST: tuple[int, ...] = DISHONEST

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        return {node: frozenset({"equivocate", "acknowledge-all", "hide"}) for node in DISHONEST}

    def make_draw(self, world: World, keys: Mapping[NodeId, Sequence[bytes]]) -> Any:
        def draw(state: State, epoch: int, seed: Hash, culprits: tuple[NodeId, ...]) -> Draw:
            electors = tuple(Elector(each, keys[each][0], Units(UNIT)) for each in self.ids)
            primary = self.ids[self.DISHONEST[(epoch + 1) % len(self.DISHONEST)]]
            others = [each for each in self.ids if each != primary][:3]
            committee = (Leader(primary, CAPTURED_WEIGHT), *(Leader(each, 1) for each in others))
            return Draw(electors, committee, next_seed(seed))

        return draw


def run(seed: int) -> Report:
    attacks = tuple((node, ()) for node in DISHONEST)
    return simulate(world(7, seed=seed, attacks=attacks, heal_us=20 * SECOND, patience_us=5 * SECOND), MajorityTrial)


def test_conflicts_are_found_and_the_guilty_named() -> None:
    """V9, invariants 1 and 5: where agreement is lost, evidence names culprits with more than a third of the units."""
    found: Counter[str] = Counter()
    for seed in SEEDS:
        verdicts = {verdict.check: verdict for verdict in run(seed).verdicts}
        found["conflict"] += not verdicts["agreement"].holds
        assert verdicts["accountability"].holds, (seed, verdicts["accountability"].violations)
        found["convicted"] += verdicts["accountability"].examined > 0
    assert found["conflict"] >= 3
    assert found["convicted"] >= found["conflict"]
