"""Attacks that need the words of finality: an honest object behind a filter that knows what its messages mean.

A traitor has its own keys and nobody else's. It lets its honest object work, and changes what that says: two headers
for one height, a false state root, bodies for some peers only, acknowledgements of everything, states that hide what
they know, ears for half of the voters. A committee is captured where one traitor has two thirds of its weight.

What an engine's bodies look like is for `Traitor.arrange` to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from bac.finality.chain import Link, Verdict, header_hash
from bac.protocol import Effect, Message, Send, Timer
from bac.sim import seeds
from bac.sim.world import World
from bac.types import Hash, Micros, NodeId
from bac.wire.block import Body, Envelope, LeaderSignature
from bac.wire.codec import encode
from bac.wire.header import Header, Kind
from bac.wire.registry import tag_at, tag_of
from bac.wire.signed import UNSIGNED
from bac.wire.transfer import BodyChunk, cut
from bac.wire.votes import Acknowledgement, Certificate, StateAnnouncement

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

DEEDS: Final = ("equivocate", "withhold", "false-root", "starve", "acknowledge-all", "hide")
_CERTIFICATE_TAG: Final = tag_of(Certificate)
KEPT: Final = 64


def draw_deeds(world: World, deeds: Sequence[str] = DEEDS) -> Mapping[int, frozenset[str]]:
    """What each attacker of a world does: up to three of `deeds`."""
    drawn: dict[int, frozenset[str]] = {}
    for node, _ in world.attacks:
        random = seeds.generator(world.seed, "deeds", node)
        drawn[node] = frozenset(random.sample(deeds, random.choice((0, 1, 1, 2, 3))))
    return drawn


class Traitor:
    """A node whose words are changed."""

    def __init__(self, honest: Any, deeds: frozenset[str], random: Random) -> None:
        self.honest = honest
        self.deeds = deeds
        self.random = random
        self.site = honest.finality.site
        others = [peer for peer in self.site.peers if peer != self.site.me]
        self.friends = frozenset(random.sample(others, len(others) // 2))
        self._twins: dict[Hash, Envelope] = {}
        self._acknowledged: dict[Hash, None] = {}

    # ------------------------------------------------------------ handlers

    def start(self, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self.filter(self.honest.start(now))

    def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self.filter(self.honest.on_transaction(transaction, now))

    def on_message(self, sender: NodeId, message: Message, now: Micros) -> Sequence[Effect]:
        """As the contract's; with ears for friends only, and an acknowledgement for every header."""
        if "starve" in self.deeds and isinstance(message, Acknowledgement) and sender not in self.friends:
            return ()
        effects = list(self.filter(self.honest.on_message(sender, message, now)))
        if "acknowledge-all" in self.deeds and isinstance(message, Envelope):
            effects.extend(self._acknowledge(message.header))
        return effects

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self.filter(self.honest.on_timer(timer, now))

    # ------------------------------------------------------------ deeds

    def filter(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """What becomes of the effects of one input."""
        done: list[Effect] = []
        for effect in effects:
            done.extend(self.change(effect) if isinstance(effect, Send) else (effect,))
        return done

    def change(self, send: Send) -> Iterator[Effect]:
        """What becomes of one `Send`."""
        message = send.message
        if isinstance(message, Envelope) and self._is_own(message):
            yield from self._two_faced(send, message)
        elif isinstance(message, BodyChunk):
            yield from self._some_bodies(send, message)
        elif isinstance(message, StateAnnouncement) and "hide" in self.deeds:
            yield Send(send.to, self._hidden(message))
        else:
            yield send

    def _is_own(self, envelope: Envelope) -> bool:
        ours = [each.leader for each in envelope.signatures] == [self.site.me]
        return ours and envelope.header.kind is Kind.ORDERED and bool(self.deeds & {"equivocate", "false-root"})

    def _two_faced(self, send: Send, envelope: Envelope) -> Iterator[Effect]:
        block_hash = header_hash(envelope.header)
        twin = self._twins.get(block_hash)
        if twin is None:
            twin = self._lie(envelope) if "false-root" in self.deeds else self._fork(envelope)
            if twin is None:
                yield send
                return
            if len(self._twins) >= KEPT:
                self._twins.clear()
            self._twins[block_hash] = twin
        friends = tuple(peer for peer in send.to if peer in self.friends)
        strangers = tuple(peer for peer in send.to if peer not in self.friends)
        link = self.honest.finality.term.tree.get(header_hash(twin.header))
        if friends:
            yield Send(friends, envelope)
        if strangers:
            yield Send(strangers, twin)
            body = None if link is None else link.body
            if body is not None:
                yield Send(strangers, cut(header_hash(twin.header), encode(body), 0))

    def _lie(self, envelope: Envelope) -> Envelope:
        """The same header with another state root."""
        header = replace(envelope.header, state_root=Hash(self.random.randbytes(32)))
        return Envelope(header, self.sign(header), None, envelope.proof, None)

    def _fork(self, envelope: Envelope) -> Envelope | None:
        """Another valid block of the same height, on the twin of the parent if there is one."""
        term = self.honest.finality.term
        link = term.tree.get(header_hash(envelope.header))
        if link is None or link.body is None or link.parent is None:
            return None
        parent = self._twin_of(link.parent)
        if parent.state is None:
            return None
        certificate = term.tree.vouchers.get(parent.hash) if parent.parent is not None else None
        others = tuple(item for item in link.body.items if tag_at(item) != _CERTIFICATE_TAG)
        items = self.arrange(others, () if certificate is None else (encode(certificate),))
        time_us = Micros(max(envelope.header.time_us, parent.header.time_us) + 1)
        derived = term.validity.order(parent, time_us, items)
        if derived is None:
            return None
        twin = Envelope(derived.header, self.sign(derived.header), None, envelope.proof, None)
        made = term.tree.add(derived.header, header_hash(derived.header))
        made.body, made.draft = Body(items), derived
        if term.validity.is_supermajority([each.leader for each in twin.signatures]):
            made.envelope, made.is_signed = twin, True
            term.settle(made)
        return twin

    def sign(self, header: Header) -> tuple[LeaderSignature, ...]:
        """The signatures that it can give, ascending: its own."""
        return (self.site.sign_header(header),)

    def arrange(self, items: tuple[bytes, ...], certificates: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The items of a body without certificates, with these."""
        return (*certificates, *items)

    def _twin_of(self, link: Link) -> Link:
        twin = self._twins.get(link.hash)
        found = None if twin is None else self.honest.finality.term.tree.get(header_hash(twin.header))
        return found if found is not None and found.verdict is Verdict.VALID else link

    def _some_bodies(self, send: Send, chunk: BodyChunk) -> Iterator[Effect]:
        to = send.to
        if "withhold" in self.deeds or chunk.header_hash in self._twins:
            to = tuple(peer for peer in to if peer in self.friends)
        if to:
            yield Send(to, chunk)

    def _acknowledge(self, header: Header) -> Iterator[Effect]:
        """Whatever it is, in whatever view."""
        term = self.honest.finality.term
        block_hash = header_hash(header)
        if header.epoch != term.epoch.number or not term.voter.is_elector or block_hash in self._acknowledged:
            return
        if len(self._acknowledged) >= KEPT:
            self._acknowledged.clear()
        self._acknowledged[block_hash] = None
        link = Link(header, block_hash)
        to = tuple(dict.fromkeys((*term.targets(link), *term.epoch.leaders())))
        yield Send(tuple(peer for peer in to if peer != self.site.me), term.voter.sign(link))

    def _hidden(self, announced: StateAnnouncement) -> StateAnnouncement:
        """A state that knows of nothing but the boundary."""
        high = self.honest.finality.term.epoch.base_rank
        state = self.site.sign(replace(announced.state, high=high, signature=UNSIGNED))
        return StateAnnouncement(state, None, announced.claims)
