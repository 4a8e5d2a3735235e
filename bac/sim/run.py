"""A run: two phases in one world, all checks on.

First phase: faults, attacks, bad links; what must hold then is safety. Then everything heals, clients repeat what they
asked for, and what must hold is liveness: within the world's patience all that honest nodes were asked for is refused
or confirmed by all honest electors. Attackers go on attacking in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO, Final

from bac.sim import seeds
from bac.sim.checks.court import Court
from bac.sim.checks.jury import Jury
from bac.sim.facts import Healed
from bac.sim.faults import Injection
from bac.sim.memo import NODES_MIN, Memo
from bac.sim.network import Network
from bac.sim.report import Report, describe
from bac.sim.simulation import Simulation
from bac.sim.subject import Costs
from bac.sim.trace import Kind, Trace
from bac.sim.trial import Attacked, Factory, Trial
from bac.sim.world import World, draw
from bac.types import Micros

STEP_US: Final = 250_000
"""Between two looks at what is still open, in the second phase."""

EVENTS_MAX: Final = 50_000_000


def run(seed: int, factory: Factory, *, twice: bool = False) -> Report:
    """One seed of the swarm: draws its world and simulates it.

    With `twice` the run is made again from the beginning, and the traces are compared (invariant 8).
    """
    return simulate(draw(seed), factory, twice=twice)


def simulate(
    world: World, factory: Factory, *, twice: bool = False, sink: BinaryIO | None = None, with_memo: bool = False
) -> Report:
    """Runs `factory`'s protocol in `world`.

    Args:
        world: drawn, or made by hand.
        factory: makes the trial, anew for each run.
        twice: the run is made again, and the traces are compared.
        sink: the trace is written here.
        with_memo: nodes share execution; for measurements with at least `NODES_MIN` nodes.

    Raises:
        ValueError: a memo for too few nodes.
    """
    if with_memo and len(world.units) < NODES_MIN:
        raise ValueError(f"a memo needs at least {NODES_MIN} nodes")
    report, jury = _simulate(world, factory, sink, with_memo)
    if not twice:
        return report
    again, _ = _simulate(world, factory, None, with_memo)
    jury.determinism.compare(report.marks, again.marks)
    return replace(report, verdicts=(*report.verdicts[:-1], jury.determinism.verdict()))


def _simulate(world: World, factory: Factory, sink: BinaryIO | None, with_memo: bool) -> tuple[Report, Jury]:
    trial = factory(world, Memo() if with_memo else None)
    jury = Jury(Court(trial.oracle, trial.ids, world.honest))
    trace = Trace(sink)
    trace.record(Kind.WORLD, 0, 0, payload=describe(world))
    simulation = Simulation(
        Attacked(trial, world),
        Network(len(world.units), world.links, seeds.generator(world.seed, "network"), world.positions),
        seed=world.seed,
        trace=trace,
        costs=Costs(world.input_us, world.persist_us, trial.charge_ns),
        observer=jury.observe,
        by_wire=True,
        events_max=EVENTS_MAX,
    )
    injection = Injection(simulation, world.faults)
    submitted = list(_submit(simulation, world, trial))
    simulation.start()
    simulation.advance(world.heal_us)
    injection.heal()
    simulation.observe(Healed(Micros(simulation.time)))
    for node, transaction in submitted:
        simulation.submit(node, transaction, simulation.time)
    _wait(simulation, world, jury)
    report = Report(
        subject=trial.name,
        world=world,
        memo=with_memo,
        healed_us=world.heal_us,
        ended_us=simulation.time,
        verdicts=jury.finish(simulation.time),
        trace_hash=trace.digest(),
        marks=tuple(trace.marks),
        tally={**simulation.tally(), **trial.tally()},
    )
    return report, jury


def _submit(simulation: Simulation, world: World, trial: Trial) -> Iterable[tuple[int, object]]:
    """Puts the clients' transactions on the agenda; those of the first phase are repeated after healing."""
    random = seeds.generator(world.seed, "clients")
    for ordinal, (time, node) in enumerate(world.submissions):
        transaction = trial.transaction(ordinal, node, random)
        simulation.submit(node, transaction, time)
        if time <= world.heal_us:
            yield node, transaction


def _wait(simulation: Simulation, world: World, jury: Jury) -> None:
    """The second phase: until all is submitted and settled, or the patience is over."""
    last = max((time for time, _ in world.submissions), default=0)
    end = world.heal_us + world.patience_us
    while simulation.time < end:
        simulation.advance(min(simulation.time + STEP_US, end))
        if simulation.time >= last and not jury.liveness.unsettled():
            return
