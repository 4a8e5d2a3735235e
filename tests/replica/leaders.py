"""A few whole nodes driven by hand in memory: drawn delays, lost and doubled messages, crashes, clocks that differ.

Everything is drawn from one generator, so a run can be repeated. Nothing is sent through an encoding: what crosses a
wire is tested elsewhere.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any

from msgspec.structs import replace as change

from bac.crypto.keys import NodeSecrets
from bac.crypto.standin import StandIn
from bac.errors import Rejected
from bac.finality.site import Block
from bac.genesis import Scheme, make_genesis, make_member, make_shard
from bac.intake import Intake
from bac.ledger.verifications import Verifications
from bac.params import MINIMAL, Params
from bac.protocol import Accuse, Commit, Construction, Effect, Persist, Send, SetTimer
from bac.replica.graph import EpochGraph, identify
from bac.replica.ground import lay
from bac.replica.leadership import Leadership
from bac.replica.replica import Replica
from bac.types import Hash, Micros, NodeId, Units
from bac.wire.codec import encode
from bac.wire.event import Event, EventHeader, payload_hash
from bac.wire.header import header_hash
from bac.wire.signed import UNSIGNED, S, preimage, with_signature
from bac.wire.sync import EventBatch
from bac.wire.transactions import (
    Operation,
    SignedTransaction,
    Transaction,
    Transfer,
    VerifiedTransaction,
    transaction_preimage,
)

FOREVER = Micros(2**60)
SHARD = 0

Way = Callable[[int, int, Any], Sequence[int]]
"""Of (from, to, message): the delay of each copy that arrives, µs; none if it is lost."""


@dataclass(slots=True)
class Disk:
    """What one node persisted."""

    records: dict[bytes, bytes] = field(default_factory=dict)

    def get(self, key: bytes) -> bytes | None:
        return self.records.get(key)

    def scan(self, prefix: bytes) -> Iterable[tuple[bytes, bytes]]:
        return [(key, self.records[key]) for key in sorted(self.records) if key.startswith(prefix)]

    def keep(self, persist: Persist) -> None:
        if persist.record is None:
            self.records.pop(persist.key, None)
        else:
            self.records[persist.key] = persist.record


@dataclass(frozen=True, slots=True)
class Sent:
    """One message to one recipient."""

    time: int
    sender: int
    to: int
    message: Any


class Leaders:
    """`units[i]` are endowed to node i; as many `strangers` come after them, whom genesis does not know.

    Attributes:
        way: what becomes of messages.
        skew: what each node's clock is ahead.
        sent, commits, accused, refused: what was seen, in order.
        dies_after: of a node, the number of further records after which it crashes.
    """

    def __init__(
        self, units: Sequence[int] = (4000,) * 4, params: Params = MINIMAL, seed: int = 1, strangers: int = 0
    ) -> None:
        self.params = params
        self.random = Random(seed)
        self.suite = StandIn(b"l" * 32, "ed25519-list")
        self.secrets = [
            NodeSecrets.from_root(sha256(b"leaders%d" % each).digest()) for each in range(len(units) + strangers)
        ]
        self.pairs = [self.suite.key_pair(each.signing) for each in self.secrets]
        self.ids = [NodeId(pair.public) for pair in self.pairs]
        self.index = {identity: place for place, identity in enumerate(self.ids)}
        ahead = params.acknowledgement_keys_ahead
        members = [
            make_member(each, self.suite, ahead, not_after=FOREVER, endowment=Units(endowment))
            for each, endowment in zip(self.secrets, units, strict=False)
        ]
        shard = make_shard(SHARD, Scheme.ED25519_LIST, members, [(each, 10**12) for each in self.ids])
        authority = self.suite.key_pair(b"a" * 32).public
        self.genesis = make_genesis(params, [shard], authority=authority, time_us=Micros(0), seed=b"s" * 32)
        self.ground = lay(self.genesis, shard, params)
        self.intake = Intake(self.ground.network, SHARD, authority, self.suite, lambda identity: identity)
        self.epoch = self.ground.epoch
        self.seats = [self.index[leader] for leader in self.epoch.leaders()]
        self.way: Way = lambda *_: (self.random.randrange(1_000, 30_000),)
        self.skew = [0] * len(self.ids)
        self.now = 0
        self.queue: list[tuple[int, int, Callable[[], object]]] = []
        self.count = 0
        self.disks = [Disk() for _ in self.ids]
        self.timers: list[dict[str, int]] = [{} for _ in self.ids]
        self.nodes: list[Replica | None] = [None for _ in self.ids]
        self.lives = [0 for _ in self.ids]
        self.dies_after: dict[int, int] = {}
        self.nonces = [0 for _ in self.ids]
        self.sent: list[Sent] = []
        self.commits: list[list[Block]] = [[] for _ in self.ids]
        self.accused: list[tuple[int, Any]] = []
        self.refused: list[tuple[int, int, Any, Rejected]] = []

    # ------------------------------------------------------------ life

    def boot(self, *nodes: int) -> None:
        """Constructs and starts these, all if none are named."""
        for node in nodes or range(len(self.ids)):
            self.lives[node] += 1
            self.timers[node] = {}
            replica = Replica(
                Construction(
                    self.genesis, self.params, self.secrets[node], Random(1000 * node + self.lives[node]), (),
                    self.disks[node], self.suite,
                ),
                self.ground,
            )  # fmt: skip
            self.nodes[node] = replica
            self.perform(node, replica.start(self.clock(node)))

    def crash(self, *nodes: int) -> None:
        """All but the disk is gone."""
        for node in nodes:
            self.nodes[node] = None

    def node(self, number: int) -> Replica:
        found = self.nodes[number]
        assert found is not None, "it is up"
        return found

    def lead(self, number: int) -> Leadership:
        """What `number` does as a leader."""
        found = self.node(number).leadership
        assert found is not None, "it leads"
        return found

    def clock(self, node: int) -> Micros:
        return Micros(self.now + self.skew[node])

    # ------------------------------------------------------------ what happens

    def later(self, delay: int, deed: Callable[[], object]) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.now + max(delay, 0), self.count, deed))

    def run(self, seconds: float) -> None:
        """Lets time pass until that second."""
        until = int(seconds * 1_000_000)
        while self.queue and self.queue[0][0] <= until:
            self.now, _, deed = heapq.heappop(self.queue)
            deed()
        self.now = until

    def run_while(self, condition: Callable[[], bool], seconds: float) -> None:
        """Lets time pass as long as `condition` holds, at most until that second."""
        while condition():
            assert self.queue, "nothing is to come"
            assert self.queue[0][0] <= seconds * 1_000_000, "it took too long"
            self.now, _, deed = heapq.heappop(self.queue)
            deed()

    def perform(self, node: int, effects: Iterable[Effect]) -> None:
        """Does what a node wants done; a crash in between loses the rest."""
        for effect in effects:
            if isinstance(effect, Persist):
                self.disks[node].keep(effect)
                if node in self.dies_after:
                    self.dies_after[node] -= 1
                    if self.dies_after[node] == 0:
                        self.crash(node)
                        return
            elif isinstance(effect, Send):
                for identity in effect.to:
                    self._send(node, self.index[identity], effect.message)
            elif isinstance(effect, SetTimer):
                self._set_timer(node, effect.timer, effect.at)
            elif isinstance(effect, Commit):
                self.commits[node].append(effect.block)
            elif isinstance(effect, Accuse):
                self.accused.append((node, effect.evidence))

    def _send(self, sender: int, to: int, message: Any) -> None:
        self.sent.append(Sent(self.now, sender, to, message))
        for delay in self.way(sender, to, message):
            self.later(delay, lambda: self.deliver(sender, to, message))

    def deliver(self, sender: int, to: int, message: Any) -> list[Effect]:
        """Hands a message over now; the effects, which are performed."""
        replica = self.nodes[to]
        if replica is None:
            return []
        try:
            effects = list(replica.on_message(self.ids[sender], message, self.clock(to)))
        except Rejected as refusal:
            self.refused.append((sender, to, message, refusal))
            return []
        self.perform(to, effects)
        return effects

    def _set_timer(self, node: int, timer: str, at: int) -> None:
        self.timers[node][timer] = at
        life = self.lives[node]

        def ring() -> None:
            replica = self.nodes[node]
            if replica is not None and self.lives[node] == life and self.timers[node].get(timer) == at:
                del self.timers[node][timer]
                self.perform(node, replica.on_timer(timer, self.clock(node)))

        self.later(at - self.clock(node), ring)

    # ------------------------------------------------------------ clients

    def pay(self, node: int, *, fee: int = 20_000, operation: Operation | None = None) -> bytes:
        """The next payment of `node` enters there; its encoding."""
        item = self.transaction(node, self.nonces[node], fee=fee, operation=operation)
        self.nonces[node] += 1
        self.hand_in(node, item)
        return item

    def hand_in(self, node: int, item: bytes) -> None:
        """A transaction enters at `node`."""
        self.perform(node, self.node(node).on_transaction(self.verified(item), self.clock(node)))

    def transaction(self, node: int, nonce: int, *, fee: int = 20_000, operation: Operation | None = None) -> bytes:
        wanted = operation or Transfer(self.ids[(node + 1) % len(self.ids)], 5)
        network = self.ground.network
        content = encode(
            Transaction(network, SHARD, self.ids[node], self.pairs[node].public, nonce, fee, FOREVER, wanted)
        )
        return encode(SignedTransaction(content, self.pairs[node].sign(transaction_preimage(network, SHARD, content))))

    def verified(self, item: bytes) -> VerifiedTransaction:
        return Verifications(self.intake)(item)

    # ------------------------------------------------------------ by hand

    def sign(self, message: S) -> S:
        """`message`, signed by the member that it names."""
        pair = self.pairs[self.index[NodeId(getattr(message, message.SIGNER))]]
        return with_signature(message, pair.sign(preimage(message, self.ground.network, SHARD)))

    def event(
        self, creator: int, self_parent: Hash | None = None, *others: Hash, payload: tuple[bytes, ...] = (),
        time_us: int = 0, epoch: int = 0, boundary: Hash | None = None,
    ) -> Event:  # fmt: skip
        """A signed event of epoch 0."""
        header = EventHeader(
            epoch, boundary or header_hash(self.epoch.base), self.ids[creator], self_parent, others, Micros(time_us),
            payload_hash(payload), UNSIGNED,
        )  # fmt: skip
        return Event(self.sign(header), payload)

    def graph(self) -> EpochGraph:
        """An empty graph of epoch 0."""
        return EpochGraph(self.epoch, SHARD, self.params)

    # ------------------------------------------------------------ what was seen

    def events_of(self, creator: int) -> dict[Hash, Event]:
        """All events by `creator` that anybody was sent, by id."""
        found = {}
        for each in self.sent:
            if isinstance(each.message, EventBatch):
                for event in each.message.events:
                    if event.header.creator == self.ids[creator]:
                        found[identify(event)] = event
        return found

    def messages(self, kind: type, sender: int | None = None) -> list[Sent]:
        return [each for each in self.sent if isinstance(each.message, kind) and sender in (None, each.sender)]

    def chains_agree(self) -> bool:
        """Whether what was confirmed anywhere is one chain."""
        known: dict[int, Any] = {}
        return all(known.setdefault(block.header.height, block) == block for blocks in self.commits for block in blocks)

    def heights(self) -> list[int]:
        return [max((block.header.height for block in blocks), default=0) for blocks in self.commits]


class Traitor:
    """Goes on with the line of a leader that is down: events as no honest leader makes them, told to all who are up.

    Attributes:
        tip: the last event of the line.
    """

    def __init__(self, stage: Leaders, node: int, witness: int) -> None:
        """What `witness` knows of the graph is what this one knows."""
        self.stage, self.node, self.witness = stage, node, witness
        stage.crash(node)
        stage.run(stage.now / 1e6 + 0.1)
        self.tip = self.graph.tips[stage.ids[node]]

    @property
    def graph(self) -> EpochGraph:
        return self.stage.lead(self.witness).graph

    def say(self, *payload: bytes) -> Event:
        """Its next event, which names one event that is news, as soon as there is one."""
        self.stage.run_while(lambda: self._news() is None, self.stage.now / 1e6 + 2)
        other, known = self._news(), self.graph.get(self.tip)
        assert other is not None
        assert known is not None
        time_us = max(self.stage.now, known.header.time_us + 1)
        event = self.stage.event(self.node, self.tip, other, payload=payload, time_us=time_us)
        self.tell(event)
        self.tip = identify(event)
        return event

    def twin(self, event: Event) -> Event:
        """Another event in the place of `event`."""
        header = self.stage.sign(change(event.header, time_us=Micros(event.header.time_us + 1)))
        self.tell(Event(header, event.payload))
        return Event(header, event.payload)

    def tell(self, *events: Event) -> None:
        for node, replica in enumerate(self.stage.nodes):
            if replica is not None:
                self.stage.deliver(self.node, node, EventBatch(0, events))

    def _news(self) -> Hash | None:
        tips = [tip for who, tip in self.graph.tips.items() if who != self.stage.ids[self.node]]
        return next((tip for tip in tips if self.graph.is_news_to(self.tip, tip)), None)


def write(stage: Leaders, count: int, *, seed: int = 0, step: int = 50_000) -> list[Event]:
    """`count` events, parents first: a drawn leader each time, which names a drawn part of what is news to it."""
    random = Random(seed)
    tips: dict[int, Hash] = {}
    below: dict[Hash, frozenset[Hash]] = {}
    written: list[Event] = []
    while len(written) < count:
        place = random.choice(stage.seats)
        own = tips.get(place)
        known = frozenset() if own is None else below[own]
        news = [tip for each, tip in tips.items() if each != place and tip not in known]
        if own is not None and not news:
            continue
        others = random.sample(news, random.randint(1, len(news))) if news else []
        time_us = 1 + len(written) * step + random.randrange(step)
        payload = (stage.transaction(place, len(written)),)
        event = stage.event(place, own, *others, time_us=time_us, payload=payload)
        identifier = tips[place] = identify(event)
        below[identifier] = known.union({identifier}, *(below[each] for each in others))
        written.append(event)
    return written


def shuffle(events: Sequence[Event], random: Random) -> list[Event]:
    """Another order in which parents come before children."""
    left = list(events)
    random.shuffle(left)
    known: set[Hash] = set()
    ordered: list[Event] = []
    while left:
        for event in left:
            parents = {event.header.self_parent, *event.header.other_parents} - {None}
            if parents <= known:
                known.add(identify(event))
                ordered.append(event)
        left = [event for event in left if identify(event) not in known]
    return ordered
