"""Vehicles that go, stay away, come back, and come new: the shard goes on, and units follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from bac.sim.faults import Crash
from bac.sim.journeys import Journeys
from bac.sim.replica import ReplicaTrial
from bac.sim.run import simulate
from bac.sim.world import SECOND, World
from bac.types import NodeId
from tests.replica.worlds import Honest, Staged, describe, world

NODES = 9


def gone(nodes: Sequence[int], at_us: int, down_us: int) -> tuple[Crash, ...]:
    """They fall silent one after the other, a tenth of a second apart."""
    return tuple(
        Crash(node=node, at_us=at_us + place * SECOND // 10, persists=0, down_us=down_us)
        for place, node in enumerate(nodes)
    )


def leaders_at(seed: int, seconds: float) -> tuple[list[int], int]:
    """Who leads then in this world, and in which epoch, by place."""
    staged = Staged(world(NODES, seed=seed))
    staged.pass_until(seconds)
    node = staged.simulation.hosts[0].protocol
    assert node is not None
    epoch = node.finality.term.epoch  # type: ignore[attr-defined]  # a replica
    return [staged.trial.ids.index(leader.identity) for leader in epoch.committee], epoch.number


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("share", [3, 2])
def test_a_third_or_half_of_the_committee_falls_silent_within_seconds(share: int, seed: int) -> None:
    """Less than a third of the voters, but that part of the leaders: a recovery at most, then the next committee."""
    leaders, _ = leaders_at(seed, 5)
    falling = leaders[: min(len(leaders) // share, (NODES - 1) // 3)]
    assert falling
    away = gone(falling, 5 * SECOND, 60 * SECOND)
    assert describe(simulate(world(NODES, seed=seed, faults=away, heal_us=10 * SECOND), Honest)) == []


def beginning(seed: int) -> float:
    """When the first epoch that begins after five seconds in this world has just begun, s."""
    staged = Staged(world(NODES, seed=seed))
    node = staged.simulation.hosts[0].protocol
    staged.pass_until(5)
    number = node.finality.term.epoch.number  # type: ignore[union-attr]  # a replica
    tenths = 50
    while node.finality.term.epoch.number == number:  # type: ignore[union-attr]
        tenths += 1
        staged.pass_until(tenths / 10)
    return tenths / 10


def epoch_in_which_half_depart(seed: int) -> tuple[int, int]:
    """In how many rounds an epoch ends at whose beginning half of its leaders depart, and the same one if nobody does.

    No recovery is needed, and those who announced it vote no more.
    """
    second = beginning(seed)
    leaders, number = leaders_at(seed, second)

    class Trial(Honest):
        LEADERS = tuple(leaders[: len(leaders) // 2])

        def make_journeys(self, world: World) -> Journeys:
            return Journeys(departures=dict.fromkeys(self.LEADERS, (int(second * SECOND), False)))

    rounds: list[int] = []
    for trial in (Trial, Honest):
        staged = Staged(world(NODES, seed=seed), trial)
        staged.pass_until(second + 7)
        ends = {commit.block.header.epoch: commit.block.header for commit in staged.ends(leaders[-1])}
        assert ends[number].view == 0
        rounds.append(ends[number].round)
        if trial is Trial:
            gone = {staged.identity(node) for node in Trial.LEADERS}
            assert gone.isdisjoint(voters_in(staged, leaders[-1], number + 1))
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
    report_world = world(NODES, submissions=tuple((250_000 * tick, tick % 7) for tick in range(100)))
    assert describe(simulate(report_world, Coming)) == []
    staged = Staged(report_world, Coming)
    staged.pass_until(30)
    oracle = staged.trial.oracle
    state = oracle.genesis(0)[1]
    for commit in (each for each in staged.commits if each.node == 0):
        state, _ = oracle.execute(state, commit.block)
    voting = {
        node: [
            number
            for number, epoch in sorted(oracle.epochs.items())
            if staged.identity(node) in epoch.electorate.places
        ]
        for node in (7, 8)
    }
    assert voting[8][0] > 3
    assert max(oracle.epochs) in voting[8]
    away = sorted(set(oracle.epochs) - set(voting[7]))
    assert away
    assert min(voting[7]) < min(away)
    assert max(voting[7]) > max(away)
