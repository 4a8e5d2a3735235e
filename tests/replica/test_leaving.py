"""Vehicles that go, stay away, come back, and come new: the shard goes on, and units follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import pytest

from bac.sim.faults import Crash
from bac.sim.journeys import Journeys
from bac.sim.memo import Memo
from bac.sim.replica import ReplicaTrial
from bac.sim.run import simulate
from bac.sim.silences import HALF, HALF_OF_WEIGHT, THEN_HALF, THIRD, Plan, SilentTrial, plan
from bac.sim.world import SECOND, World
from bac.types import NodeId
from tests.replica.worlds import Honest, Staged, describe, world

NODES = 9

Kind = TypeVar("Kind", bound=ReplicaTrial)


def gone(nodes: Sequence[int], at_us: int, down_us: int) -> tuple[Crash, ...]:
    """They fall silent one after the other, a tenth of a second apart."""
    return tuple(
        Crash(node=node, at_us=at_us + place * SECOND // 10, persists=0, down_us=down_us)
        for place, node in enumerate(nodes)
    )


def run(made: World, factory: type[Kind]) -> Kind:
    """A run, all of whose checks hold: everything submitted is confirmed; its trial."""
    trials: list[Kind] = []

    def make(world: World, memo: Memo | None) -> Kind:
        trials.append(factory(world, memo))
        return trials[-1]

    assert describe(simulate(made, make)) == []
    return trials[0]


def check_silence(planned: Plan, trial: SilentTrial) -> None:
    """Half of the leaders by number or by weight, less than a third of the units: recovery, and others lead."""
    epoch = trial.oracle.epochs[planned.epoch.number]
    assert epoch.committee == planned.epoch.committee
    silent = {trial.ids[node] for node in planned.silent}
    lost = [leader for leader in epoch.committee if leader.identity in silent]
    weight, whole = sum(leader.weight for leader in lost), sum(leader.weight for leader in epoch.committee)
    assert 2 * len(lost) >= len(epoch.committee) or 2 * weight >= whole
    units = sum(member.units for member in epoch.electorate.members if member.identity in silent)
    assert 3 * units < epoch.electorate.total_units
    views = trial.views()
    assert views[epoch.number][0] > 0
    assert any(
        view == 0 and time < planned.world.heal_us for number, (view, time) in views.items() if number > epoch.number
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_third_of_the_committee_falls_silent_within_seconds(seed: int) -> None:
    """By number, the heaviest: a recovery at most, then the next committee."""
    planned = plan(seed, (THIRD,))
    assert 3 * len(planned.silent) == len(planned.epoch.committee)
    trial = run(planned.world, SilentTrial)
    assert trial.oracle.epochs[planned.epoch.number].committee == planned.epoch.committee
    assert trial.views()[planned.epoch.number][0] <= 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_half_of_the_committee_falls_silent_within_seconds(seed: int) -> None:
    """By number, the heaviest."""
    planned = plan(seed, (HALF,))
    trial = run(planned.world, SilentTrial)
    assert 2 * len(planned.silent) == len(planned.epoch.committee)
    check_silence(planned, trial)


@pytest.mark.parametrize(("seed", "seconds", "view"), [(4, 16, 1), (2, 16, 2)])
def test_half_of_the_committee_by_weight_falls_silent_within_seconds(seed: int, seconds: int, view: int) -> None:
    """The last in the succession. In one of these worlds the first proposer is among them, and the second one opens."""
    planned = plan(seed, (HALF_OF_WEIGHT,), seconds * SECOND)
    trial = run(planned.world, SilentTrial)
    check_silence(planned, trial)
    silent = {trial.ids[node] for node in planned.silent}
    assert all((planned.epoch.proposer(each) in silent) == (each < view) for each in range(1, view + 1))
    assert trial.views()[planned.epoch.number][0] == view


@pytest.mark.parametrize("seed", [1, 2])
def test_a_third_falls_silent_and_some_seconds_later_up_to_half(seed: int) -> None:
    planned = plan(seed, (THIRD, THEN_HALF))
    trial = run(planned.world, SilentTrial)
    assert len(planned.silent) > len(planned.epoch.committee) // 3
    check_silence(planned, trial)


def pass_epoch(staged: Staged, number: int) -> None:
    """Time passes until all that are left have entered the epoch after `number`."""
    tenths = staged.simulation.time * 10 // SECOND
    while any(epoch <= number for epoch in epochs_of(staged)):
        tenths += 1
        staged.pass_until(tenths / 10)


def epochs_of(staged: Staged) -> list[int]:
    """Where each node is."""
    nodes = [host.protocol for host in staged.simulation.hosts]
    return [node.finality.term.epoch.number for node in nodes]  # type: ignore[union-attr]  # replicas


def epoch_in_which_half_depart(seed: int) -> tuple[int, int]:
    """In how many rounds an epoch ends at whose beginning half of its leaders depart, and the same one if nobody does.

    No recovery is needed, and those who announced it vote no more.
    """
    staying = Staged(world(NODES, seed=seed))
    staying.pass_until(2)
    pass_epoch(staying, epochs_of(staying)[0])
    began = staying.simulation.time
    node = staying.simulation.hosts[0].protocol
    epoch = node.finality.term.epoch  # type: ignore[union-attr]  # a replica
    leaders = [staying.trial.ids.index(leader.identity) for leader in epoch.committee]
    half = tuple(leaders[: len(leaders) // 2])

    class Trial(Honest):
        def make_journeys(self, world: World) -> Journeys:
            return Journeys(departures=dict.fromkeys(half, (began, False)))

    departing = Staged(world(NODES, seed=seed), Trial)
    rounds: list[int] = []
    for staged in (departing, staying):
        pass_epoch(staged, epoch.number)
        ends = {commit.block.header.epoch: commit.block.header for commit in staged.ends(leaders[-1])}
        assert ends[epoch.number].view == 0
        rounds.append(ends[epoch.number].round)
    gone = {departing.identity(each) for each in half}
    assert gone.isdisjoint(voters_in(departing, leaders[-1], epoch.number + 1))
    return rounds[0], rounds[1]


def voters_in(staged: Staged, node: int, epoch: int) -> Mapping[NodeId, int]:
    """The electorate that follows from what `node` confirmed."""
    oracle = staged.trial.oracle
    state = oracle.genesis(0)[1]
    for commit in (each for each in staged.commits if each.node == node):
        state, _ = oracle.execute(state, commit.block)
    return oracle.epochs[epoch].electorate.places


def test_who_announces_to_leave_ends_the_epoch_early() -> None:
    """Half of the leaders: as soon as the claim lists are here, which takes a few rounds; on the whole it is sooner."""
    pairs = [epoch_in_which_half_depart(seed) for seed in range(5)]
    assert all(departing <= staying for departing, staying in pairs)
    assert sum(departing for departing, _ in pairs) < 0.9 * sum(staying for _, staying in pairs)


def test_a_third_is_always_offline() -> None:
    """Their units fall, nobody waits for them in vain, and the others confirm everything."""
    absent = (0, 1, 2, 3)
    payments = tuple((200_000 * tick, 4 + tick % 9) for tick in range(100))
    made = world(13, submissions=payments, heal_us=20 * SECOND, faults=gone(absent, 0, 1000 * SECOND))
    staged = Staged(made)
    for node in absent:
        staged.simulation.hosts[node].crash(0)
    staged.pass_until(25)
    assert {commit.node for commit in staged.commits} == set(range(4, 13))
    oracle = staged.trial.oracle
    state = oracle.genesis(0)[1]
    for commit in (each for each in staged.commits if each.node == 4):
        state, root = oracle.execute(state, commit.block)
        assert root == commit.block.header.state_root
    last = oracle.epochs[max(oracle.epochs)].electorate
    units = {staged.trial.ids.index(member.identity): member.units for member in last.members}
    first = 4 * ReplicaTrial.UNIT
    assert all(units.get(node, 0) < first for node in absent)
    assert all(units[node] > first for node in range(4, 13))
    confirmed = {
        each for commit in staged.commits if commit.node == 4 for each in oracle.block(commit.block).transactions
    }
    assert {payment.id for payment in staged.payments} <= confirmed


class Coming(Honest):
    """One vehicle is new, another one leaves for good and is renewed."""

    ORDERS: Mapping[int, int] = {2: 8, 60: 7}

    def make_journeys(self, world: World) -> Journeys:
        return Journeys((8,), {7: (4 * SECOND, True)}, dict(self.ORDERS))


def test_newcomers_earn_units_and_who_left_comes_back() -> None:
    """Admitted by the authority, resident for two epochs, then voting; a leaver votes no more until it is renewed."""
    trial = run(world(NODES, submissions=tuple((250_000 * tick, tick % 7) for tick in range(100))), Coming)
    oracle = trial.oracle
    voting = {
        node: [number for number, epoch in sorted(oracle.epochs.items()) if trial.ids[node] in epoch.electorate.places]
        for node in (7, 8)
    }
    assert voting[8][0] > 3
    assert max(oracle.epochs) in voting[8]
    away = sorted(set(oracle.epochs) - set(voting[7]))
    assert away
    assert min(voting[7]) < min(away)
    assert max(voting[7]) > max(away)
