"""Nodes of basic BAC around a table: messages pass at once unless held, time passes when told, disks survive."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bac.baselines.basic_bac import BasicBac
from bac.errors import Rejected
from bac.finality.epochs import next_seed
from bac.finality.machine import Draw
from bac.finality.retirement import Tenure
from bac.ledger.state import State
from bac.params import Params
from bac.protocol import Accuse, Commit, Construction, Effect, Persist, Send, SetTimer
from bac.sim.basic import PARAMS, BasicTrial
from bac.sim.disk import Disk
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.world import World
from bac.types import Hash, Micros, NodeId, Units
from bac.wire.block import Elector, Leader
from bac.wire.transactions import VerifiedTransaction

TABLE_PARAMS = replace(PARAMS, epoch_rounds=6, epoch_grace_rounds=2, seed_rounds=3)
UNITS = 1000
Hold = Callable[[int, int, Any], bool]


class TableTrial(BasicTrial):
    """Everybody votes with equal units in every epoch, and the first four lead, unless told otherwise."""

    electors: tuple[int, ...] | None = None
    leaders: tuple[int, ...] = (0, 1, 2, 3)
    weights: tuple[int, ...] = (1, 1, 1, 1)
    table_params: Params = TABLE_PARAMS

    def make_params(self, world: World) -> Params:
        return self.table_params

    def make_draw(self, world: World, keys: Mapping[NodeId, Any]) -> Any:
        def draw(state: State, epoch: int, seed: Hash, culprits: tuple[NodeId, ...]) -> Draw:
            chosen = range(len(self.ids)) if self.electors is None or epoch < 0 else self.electors
            members = [self.ids[node] for node in chosen if self.ids[node] not in culprits]
            place = min(epoch + 1, len(keys[self.ids[0]]) - 1)
            electors = tuple(Elector(each, keys[each][place], Units(UNITS)) for each in members)
            committee = tuple(
                Leader(self.ids[node], weight) for node, weight in zip(self.leaders, self.weights, strict=True)
            )
            return Draw(electors, committee, next_seed(seed), culprits)

        return draw


class Table:
    """Some nodes, started."""

    def __init__(self, nodes: int = 4, trial: type[TableTrial] = TableTrial) -> None:
        self.world = World(seed=5, units=(1,) * nodes, links=Links(LinkClass(latency=Latency.uniform(1, 2))))
        self.trial = trial(self.world)
        self.ids = self.trial.ids
        self.now = Micros(1_000_000)
        self.disks = [Disk() for _ in range(nodes)]
        self.queue: deque[tuple[int, int, Any]] = deque()
        self.held: list[tuple[int, int, Any]] = []
        self.hold: Hold = lambda sender, receiver, message: False
        self.timers: list[dict[str, int]] = [{} for _ in range(nodes)]
        self.log: list[list[Effect]] = [[] for _ in range(nodes)]
        self.commits: list[list[Any]] = [[] for _ in range(nodes)]
        self.accused: list[Any] = []
        self.sent: list[tuple[int, NodeId, Any]] = []
        self.nodes = [self.make(node) for node in range(nodes)]
        for node in range(nodes):
            self.perform(node, self.nodes[node].start(self.now))

    def make(self, node: int) -> BasicBac:
        construction = Construction(
            self.trial.genesis_block, self.trial.params, self.trial._secrets[node], random.Random(node),
            self.disks[node].log, self.disks[node], self.trial.suite,
        )  # fmt: skip
        return BasicBac(construction, self.trial.ground)

    def restart(self, node: int) -> BasicBac:
        """A crash between two inputs, and a restart from the disk."""
        self.timers[node] = {}
        self.nodes[node] = self.make(node)
        self.perform(node, self.nodes[node].start(self.now))
        return self.nodes[node]

    def term(self, node: int) -> Tenure:
        return self.nodes[node].finality.term

    def perform(self, node: int, effects: Any) -> None:
        for effect in effects:
            self.log[node].append(effect)
            match effect:
                case Persist():
                    self.disks[node].persist(effect)
                case Send(to, message):
                    for identity in to:
                        receiver = self.ids.index(identity)
                        assert receiver != node, "a node does not send to itself"
                        self.sent.append((node, identity, message))
                        self.queue.append((node, receiver, message))
                case SetTimer(timer, at):
                    self.timers[node][timer] = at
                case Commit():
                    self.commits[node].append(effect)
                case Accuse(evidence):
                    self.accused.append(evidence)

    def give(self, receiver: int, sender: int, message: Any) -> None:
        """Hands over one message; what the receiver refuses is dropped."""
        try:
            effects = self.nodes[receiver].on_message(self.ids[sender], message, self.now)
        except Rejected:
            return
        self.perform(receiver, effects)

    def deliver(self, limit: int = 100_000) -> None:
        """Until nothing is on its way but what is held."""
        for _ in range(limit):
            if not self.queue:
                return
            sender, receiver, message = self.queue.popleft()
            if self.hold(sender, receiver, message):
                self.held.append((sender, receiver, message))
            else:
                self.give(receiver, sender, message)
        raise AssertionError("the table never falls silent")

    def release(self) -> None:
        """Nothing is held any more, and what was held is delivered."""
        self.hold = lambda sender, receiver, message: False
        self.queue.extend(self.held)
        self.held.clear()
        self.deliver()

    def pass_time(self, duration_us: int, *, only: tuple[int, ...] | None = None) -> None:
        """Lets timers ring, in order, and delivers after each."""
        end = self.now + duration_us
        self.deliver()
        while True:
            due = [
                (at, node, timer)
                for node in range(len(self.nodes)) if only is None or node in only
                for timer, at in self.timers[node].items()
            ]  # fmt: skip
            if not due or min(due)[0] > end:
                break
            at, node, timer = min(due)
            self.now = Micros(max(self.now, at))
            del self.timers[node][timer]
            self.perform(node, self.nodes[node].on_timer(timer, self.now))
            self.deliver()
        self.now = Micros(end)

    def pay(self, node: int, ordinal: int = 0) -> VerifiedTransaction:
        """A client's payment, handed to a node."""
        transaction = self.trial.transaction(ordinal, node, random.Random(ordinal))
        self.perform(node, self.nodes[node].on_transaction(transaction, self.now))
        return transaction

    def messages(self, node: int, kind: type) -> list[Any]:
        """What a node sent of one type."""
        return [message for sender, _, message in self.sent if sender == node and isinstance(message, kind)]


def seconds(count: float) -> int:
    return int(count * 1_000_000)
