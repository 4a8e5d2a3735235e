"""Attacks that need the words of BAC 2.0, beside those of all engines with finality (`bac.sim.attacks_ledger`).

A saboteur is a replica that puts other things into its events and openings than it should; a conspirator stands before
it and changes what it says. The dishonest know each other and sign for each other: where they have two thirds of a
committee's weight, it is captured.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from bac.crypto.suite import KeyPair
from bac.finality.epochs import Epoch
from bac.protocol import Effect, Send
from bac.replica.graph import identify
from bac.replica.leadership import Leadership
from bac.replica.machine import Post
from bac.replica.replica import Replica
from bac.sim.attacks_ledger import DEEDS as LEDGER_DEEDS
from bac.sim.attacks_ledger import KEPT, Traitor
from bac.types import Hash, NodeId
from bac.wire.block import Envelope, LeaderSignature, leader_preimage
from bac.wire.claims import Claim, ClaimList, Role, SeedProof
from bac.wire.codec import encode
from bac.wire.event import Event
from bac.wire.header import Header, header_hash
from bac.wire.registry import decode_item, is_transaction, tag_at, tag_of
from bac.wire.signed import UNSIGNED
from bac.wire.sync import EventBatch

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

LOADS: Final = ("omit", "withhold-seed", "spoil", "spam")
WORDS: Final = ("fork", "withhold-events", "hoard-claims", "no-lists", "no-lead")
DEEDS: Final = (*LEDGER_DEEDS, *LOADS, *WORDS)
PATIENT: Final = "patient"
"""A traitor with this among its deeds does the others only where the dishonest command the committee."""
SPAM_ITEMS: Final = 12
_ELECTORAL: Final = frozenset({tag_of(Claim), tag_of(ClaimList)})
_SEED_TAG: Final = tag_of(SeedProof)


def commands(epoch: Epoch, gang: Collection[NodeId]) -> bool:
    """Whether `gang` has more than two thirds of the committee's weight."""
    held = sum(leader.weight for leader in epoch.committee if leader.identity in gang)
    return 3 * held > 2 * sum(leader.weight for leader in epoch.committee)


class Saboteur(Replica):
    """A replica that loads what it should not, or leaves out what it should load.

    Attributes:
        deeds: which of `LOADS` it does.
        gang: the dishonest.
        chance: its own generator.
    """

    deeds: frozenset[str] = frozenset()
    gang: frozenset[NodeId] = frozenset()
    chance: Random

    def load(self, leadership: Leadership) -> tuple[bytes, ...]:
        """As the base's, changed."""
        if not self._is_acting():
            return super().load(leadership)
        items = self._kept(super().load(leadership))
        if "spam" in self.deeds:
            items = (*items, *(self._worthless() for _ in range(SPAM_ITEMS)))
        if "spoil" in self.deeds and self.chance.randrange(8) == 0:
            items = (*items, self._spoilt(items))
        return items[-self._params.max_event_items :]

    def _collect(self, state: Post) -> tuple[bytes, ...]:
        return self._kept(super()._collect(state)) if self._is_acting() else super()._collect(state)

    def _is_acting(self) -> bool:
        return PATIENT not in self.deeds or commands(self.finality.term.epoch, self.gang)

    def _kept(self, items: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Without the seed's proof, or without what honest members say about the election."""
        if "withhold-seed" in self.deeds:
            items = tuple(item for item in items if tag_at(item) != _SEED_TAG)
        if "omit" in self.deeds:
            items = tuple(item for item in items if tag_at(item) not in _ELECTORAL or self._is_of_gang(item))
        return items

    def _is_of_gang(self, item: bytes) -> bool:
        said: Any = decode_item(item)
        return said.identity in self.gang

    def _worthless(self) -> bytes:
        """A claim that nobody can believe, another one each time."""
        proof, signature = self.chance.randbytes(80), self.chance.randbytes(64)
        return encode(Claim(self.finality.term.epoch.number + 1, Role.PRIMARY, self._site.me, proof, signature))

    def _spoilt(self, items: tuple[bytes, ...]) -> bytes:
        """A transaction with a false signature, or no item at all."""
        known = next((item for item in items if is_transaction(item)), None)
        return self.chance.randbytes(20) if known is None else known[:-64] + self.chance.randbytes(64)


class Conspirator(Traitor):
    """A node of BAC 2.0 whose words are changed."""

    def __init__(self, honest: Replica, deeds: frozenset[str], random: Random, gang: Mapping[NodeId, KeyPair]) -> None:
        """`gang` has the signing keys of all the dishonest."""
        super().__init__(honest, deeds, random)
        self._gang = gang
        if random.getrandbits(1) or PATIENT in deeds:  # they agree on whom to deceive
            honest_peers = [peer for peer in self.site.peers if peer not in gang]
            self.friends = frozenset((*honest_peers[::2], *(peer for peer in gang if peer != self.site.me)))
        self._forks: dict[Hash, Event] = {}

    def arrange(self, items: tuple[bytes, ...], certificates: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """As the base's: the record of the round stays first."""
        return (*items[:1], *certificates, *items[1:])

    def sign(self, header: Header) -> tuple[LeaderSignature, ...]:
        """The signatures of all the dishonest who lead."""
        leading = [each for each in sorted(self._gang) if each in self.honest.finality.term.epoch.leaders()]
        message = leader_preimage(header_hash(header), self.site.scope.network, self.site.scope.shard)
        return tuple(LeaderSignature(each, self._gang[each].sign(message)) for each in leading)

    def change(self, send: Send) -> Iterator[Effect]:
        """As the base's; forked and withheld events, claims for some, no lists, no part in leading."""
        if PATIENT in self.deeds and not commands(self.honest.finality.term.epoch, self._gang):
            yield send
            return
        match send.message:
            case EventBatch() | Envelope() if "no-lead" in self.deeds:
                return
            case EventBatch() if "withhold-events" in self.deeds:
                yield from self._to_friends(send)
            case EventBatch() if "fork" in self.deeds and self._is_fresh(send.message):
                yield from self._fork_event(send, send.message.events[0])
            case Claim() if "hoard-claims" in self.deeds:
                yield from self._to_friends(send)
            case ClaimList() if "no-lists" in self.deeds:
                return
            case _:
                yield from super().change(send)

    def _to_friends(self, send: Send) -> Iterator[Effect]:
        to = tuple(peer for peer in send.to if peer in self.friends)
        if to:
            yield Send(to, send.message)

    def _is_fresh(self, batch: EventBatch) -> bool:
        return len(batch.events) == 1 and batch.events[0].header.creator == self.site.me

    def _fork_event(self, send: Send, event: Event) -> Iterator[Effect]:
        """The event to friends, and to the others another one with the same parents."""
        identifier = identify(event)
        if identifier not in self._forks:
            if len(self._forks) >= KEPT:
                self._forks.clear()
            later = replace(event.header, time_us=event.header.time_us + 1, signature=UNSIGNED)
            self._forks[identifier] = Event(self.site.sign(later), event.payload)
        strangers = tuple(peer for peer in send.to if peer not in self.friends)
        yield from self._to_friends(send)
        if strangers:
            yield Send(strangers, EventBatch(send.message.epoch, (self._forks[identifier],)))
