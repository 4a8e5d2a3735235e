"""A shard that loses more than a third of its voters, and the operator who restarts it; all checks look on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bac.finality.calls import is_call
from bac.finality.newview import rank_of
from bac.finality.retirement import Tenure
from bac.sim.checks.court import Court
from bac.sim.checks.jury import Jury
from bac.sim.facts import Committed, Fact, Healed, Submitted
from bac.sim.ledger_trial import LedgerTrial
from bac.sim.network import Network
from bac.sim.seeds import generator
from bac.sim.simulation import Simulation
from bac.sim.trial import Attacked
from bac.sim.world import SECOND, World
from bac.types import Micros, NodeId
from bac.wire.header import header_hash
from bac.wire.transactions import AuthorityOrder, Reconfigure, Summon
from bac.wire.votes import retirements_digest
from tests.replica.worlds import ALWAYS, Honest


class Rescue:
    """A run that the operator leads. `gone` are the nodes that fall silent for good, at `falls` s, within a second.

    Attributes:
        staying: the honest nodes that are left, which the checks speak of.
        commits: what every node reported.
    """

    def __init__(
        self, world: World, gone: Sequence[int], falls: float, factory: type[LedgerTrial] = Honest, back: float = 0.0
    ) -> None:
        """`back`: so long after the fall the gone come back with their disks, s; 0 for never."""
        self.world, self.gone = world, gone
        self.trial = factory(world)
        self.staying = tuple(node for node in world.honest if node not in gone)
        self.commits: list[Committed] = []
        owing = world.honest if back else self.staying
        self._jury = Jury(Court(self.trial.oracle, self.trial.ids, owing))
        network = Network(len(world.units), world.links, generator(world.seed, "network"), None)
        self.simulation = Simulation(
            Attacked(self.trial, world), network, seed=world.seed, observer=self._observe, by_wire=True
        )
        random = generator(world.seed, "clients")
        self.payments = [
            (self.trial.transaction(ordinal, node, random), node, time)
            for ordinal, (time, node) in enumerate(world.submissions)
        ]
        for payment, node, time in self.payments:
            if node in self.staying:
                self.simulation.submit(node, payment, time)
        for place, node in enumerate(gone):
            at = int(falls * SECOND) + place * SECOND // (len(gone) + 1)
            self.simulation.at(at, self.simulation.hosts[node].crash)
            if back:
                self.simulation.at(at + int(back * SECOND), partial(_come_back, self.simulation.hosts[node]))
        self.simulation.start()

    def _observe(self, fact: Fact) -> None:
        if isinstance(fact, Committed):
            self.commits.append(fact)
        if not (isinstance(fact, Submitted) and is_call(fact.transaction)):
            self._jury.observe(fact)

    # ------------------------------------------------------------ time

    @property
    def now(self) -> float:
        return self.simulation.time / SECOND

    def pass_until(self, seconds: float) -> None:
        self.simulation.advance(int(seconds * SECOND))

    def wait(self, holds: Callable[[], bool], patience: float = 20.0) -> None:
        """Lets time pass until it holds."""
        end = self.now + patience
        while not holds():
            assert self.now < end, "it does not come to pass"
            self.pass_until(self.now + 0.1)

    # ------------------------------------------------------------ the operator

    def tenure(self, node: int) -> Tenure:
        protocol = self.simulation.hosts[node].protocol
        assert protocol is not None
        found: Tenure = protocol.finality.term  # type: ignore[attr-defined]  # an honest replica
        return found

    def epoch(self) -> int:
        return max(self.tenure(node).epoch.number for node in self.staying)

    def height(self) -> int:
        """The highest that anybody reported."""
        return max((commit.block.header.height for commit in self.commits), default=0)

    def hand_in(self, node: int, order: AuthorityOrder) -> None:
        self.simulation.submit(node, self.trial.call(order), self.simulation.time)

    def summon(self, node: int) -> None:
        """Calls voters to retire, and waits until all honest ones that are left know of each other that they have."""
        epoch = self.epoch()
        self.hand_in(node, Summon(epoch))
        self.wait(lambda: all(self._has_heard(each, epoch) for each in self.staying))

    def _has_heard(self, node: int, epoch: int) -> bool:
        tenure = self.tenure(node)
        voting = [self.trial.ids[each] for each in self.staying if self._votes(node, self.trial.ids[each])]
        return tenure.epoch.number == epoch and all(each in tenure.statements for each in voting)

    def _votes(self, node: int, identity: NodeId) -> bool:
        return identity in self.tenure(node).epoch.electorate.places

    def order(self, node: int) -> Reconfigure:
        """On the highest certificate, without whoever has not retired, and those who are gone but do not vote now."""
        tenure = self.tenure(node)
        shown = tenure.retirements()
        assert shown is not None
        top = tenure.epoch.base_rank if shown.certificate is None else rank_of(shown.certificate)
        retired = {state.identity for state in shown.states}
        removed = {each for each in tenure.electors if each not in retired} | {self.trial.ids[n] for n in self.gone}
        return Reconfigure(top.height, top.hash, retirements_digest(shown), tuple(sorted(removed)))

    def restart(self, node: int) -> Reconfigure:
        """The order is handed in at `node`, and all who are left get to the next epoch."""
        epoch, order = self.tenure(node).epoch.number, self.order(node)
        self.hand_in(node, order)
        self.wait(lambda: all(self.tenure(each).epoch.number > epoch for each in self.staying))
        return order

    def rescue(self, one: int, other: int) -> list[Reconfigure]:
        """Summons at one node, orders at another; and once more, where the epoch had ended and its next was drawn."""
        orders: list[Reconfigure] = []
        while not orders or any(self._votes(one, self.trial.ids[node]) for node in self.gone):
            assert len(orders) < 2
            self.summon(one)
            orders.append(self.restart(other))
        return orders

    # ------------------------------------------------------------ the end

    def finish(self, patience: float = 120.0) -> list[str]:
        """Everything is asked for again, and awaited; what is wrong then."""
        self.simulation.observe(Healed(Micros(self.simulation.time)))
        for payment, node, _ in self.payments:
            if node in self.staying:
                self.simulation.submit(node, payment, self.simulation.time)
        end = self.now + patience
        while self.now < end:
            self.pass_until(self.now + 0.25)
            if self.simulation.time >= self.payments[-1][2] and not self._jury.liveness.unsettled():
                break
        at: dict[int, bytes] = {}
        for commit in self.commits:  # by whomever, also by those who are gone: nothing that they reported is undone
            height, block_hash = commit.block.header.height, header_hash(commit.block.header)
            assert at.setdefault(height, block_hash) == block_hash
        verdicts = self._jury.finish(self.simulation.time)
        idle = [each.check for each in verdicts if each.check in ALWAYS - {"durability"} and not each.examined]
        wrong = [f"{each.check}: {line}" for each in verdicts for line in each.violations]
        return wrong + [f"{check}: looked at nothing" for check in idle]

    def electorate(self, epoch: int) -> set[int]:
        """Who votes in an epoch, by place."""
        return {self.trial.ids.index(each) for each in self.trial.oracle.epochs[epoch].electorate.places}


def _come_back(host: object, time: int) -> None:
    host.construct(time)  # type: ignore[attr-defined]  # of the simulation
