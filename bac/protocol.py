"""The contract: every protocol is one object, run by two drivers.

BAC 2.0, basic BAC and each comparison protocol are classes with the four handlers of `Protocol`. A handler takes values
and returns an ordered list of effects. Nothing is async, nothing blocks, nothing calls back: what can be called by hand
can be tested, simulated, replayed, attacked and compared.

Rules of the contract (a driver may rely on them, and must keep them; docs/spec/sim.md SI-1 to SI-7):

1. The order of the effects is binding: a `Persist` is durable before any later effect of the list is performed.
2. Same construction and same inputs give the same effects, byte for byte. No clock, no global randomness: time is the
   argument ``now``, jitter comes from the generator handed in at construction, agreed randomness from hashes.
3. Rejected input raises `bac.errors.Rejected` and has changed nothing. A message that is merely early is kept in a
   bounded buffer or dropped, and is not rejected.
4. Recovery is construction (`Construction`): from what was persisted, and nothing else. A crash loses everything that
   came after some `Persist`; the log since the last snapshot gives the order, the store the last record of each key.
5. A timer is replaced by a later `SetTimer` of the same name, and is due not before ``at``. It is forgotten by a crash.
6. What a `Commit` reports was persisted earlier in the order. A crash may come between the record and the report, so
   `start` after a restart commits again what was recorded last; no commit is ever contradicted.
7. A node does not send to itself: what it tells others it knows. A recipient that the driver cannot reach is skipped.
8. An attacker is an honest object with a filter on its effects. There is no branch for tests inside a protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from typing import Protocol as Interface

from bac.types import Micros, NodeId

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

Timer: TypeAlias = str
"""A name of the protocol's own choice; one timer per name."""

Message: TypeAlias = Any
"""A frozen message type of the protocol (bac.wire); the driver never looks inside."""


@dataclass(frozen=True, slots=True)
class Persist:
    """Make ``record`` durable under ``key`` before any later effect; ``record=None`` forgets the key."""

    key: bytes
    record: bytes | None


@dataclass(frozen=True, slots=True)
class Send:
    """Deliver ``message`` to each of ``to``, best effort: it may be lost, late, reordered or doubled."""

    to: tuple[NodeId, ...]
    message: Message


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Call `Protocol.on_timer` with ``timer`` not before ``at`` (µs of the driver's clock)."""

    timer: Timer
    at: Micros


@dataclass(frozen=True, slots=True)
class Commit:
    """``block`` is confirmed, for good; ``proof`` shows it to anybody (docs/spec: the two-certificate proof)."""

    block: Any
    proof: Any


@dataclass(frozen=True, slots=True)
class Accuse:
    """``evidence`` proves by signatures that its culprit broke a rule."""

    evidence: Any


Effect: TypeAlias = Persist | Send | SetTimer | Commit | Accuse

SNAPSHOT: Final = b"snapshot"
"""The one key that a driver knows: a `Persist` under it is a snapshot, and the log before it may be forgotten."""


class Store(Interface):
    """What the driver kept for this node: read-only, exactly what was persisted."""

    def get(self, key: bytes) -> bytes | None:
        """The record last persisted under ``key``, or None."""
        ...

    def scan(self, prefix: bytes) -> Iterable[tuple[bytes, bytes]]:
        """All (key, record) whose key starts with ``prefix``, ascending by key."""
        ...


class Verifier(Interface):
    """Judges signatures: a pure function of its arguments. Drivers may warm a cache; results never depend on it."""

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is ``public``'s on ``message`` (the domain tag is part of the message)."""
        ...


@dataclass(frozen=True, slots=True)
class Construction:
    """All that an object is made of; the first time and after every crash alike.

    Attributes:
        genesis: the chain's beginning, the same for all nodes.
        params: the parameters whose digest is in genesis.
        keys: this node's own secret keys.
        random: this node's generator, for jitter and choice of peers; never for anything agreed.
        records: what was persisted after the last `SNAPSHOT`, in order; everything, if there is none.
        store: the last record of each key, at any later time too.
        verifier: judges signatures; real, or a stand-in of the simulator.
    """

    genesis: Any
    params: Any
    keys: Any
    random: Random
    records: tuple[Persist, ...]
    store: Store
    verifier: Verifier


class Protocol(Interface):
    """The four handlers. ``now`` is integer µs and never decreases between calls of one object."""

    def start(self, now: Micros) -> Sequence[Effect]:
        """Called once, first, after construction (also after a restart)."""
        ...

    def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
        """A verified transaction entered at this node. Raises Rejected."""
        ...

    def on_message(self, sender: NodeId, message: Message, now: Micros) -> Sequence[Effect]:
        """A decoded message came from an authenticated peer. Raises Rejected."""
        ...

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        """A timer that this object asked for is due."""
        ...


Factory: TypeAlias = Callable[[Construction], Protocol]
"""What makes a protocol interchangeable: its class, or a function that makes one."""
