"""The smallest protocol that uses the whole contract: every node numbers what it is told, and collects echoes.

A transaction is a word. The node numbers it, makes it durable, tells its peers and repeats that on a timer until all
have echoed it; then the word is committed. Every fourth commit is followed by a snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bac.errors import Code, Rejected
from bac.protocol import SNAPSHOT, Commit, Construction, Effect, Persist, Send, SetTimer
from bac.sim.codec import MessageCodec
from bac.types import Micros, NodeId
from bac.wire.codec import U64, Message

REPEAT_US = 100_000
WORD_MAX = 20


class Word(Message, frozen=True, tag=1):
    """What a client says."""

    text: str


class Say(Message, frozen=True, tag=2):
    number: U64
    text: str


class Heard(Message, frozen=True, tag=3):
    number: U64


class Said(Message, frozen=True, tag=4):
    """The committed word."""

    speaker: bytes
    number: U64
    text: str


class Echoes(Message, frozen=True, tag=5):
    """Its proof: who echoed it."""

    peers: tuple[bytes, ...]


class _State(Message, frozen=True, tag=6):
    said: U64
    done: U64


CODEC = MessageCodec(Word | Say | Heard | Said | Echoes, 4096)
_encode = msgspec.msgpack.Encoder().encode


def ids(count: int) -> tuple[NodeId, ...]:
    return tuple(NodeId(bytes([place + 1]) * 32) for place in range(count))


class Echo:
    """Constructed with the ids of all nodes as genesis and its own id as keys."""

    def __init__(self, construction: Construction) -> None:
        self.me: NodeId = construction.keys
        self.peers = tuple(identity for identity in construction.genesis if identity != self.me)
        self.random = construction.random
        self.open: dict[int, str] = {}
        self.heard: dict[int, set[NodeId]] = {}
        snapshot = construction.store.get(SNAPSHOT)
        state = _State(0, 0) if snapshot is None else msgspec.msgpack.decode(snapshot, type=_State)
        self.said, self.done = state.said, state.done
        for _, record in construction.store.scan(b"say"):
            self._keep(msgspec.msgpack.decode(record, type=Say))
        for persist in construction.records:
            if persist.key.startswith(b"done"):
                self.done += 1

    def _keep(self, say: Say) -> None:
        self.said = max(self.said, say.number)
        self.open[say.number] = say.text
        self.heard[say.number] = set()

    def start(self, now: Micros) -> Sequence[Effect]:
        return [SetTimer("repeat", self._later(now))]

    def on_transaction(self, transaction: Word, now: Micros) -> Sequence[Effect]:
        if len(transaction.text) > WORD_MAX:
            raise Rejected(Code.OVERSIZED, f"a word has at most {WORD_MAX} letters")
        say = Say(self.said + 1, transaction.text)
        self._keep(say)
        key = b"say" + say.number.to_bytes(8, "big")
        return [Persist(key, _encode(say)), Send(self.peers, say)]

    def on_message(self, sender: NodeId, message: Any, now: Micros) -> Sequence[Effect]:
        if isinstance(message, Say):
            if message.number == 0:
                raise Rejected(Code.MALFORMED, "numbers begin with 1", sender)
            return [Send((sender,), Heard(message.number))]
        if not isinstance(message, Heard) or message.number > self.said:
            raise Rejected(Code.MALFORMED, "nothing was said under this number", sender)
        if message.number not in self.open:
            return ()  # late
        self.heard[message.number].add(sender)
        return self._commit(message.number) if len(self.heard[message.number]) == len(self.peers) else ()

    def _commit(self, number: int) -> Sequence[Effect]:
        said = Said(self.me, number, self.open.pop(number))
        echoes = Echoes(tuple(sorted(self.heard.pop(number))))
        self.done += 1
        suffix = number.to_bytes(8, "big")
        effects: list[Effect] = [Persist(b"done" + suffix, b""), Persist(b"say" + suffix, None), Commit(said, echoes)]
        if self.done % 4 == 0:
            effects.append(Persist(SNAPSHOT, _encode(_State(self.said, self.done))))
        return effects

    def on_timer(self, timer: str, now: Micros) -> Sequence[Effect]:
        repeats = [
            Send(tuple(peer for peer in self.peers if peer not in self.heard[number]), Say(number, text))
            for number, text in self.open.items()
        ]
        return [*repeats, SetTimer(timer, self._later(now))]

    def _later(self, now: Micros) -> Micros:
        return Micros(now + REPEAT_US + self.random.randrange(REPEAT_US))
