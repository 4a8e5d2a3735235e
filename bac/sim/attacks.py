"""Attackers: honest objects with filters on their effects.

A filter sees effects, never what another node holds; it has its node's own key and nobody else's. Filters compose: each
gets what the one before it let through. The same classes can run in a real process, since both drivers perform effects.

A protocol's own equivocation (two blocks, two votes) is not here: it needs the protocol's words, and lives beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from bac.protocol import Effect, Message, Protocol, Send, SetTimer, Timer
from bac.sim.mangle import change_signatures, signatures
from bac.types import Micros, NodeId

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)


@dataclass(frozen=True, slots=True)
class Seat:
    """What an attacker has to work with.

    Attributes:
        peers: all other nodes.
        random: its own generator.
        sign: signs any bytes with the node's own key.
        edge_us: how long a message can be held back before the protocol's timers would call it late.
    """

    peers: tuple[NodeId, ...]
    random: Random
    sign: Callable[[bytes], bytes]
    edge_us: int


class Attack:
    """A filter that lets everything through: the base of the others. Each has one timer of its own.

    Attributes:
        seat: what the attacker has.
        timer: the name of the attack's timer.
        now: time of the input whose effects pass at the moment.
    """

    def __init__(self, seat: Seat, timer: Timer) -> None:
        self.seat = seat
        self.timer = timer
        self.now = Micros(0)

    def on_effects(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """What becomes of the effects of one input: each `Send` goes through `on_send`, the rest passes."""
        done: list[Effect] = []
        for effect in effects:
            done.extend(self.on_send(effect) if isinstance(effect, Send) else (effect,))
        return done

    def on_send(self, send: Send) -> Sequence[Effect]:
        """What becomes of one `Send`."""
        return (send,)

    def on_timer(self) -> Sequence[Effect]:
        """The attack's own timer is due."""
        return ()


class Silent(Attack):
    """Receives and says nothing. Tries to break liveness: quorums must do without it."""

    def on_effects(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Drops every `Send`."""
        return [effect for effect in effects if not isinstance(effect, Send)]


class Selective(Attack):
    """Talks to half of its peers, the same until a restart. Tries to break agreement and liveness: not all know."""

    def __init__(self, seat: Seat, timer: Timer) -> None:
        super().__init__(seat, timer)
        self._friends = frozenset(seat.random.sample(seat.peers, len(seat.peers) // 2))

    def on_send(self, send: Send) -> Sequence[Effect]:
        """Sends it to friends only."""
        to = tuple(peer for peer in send.to if peer in self._friends)
        return (Send(to, send.message),) if to else ()


class DelayToEdge(Attack):
    """Sends everything as late as the timers allow. Tries to break liveness: long time-outs, no progress."""

    def __init__(self, seat: Seat, timer: Timer) -> None:
        super().__init__(seat, timer)
        self._held: deque[tuple[Micros, Send]] = deque()

    def on_send(self, send: Send) -> Sequence[Effect]:
        """Holds it for `edge_us`."""
        due = Micros(self.now + self.seat.edge_us)
        self._held.append((due, send))
        return (SetTimer(self.timer, due),) if len(self._held) == 1 else ()

    def on_timer(self) -> Sequence[Effect]:
        """Lets go what is due."""
        released: list[Effect] = []
        while self._held and self._held[0][0] <= self.now:
            released.append(self._held.popleft()[1])
        if self._held:
            released.append(SetTimer(self.timer, self._held[0][0]))
        return released


class Replay(Attack):
    """Says again what it said long ago. Tries to break agreement by stale votes, and memory by repeated ones."""

    KEPT: Final = 256

    def __init__(self, seat: Seat, timer: Timer) -> None:
        super().__init__(seat, timer)
        self._said: deque[Message] = deque(maxlen=self.KEPT)

    def on_send(self, send: Send) -> Sequence[Effect]:
        """Adds, every other time, an old message to a drawn peer."""
        random = self.seat.random
        self._said.append(send.message)
        if random.getrandbits(1):
            return (send,)
        return (send, Send((random.choice(self.seat.peers),), random.choice(self._said)))


class _Mangled(Attack, ABC):
    """Spoils the signatures of every other message that has any."""

    def on_send(self, send: Send) -> Sequence[Effect]:
        if self.seat.random.getrandbits(1):
            return (send,)
        return (Send(send.to, change_signatures(send.message, self.spoil)),)

    @abstractmethod
    def spoil(self, signature: bytes) -> bytes: ...


class Forged(_Mangled):
    """Random bytes for signatures. Tries to break accountability: a forgery must neither count nor frame anybody."""

    def spoil(self, signature: bytes) -> bytes:
        """As long as the true one."""
        return self.seat.random.randbytes(len(signature))


class Truncated(_Mangled):
    """Signatures cut short. Tries to break decoding: such bytes are refused before a protocol sees them."""

    def spoil(self, signature: bytes) -> bytes:
        """One byte less at least, none at most."""
        return signature[: self.seat.random.randrange(len(signature))] if signature else signature


class CrossDomain(_Mangled):
    """Valid signatures by its own key on something else. Tries to break domain separation.

    Every other one was made for an earlier message of its own, the rest for bytes that no protocol signs.
    """

    def __init__(self, seat: Seat, timer: Timer) -> None:
        super().__init__(seat, timer)
        self._seen: deque[bytes] = deque(maxlen=64)

    def on_send(self, send: Send) -> Sequence[Effect]:
        """Remembers the signatures that pass."""
        changed = super().on_send(send)
        self._seen.extend(signatures(send.message))
        return changed

    def spoil(self, signature: bytes) -> bytes:
        """A signature by the same key, on something else."""
        others = [seen for seen in self._seen if seen != signature and len(seen) == len(signature)]
        if others and self.seat.random.getrandbits(1):
            return self.seat.random.choice(others)
        return self.seat.sign(b"another domain" + signature)


class Flood(Attack):
    """Repeats its last message to everybody, 100 times a second. Tries to break liveness by exhausting the others."""

    PERIOD_US: Final = 10_000

    def __init__(self, seat: Seat, timer: Timer) -> None:
        super().__init__(seat, timer)
        self._last: Message | None = None

    def on_send(self, send: Send) -> Sequence[Effect]:
        """Lets it through; the first one starts the flood."""
        starts = self._last is None
        self._last = send.message
        return (send, SetTimer(self.timer, Micros(self.now + self.PERIOD_US))) if starts else (send,)

    def on_timer(self) -> Sequence[Effect]:
        """The next wave."""
        return (Send(self.seat.peers, self._last), SetTimer(self.timer, Micros(self.now + self.PERIOD_US)))


ATTACKS: Final[Mapping[str, type[Attack]]] = MappingProxyType({
    "silent": Silent,
    "selective": Selective,
    "delay": DelayToEdge,
    "replay": Replay,
    "forged": Forged,
    "truncated": Truncated,
    "cross-domain": CrossDomain,
    "flood": Flood,
})  # fmt: skip
"""The filters by name."""


class Attacker:
    """A protocol object whose effects pass through `attacks`, in order, before the driver performs them."""

    def __init__(self, honest: Protocol, seat: Seat, attacks: Sequence[type[Attack]]) -> None:
        self._honest = honest
        self._attacks = [attack(seat, f"attack {place}") for place, attack in enumerate(attacks)]

    def start(self, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self._filter(self._honest.start(now), now)

    def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self._filter(self._honest.on_transaction(transaction, now), now)

    def on_message(self, sender: NodeId, message: Message, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self._filter(self._honest.on_message(sender, message, now), now)

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        """The honest object's timer, or an attack's: what an attack lets go still passes the attacks after it."""
        for place, attack in enumerate(self._attacks):
            if timer == attack.timer:
                attack.now = now
                return self._filter(attack.on_timer(), now, place + 1)
        return self._filter(self._honest.on_timer(timer, now), now)

    def _filter(self, effects: Sequence[Effect], now: Micros, first: int = 0) -> Sequence[Effect]:
        for attack in self._attacks[first:]:
            attack.now = now
            effects = attack.on_effects(effects)
        return effects
