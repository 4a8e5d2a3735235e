"""SI-35: what the nodes of a large run share are pure answers: with and without the memo it is the same run."""

from __future__ import annotations

from bac.sim import seeds
from bac.sim.basic import BasicTrial
from bac.sim.memo import NODES_MIN, Memo
from bac.sim.network import Network
from bac.sim.simulation import Simulation
from bac.sim.trial import Attacked
from bac.sim.world import SECOND
from tests.sim.worlds import world


def run(memo: Memo | None) -> tuple[bytes, int]:
    """Name and confirmed height of a short run with traitors and payments."""
    made = world(NODES_MIN, seed=4, attacks=tuple((node, ()) for node in range(12)))
    trial = BasicTrial(made, memo)
    network = Network(NODES_MIN, made.links, seeds.generator(made.seed, "network"), None)
    simulation = Simulation(Attacked(trial, made), network, seed=made.seed)
    simulation.start()
    random = seeds.generator(made.seed, "payments")
    for ordinal in range(6):
        node = 20 + ordinal
        simulation.submit(node, trial.transaction(ordinal, node, random), ordinal * SECOND // 4)
    simulation.advance(3 * SECOND)
    honest = simulation.hosts[NODES_MIN - 1].protocol
    assert honest is not None
    ((height, _),) = trial.oracle.confirmed(honest).values()
    return simulation.trace.digest(), height


def test_with_and_without_the_memo_it_is_the_same_run() -> None:
    """SI-35: execution, and what follows from parent and body, are functions of their keys alone."""
    memo = Memo()
    alone, height = run(None)
    assert height > 2
    assert run(memo) == (alone, height)
    assert memo.hits > NODES_MIN
