"""What all parts of one node's finality share: who and where it is, what it may ask, and where effects go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from bac.crypto.suite import KeyPair, Suite
from bac.finality.calls import Calls
from bac.finality.confirmation import TWO_BLOCKS, TwoBlocks
from bac.finality.epochs import Epoch
from bac.finality.machine import Machine, Remember, State
from bac.finality.voter import KeyChain
from bac.intake import Intake
from bac.params import Params
from bac.proofs.certificate import Scope
from bac.protocol import Effect, Persist, Send, Store
from bac.types import Micros, NodeId
from bac.wire.block import Body, LeaderSignature, leader_preimage
from bac.wire.claims import ClaimList
from bac.wire.codec import Message
from bac.wire.header import Header, header_hash
from bac.wire.signed import UNSIGNED, S, preimage, with_signature

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

Collector: TypeAlias = Callable[[Any], tuple[bytes, ...]]
"""Items that a source of blocks would put into an opening on this state."""


class Block(Message, frozen=True, tag=101):
    """What is committed: a header and its body."""

    header: Header
    body: Body


class Roster:
    """Who is registered, and so may be told something: whoever feeds finality keeps it up to date."""

    __slots__ = ("_me", "others", "peers")

    def __init__(self, me: NodeId, peers: Iterable[NodeId]) -> None:
        self._me = me
        self.set(peers)

    def set(self, peers: Iterable[NodeId]) -> None:
        """From now on these, this node among them or not."""
        self.peers = tuple(sorted(peers))
        self.others = tuple(each for each in self.peers if each != self._me)


class Outbox:
    """The effects of one input, in order."""

    def __init__(self, me: NodeId) -> None:
        self._me = me
        self._effects: list[Effect] = []

    def take(self) -> list[Effect]:
        """All effects so far; the box is empty then."""
        effects, self._effects = self._effects, []
        return effects

    def add(self, *effects: Effect) -> None:
        """Appends."""
        self._effects.extend(effects)

    def persist(self, records: Iterable[Persist]) -> None:
        """Appends records."""
        self._effects.extend(records)

    def send(self, to: Iterable[NodeId], message: Any) -> None:
        """Sends to each recipient once, never to this node itself."""
        recipients = to if isinstance(to, tuple) else tuple(to)
        if self._me in recipients or len(set(recipients)) < len(recipients):
            recipients = tuple(dict.fromkeys(identity for identity in recipients if identity != self._me))
        if recipients:
            self._effects.append(Send(recipients, message))


@dataclass(frozen=True, slots=True)
class Site:
    """One node in one shard.

    Attributes:
        me: its identity.
        roster: all registered members.
        scope: network, shard, quorum scheme.
        params: of the network.
        machine: executes bodies.
        suite: all cryptography.
        intake: judges what needs no state.
        signing: its signing key.
        keys: its acknowledgement keys.
        random: for the choice of peers and jitter.
        store: what was persisted.
        out: where effects go.
        collect: items for an opening.
        claims: this node's claim list for the next epoch, if claims are made and it has one (R3).
        epochs: the present epoch and the last ones, by number.
        rules: what confirms.
        remember: shares what follows from a parent and a body between the nodes of one process, or None.
        calls: what the authority calls for.
        settle_in: told of each epoch once the state before it is here, before anything of the epoch is judged.
    """

    me: NodeId
    roster: Roster
    scope: Scope
    params: Params
    machine: Machine
    suite: Suite
    intake: Intake
    signing: KeyPair
    keys: KeyChain
    random: Random
    store: Store
    collect: Collector
    claims: Callable[[], ClaimList | None]
    out: Outbox = field(repr=False)
    epochs: dict[int, Epoch] = field(default_factory=dict, repr=False)
    calls: Calls = field(default_factory=Calls, repr=False)
    rules: TwoBlocks = TWO_BLOCKS
    remember: Remember | None = None
    settle_in: Callable[[Epoch, State], None] | None = None

    @property
    def peers(self) -> tuple[NodeId, ...]:
        """All registered members, ascending."""
        return self.roster.peers

    @property
    def others(self) -> tuple[NodeId, ...]:
        """The peers without this node."""
        return self.roster.others

    def sign(self, message: S) -> S:
        """`message` with this node's signature."""
        content = with_signature(message, UNSIGNED)
        return with_signature(message, self.signing.sign(preimage(content, self.scope.network, self.scope.shard)))

    def sign_header(self, header: Header) -> LeaderSignature:
        """This node's signature on a header, as leader or proposer."""
        message = leader_preimage(header_hash(header), self.scope.network, self.scope.shard)
        return LeaderSignature(self.me, self.signing.sign(message))

    def some(self, count: int) -> tuple[NodeId, ...]:
        """Up to `count` drawn peers."""
        others = self.roster.others
        if len(others) <= 2 * count:
            return tuple(self.random.sample(others, min(count, len(others))))
        chosen: dict[NodeId, None] = {}
        while len(chosen) < count:
            chosen[others[self.random.getrandbits(32) * len(others) >> 32]] = None
        return tuple(chosen)

    def jitter_us(self, period_us: int) -> Micros:
        """`period_us` and up to a quarter more."""
        return Micros(period_us + self.random.randrange(period_us // 4 + 1))
