"""From a `Send` to its arrivals: bytes, size, recipients, route.

A message to many, or one that is handed on, is encoded once: what was made of a message or of a tuple of recipients is
kept by the object's identity, together with the object, so that no other can take its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bac.errors import Rejected
from bac.protocol import Send
from bac.sim.agenda import Agenda, Flight
from bac.sim.codec import Codec
from bac.sim.network import Network
from bac.sim.trace import Kind, Trace, recipients_payload
from bac.types import NodeId

KEPT: Final = 4096
"""Messages, and tuples of recipients, whose bytes are remembered."""

MANY: Final = 64
"""So many recipients are worth remembering: they are everybody, not peers drawn for once."""


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What a message is on the wire and what its receivers get; ``is_sound`` is False if they cannot decode it."""

    message: Any
    data: bytes
    received: Any
    is_sound: bool


class Dispatch:
    """Performs `Send` effects."""

    def __init__(
        self, ids: tuple[NodeId, ...], codec: Codec, network: Network, agenda: Agenda, trace: Trace, *, by_wire: bool
    ) -> None:
        """With `by_wire` receivers get what the codec decodes, else the very object that was sent."""
        self._places = {identity: place for place, identity in enumerate(ids)}
        self._ids = ids
        self._codec = codec
        self._network = network
        self._agenda = agenda
        self._trace = trace
        self._by_wire = by_wire
        self._sealed: dict[int, _Sealed] = {}
        self._resolved: dict[tuple[int, int], tuple[tuple[NodeId, ...], tuple[int, ...]]] = {}
        self.sends = 0
        self.copies = 0
        self.bytes = 0
        self.malformed = 0

    def send(self, sender: int, effect: Send, time: int) -> None:
        """Performs `effect` of node `sender`."""
        self.sends += 1
        recipients = self._resolve(sender, effect.to)
        sealed = self._seal(effect.message)
        self._trace.record(Kind.SEND, time, sender, 0, self.sends, recipients_payload(recipients), sealed.data)
        self.copies += len(recipients)
        self.bytes += len(recipients) * len(sealed.data)
        arrivals = self._network.route(sender, recipients, len(sealed.data), time)
        if not sealed.is_sound:
            for arrival, receiver in reversed(arrivals):
                self._agenda.act(arrival, partial(self._refuse, receiver, self.sends))
        elif arrivals:
            self._agenda.fly(Flight(self._ids[sender], sealed.received, self.sends, arrivals))

    def _refuse(self, receiver: int, number: int, time: int) -> None:
        self.malformed += 1
        self._trace.record(Kind.MALFORMED, time, receiver, number=number)

    def _resolve(self, sender: int, to: tuple[NodeId, ...]) -> tuple[int, ...]:
        known = self._resolved.get((sender, id(to)))
        if known is not None:
            return known[1]
        places = tuple([self._places[identity] for identity in to if identity in self._places])
        assert sender not in places, "a node does not send to itself"
        if len(places) >= MANY:
            if len(self._resolved) >= KEPT:
                self._resolved.clear()
            self._resolved[sender, id(to)] = (to, places)
        return places

    def _seal(self, message: Any) -> _Sealed:
        sealed = self._sealed.get(id(message))
        if sealed is None:
            if len(self._sealed) >= KEPT:
                self._sealed.clear()
            sealed = self._sealed[id(message)] = self._make(message)
        return sealed

    def _make(self, message: Any) -> _Sealed:
        data = self._codec.encode(message)
        if not self._by_wire:
            return _Sealed(message, data, message, is_sound=True)
        try:
            return _Sealed(message, data, self._codec.decode(data), is_sound=True)
        except Rejected:
            return _Sealed(message, data, None, is_sound=False)
