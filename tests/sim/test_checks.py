"""Each check fires on a planted fault, in a whole run, and stays silent without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bac.sim.broadcast import node
from bac.sim.broadcast.messages import hash_block, root_of
from bac.sim.broadcast.node import EchoNode
from bac.sim.broadcast.trial import EchoOracle, EchoTrial
from bac.sim.checks.court import Court, Verdict
from bac.sim.checks.jury import Jury
from bac.sim.facts import Committed, Refused, Submitted
from bac.sim.run import simulate
from bac.sim.trial import Factory
from bac.sim.world import World
from bac.types import Micros, NodeId
from tests.sim import mutants
from tests.sim.blocks import GENESIS, IDS, SUITE, block, certificate
from tests.sim.mutants import mutant
from tests.sim.worlds import CRASHES, lossy, world

ALL = ("agreement", "prefix", "same state", "conservation", "accountability", "liveness", "durability", "determinism")
TWO_OF_FOUR = world(attacks=((2, ()), (3, ())))


def verdicts(factory: Factory, made: World, *, twice: bool = False) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in simulate(made, factory, twice=twice).verdicts}


def fired(factory: Factory, made: World, *, twice: bool = False) -> set[str]:
    return {name for name, verdict in verdicts(factory, made, twice=twice).items() if not verdict.holds}


def test_a_sound_protocol_passes_all_checks_and_they_had_something_to_judge() -> None:
    """SI-23 to SI-30: silence in three worlds; every check but accountability examined something in each."""
    for made in (world(), world(faults=CRASHES, input_us=100), world(7, links=lossy(20), faults=CRASHES)):
        found = verdicts(EchoTrial, made, twice=True)
        assert tuple(found) == ALL
        assert all(verdict.holds for verdict in found.values()), found
        assert all(verdict.examined > 0 for name, verdict in found.items() if name != "accountability")


def test_agreement_fires_where_two_of_four_collude_and_both_are_convicted() -> None:
    """SI-23, SI-27: half of the units are dishonest: agreement breaks, and the evidence names more than a third."""
    found = verdicts(mutants.Collusion, TWO_OF_FOUR)
    assert "confirms" in found["agreement"].violations[0]
    assert found["accountability"].holds
    assert found["accountability"].examined >= 2


def test_agreement_fires_on_a_confirmation_without_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """SI-23: all nodes take two echoes of four for a quorum."""
    monkeypatch.setattr(node, "is_certified", lambda *_: True)
    assert any("without proof" in line for line in verdicts(mutant(mutants.Hasty), world())["agreement"].violations)


def test_prefix_fires_on_a_node_that_goes_back() -> None:
    """SI-24."""
    assert fired(mutant(mutants.Repeater), world()) == {"prefix"}


def test_same_state_fires_on_a_root_that_does_not_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """SI-25: all nodes agree on it, and it is wrong."""
    monkeypatch.setattr(node, "root_of", lambda owner, spent: root_of(owner, 0))
    monkeypatch.setattr(node, "is_consistent", lambda *_: True)
    assert fired(EchoTrial, world()) == {"same state"}


def test_same_state_fires_on_a_block_that_stands_on_nothing() -> None:
    """SI-25: confirmed at height 2, and nobody ever confirmed height 1."""
    jury = Jury(Court(EchoOracle(GENESIS, SUITE), IDS, range(4)))
    first = block()
    second = block(height=2, parent=hash_block(first), state_root=root_of(1, 20))
    jury.observe(Committed(Micros(1), 0, second, certificate(second, 1, 2, 3)))
    before = {verdict.check: verdict for verdict in jury.finish(2)}
    assert "stands on" in before["same state"].violations[0]
    jury.observe(Committed(Micros(3), 1, first, certificate(first, 1, 2, 3)))
    after = {verdict.check: verdict for verdict in jury.finish(4)}
    assert after["same state"].violations == before["same state"].violations
    assert after["same state"].examined == 2


def test_conservation_fires_on_coins_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """SI-26: all nodes believe that everybody has more than genesis gave."""
    monkeypatch.setattr("bac.sim.broadcast.trial.ENDOWMENT", 1_000)
    assert fired(mutant(mutants.Spendthrift), world()) == {"conservation"}


def jury_of(oracle: type[EchoOracle] = EchoOracle) -> Jury:
    return Jury(Court(oracle(GENESIS, SUITE), IDS, range(4)))


def judged(jury: Jury, time: int) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in jury.finish(time)}


def test_same_state_fires_on_a_block_that_skips_heights() -> None:
    """SI-25: a block of height 3 whose parent is the genesis stands on nothing, though its root is right."""
    jury = jury_of()
    high = block(height=3)
    jury.observe(Committed(Micros(1), 0, high, certificate(high, 1, 2, 3)))
    found = judged(jury, 2)["same state"]
    assert found.examined == 0
    assert "height 3: nobody confirmed what it stands on" in found.violations[0]


def test_conservation_judges_every_block_of_those_that_become_executable_at_once() -> None:
    """SI-26: reported in the wrong order, balanced in the end, and not in between."""

    class TenIsWrong(EchoOracle):
        def imbalance(self, states: Mapping[int, int]) -> str | None:
            return "ten" if states[1] == 10 else None

    jury = jury_of(TenIsWrong)
    first = block()
    second = block(height=2, parent=hash_block(first), state_root=root_of(1, 20))
    jury.observe(Committed(Micros(1), 0, second, certificate(second, 1, 2, 3)))
    jury.observe(Committed(Micros(2), 1, first, certificate(first, 1, 2, 3)))
    found = judged(jury, 3)["conservation"]
    assert (found.examined, found.violations) == (2, ("2 us: ten",))


def test_liveness_is_owed_by_all_also_where_asking_again_is_refused() -> None:
    """SI-28: node 0 confirmed it and refuses to take it again; the others owe it until they confirm it too."""
    jury = jury_of()
    first = block()
    committed = [Committed(Micros(2), node, first, certificate(first, 1, 2, 3)) for node in range(4)]
    jury.observe(Submitted(Micros(1), 0, first.payments[0]))
    jury.observe(committed[0])
    jury.observe(Submitted(Micros(3), 0, first.payments[0]))
    jury.observe(Refused(Micros(3), 0, first.payments[0]))
    for late in committed[1:]:
        assert list(jury.liveness.unsettled()) == [first.payments[0].id]
        jury.observe(late)
    assert not jury.liveness.unsettled()
    assert jury.liveness.examined == 1


def test_a_refusal_of_what_nobody_confirmed_is_an_answer() -> None:
    """SI-28: and it is not counted as examined."""
    jury = jury_of()
    jury.observe(Submitted(Micros(1), 0, block().payments[0]))
    jury.observe(Refused(Micros(1), 0, block().payments[0]))
    found = judged(jury, 2)["liveness"]
    assert found.holds
    assert found.examined == 0


def test_liveness_needs_electors() -> None:
    """SI-28: a block that no honest elector can confirm settles nothing."""

    class Nobody(EchoOracle):
        def units(self, shard: int, height: int) -> Mapping[NodeId, int]:
            return {}

    jury = jury_of(Nobody)
    jury.observe(Submitted(Micros(1), 0, block().payments[0]))
    jury.observe(Committed(Micros(2), 0, block(), certificate(block(), 1, 2, 3)))
    assert not judged(jury, 3)["liveness"].holds


def test_accountability_fires_where_nobody_can_be_convicted() -> None:
    """SI-27: agreement is broken, and the proofs name nobody."""
    found = verdicts(mutants.BlindCollusion, TWO_OF_FOUR)
    assert not found["agreement"].holds
    assert "evidence against 0 units only" in found["accountability"].violations[0]


def test_accountability_fires_on_evidence_that_proves_nothing() -> None:
    """SI-27."""
    assert fired(mutant(mutants.Slanderer), world()) == {"accountability"}


def test_accountability_fires_where_an_honest_node_is_framed() -> None:
    """SI-27, SI-29: who forgets in a crash what it signed, signs something else and is convicted of it."""
    found = verdicts(mutant(mutants.Forgetful), world(faults=CRASHES, links=lossy(30)))
    assert any("against the honest" in line for line in found["accountability"].violations)
    assert any("contradicts itself" in line for line in found["durability"].violations)


def test_liveness_fires_on_nodes_that_never_repeat() -> None:
    """SI-28: what was lost before healing stays lost."""
    assert fired(mutant(mutants.Mute), world(links=lossy(30))) == {"liveness"}


def test_durability_fires_on_a_report_that_was_not_recorded() -> None:
    """SI-29."""
    found = verdicts(mutant(mutants.Careless), world(faults=CRASHES))
    assert any("lost height" in line for line in found["durability"].violations)


def test_determinism_fires_on_a_node_that_asks_its_process() -> None:
    """SI-30: two runs of one seed differ; a single run cannot know."""
    assert fired(mutant(mutants.Dice), world(), twice=True) == {"determinism"}
    assert fired(mutant(mutants.Dice), world()) == set()


def test_nothing_is_owed_by_the_dishonest() -> None:
    """SI-22: node 0 loses what it reported; nobody complains of it once it counts among the attackers."""

    class OneIsCareless(EchoTrial):
        def node(self, index: int, *rest: Any) -> Any:
            self.NODE = mutants.Careless if index == 0 else EchoNode
            return super().node(index, *rest)

    assert "durability" in fired(OneIsCareless, world(faults=CRASHES))
    assert fired(OneIsCareless, world(faults=CRASHES, attacks=((0, ()),))) == set()
