"""The authority restarts a shard that has lost more than a third of its units for good (R10 to R15)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from bac.errors import Rejected
from bac.finality.records import load_record, load_records
from bac.ledger.authority import are_retirements_enough
from bac.ledger.block import Retirements
from bac.ledger.light import Checkpoint, LightClient
from bac.ledger.records import Standing
from bac.ledger.state import State
from bac.proofs.confirmation import verify_record
from bac.sim.journeys import Journeys
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.replica import ReplicaTrial
from bac.sim.world import World
from bac.types import Micros, Units
from bac.wire.header import RETIREMENT_VIEW
from tests.replica.rescue import Rescue
from tests.replica.worlds import Honest, world

PAYMENTS = tuple((200_000 * tick, tick % 4) for tick in range(60))


def lost(
    seed: int, nodes: int, gone: int, falls: float, factory: type[ReplicaTrial] = Honest, back: float = 0.0,
    **changes: object,
) -> Rescue:  # fmt: skip
    """The last `gone` of so many nodes fall silent after so many seconds; the chain stands still soon after."""
    made = world(nodes, seed=seed, submissions=PAYMENTS, **changes)
    run = Rescue(made, tuple(range(nodes - gone, nodes)), falls, factory, back)
    run.pass_until(falls + 2.5)
    return run


def ledger(run: Rescue, node: int = 0) -> State:
    found: State = run.tenure(node).committed.state.ledger
    return found


@pytest.mark.parametrize(("seed", "nodes", "gone"), [(1, 7, 3), (2, 8, 3), (3, 9, 4), (4, 10, 4), (5, 7, 3)])
def test_the_chain_goes_on_without_them(seed: int, nodes: int, gone: int) -> None:
    """R10 to R15, RP-9: nothing is confirmed any more; summons, order, and everything submitted is confirmed."""
    run = lost(seed, nodes, gone, falls=3 + 0.7 * seed)
    stands = run.height()
    run.pass_until(run.now + 6)
    assert run.height() == stands
    run.summon(0)
    assert run.height() == stands
    epoch, order = run.tenure(0).epoch.number, run.restart(1)
    assert {run.trial.ids.index(each) for each in order.removed} == {*run.gone}
    assert run.electorate(epoch + 1).isdisjoint(run.gone)
    assert run.finish() == []
    record = ledger(run).reconfigured()
    assert record is not None
    assert (record.epoch, record.by_trust) == (epoch, False)
    assert all(
        each is not None and each.standing is Standing.REMOVED for each in map(ledger(run).member, order.removed)
    )
    ended = load_record(run.simulation.hosts[0].disk, epoch)
    assert ended is not None
    assert ended.proof.path[0].view == RETIREMENT_VIEW
    verify_record(ended, epoch, run.trial.oracle.epochs[epoch].electorate, run.trial.oracle.scope)


def test_a_light_client_follows_through_a_restart() -> None:
    """LE-29, WI-40: with the authority's key of genesis, from records alone; with another one it stops there."""
    run = lost(1, 7, 3, 3.0)
    run.rescue(0, 1)
    assert run.finish() == []
    first, scope = run.trial.oracle.epochs[0].electorate, run.trial.oracle.scope
    checkpoint = Checkpoint(0, first.root, Micros(0), bytes(64))
    records = list(load_records(run.simulation.hosts[2].disk))
    believing = LightClient(checkpoint, first, scope, run.trial.params, Micros(0))
    for record in records:
        believing.follow(record, Micros(0))
    assert believing.epoch == run.tenure(2).epoch.number
    restarted = ledger(run).reconfigured()
    assert restarted is not None
    doubting = LightClient(
        checkpoint, first, dataclasses.replace(scope, authority=bytes(32)), run.trial.params, Micros(0)
    )
    for record in records[: restarted.epoch]:
        doubting.follow(record, Micros(0))
    with pytest.raises(Rejected):
        doubting.follow(records[restarted.epoch], Micros(0))


def test_an_epoch_that_had_ended_is_closed_and_the_next_one_restarted() -> None:
    """R13: the last block was certified, and had drawn the next electorate with those who are gone."""
    for tick in range(20):  # the moment between the two certificates is short
        run = lost(5, 9, 5, falls=9.3 + 0.06 * tick)
        if len(run.rescue(0, 3)) == 2:
            break
    else:
        raise AssertionError("in none of these worlds had the epoch ended")
    assert run.finish() == []


DEEDS = ("hide", "acknowledge-all", "withhold", "starve")


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_with_one_dishonest_among_those_who_are_left(seed: int) -> None:
    """R10 to R15: less than a third of them; whether it retires, and with what lies, is its own affair."""

    class Betrayed(Honest):
        def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
            return {4: frozenset(DEEDS[seed - 1 :][:2])}

    attacks: tuple[str, ...] = ("silent",) if seed == 4 else ()
    run = lost(seed, 8, 3, 2 + seed, Betrayed, attacks=((4, attacks),))
    orders = run.rescue(seed % 4, 0)
    assert (run.trial.ids[4] in orders[0].removed) == (seed == 4)
    assert run.finish() == []
    record = ledger(run).reconfigured()
    assert record is not None
    grounds = Retirements(orders[0].retirements, Units(record.retired_units), Units(record.total_units))
    assert record.by_trust == (not are_retirements_enough(grounds, run.trial.params))


@pytest.mark.parametrize(("seed", "back"), [(1, 12.0), (2, 25.0), (3, 4.0)])
def test_who_was_removed_comes_back_and_follows(seed: int, back: float) -> None:
    """R15: by the records, without a vote, in agreement with the others; also in the midst of the restart."""
    run = lost(seed, 7, 3, 3 + seed, back=back)
    run.summon(0)
    run.restart(1)
    following = run.epoch()
    run.pass_until(3 + seed + back + 8)
    for node in run.gone:
        assert run.tenure(node).epoch.number >= following
        assert not run.tenure(node).voter.is_elector
    assert run.finish() == []


def test_below_the_share_it_is_an_act_of_trust_and_says_so() -> None:
    """R12, R14, LE-25: one is away for a while and is not removed; it takes up its vote when it comes back."""
    run = lost(4, 7, 3, 3.0)
    run.simulation.hosts[3].crash(run.simulation.time)
    run.staying = (0, 1, 2)
    run.summon(1)
    away = run.trial.ids[3]
    order = replace(run.order(0), removed=tuple(each for each in run.order(0).removed if each != away))
    run.hand_in(0, order)
    run.wait(lambda: all(run.tenure(each).epoch.number > 0 for each in run.staying))
    run.simulation.hosts[3].construct(run.simulation.time)
    run.staying = (0, 1, 2, 3)
    assert run.finish() == []
    record = ledger(run).reconfigured()
    assert record is not None
    assert record.by_trust
    assert run.tenure(3).voter.is_elector


class Renewed(Honest):
    """One of those who are gone is renewed."""

    def make_journeys(self, world: World) -> Journeys:
        return Journeys((), {}, {40: 6})


def test_who_was_removed_is_renewed_and_votes_again() -> None:
    """LE-24, R15: as an arrival, once it has done the duties of an epoch."""
    payments = tuple((300_000 * tick, tick % 4) for tick in range(110))
    run = Rescue(world(7, seed=1, submissions=payments), (4, 5, 6), 2.0, Renewed, 8.0)
    run.pass_until(4.5)
    run.rescue(0, 1)
    assert run.finish() == []
    voting = [number for number in sorted(run.trial.oracle.epochs) if 6 in run.electorate(number)]
    restarted = ledger(run).reconfigured()
    assert restarted is not None
    assert max(voting) == max(run.trial.oracle.epochs)
    assert restarted.epoch + 1 not in voting
    assert all(5 not in run.electorate(number) for number in range(restarted.epoch + 1, max(voting) + 1))


@pytest.mark.parametrize("seed", [1, 2])
def test_one_message_in_seven_is_lost(seed: int) -> None:
    """R10, R13: what has had no effect is said again: summons, statements, order, restart, acknowledgements."""
    lossy = Links(LinkClass(latency=Latency.uniform(5_000, 50_000), loss_q16=2**16 // 7))
    run = lost(seed, 8, 3, 2.0 + seed, links=lossy)
    run.rescue(0, 1)
    assert run.finish() == []


def test_a_crash_between_statement_and_restart_changes_nothing() -> None:
    """R10, V1: who had retired has, after a restart from its disk too; and so has who was asked by the operator."""
    run = lost(6, 7, 3, 4.0)
    run.summon(2)
    order = run.order(2)
    for node in (1, 2):
        run.simulation.hosts[node].crash(run.simulation.time)
        run.simulation.hosts[node].construct(run.simulation.time)
        assert run.tenure(node).is_retired
    run.pass_until(run.now + 1)
    run.hand_in(1, order)
    run.wait(lambda: all(run.tenure(each).epoch.number > 0 for each in run.staying))
    assert run.finish() == []
