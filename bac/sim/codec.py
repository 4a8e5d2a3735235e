"""Values to bytes and back, as the simulator needs them: for sizes, for the trace, for the wire.

Encoding does not judge, so that an attacker's misshapen message can be put on the wire; decoding does.
"""

from __future__ import annotations

from typing import Any
from typing import Protocol as Interface

import msgspec

from bac.wire import codec


class Codec(Interface):
    """Encodes everything that a protocol sends, commits, accuses with or is given."""

    def encode(self, value: Any) -> bytes:
        """The canonical bytes of `value`; never raises for what the protocol's types can hold."""
        ...

    def decode(self, data: bytes) -> Any:
        """The value. Raises `bac.errors.Rejected` where a receiver would refuse the bytes."""
        ...


class MessageCodec:
    """The codec of messages of `bac.wire.codec`: a union of types, each with its tag."""

    def __init__(self, kinds: Any, cap: int) -> None:
        """Takes the union of all types, and the most bytes that one value may have."""
        self._kinds = kinds
        self._cap = cap
        self._encode = msgspec.msgpack.Encoder().encode

    def encode(self, value: Any) -> bytes:
        """The bytes that `bac.wire.codec.encode` would make, without its check of the fields."""
        return self._encode(value)

    def decode(self, data: bytes) -> Any:
        """As `bac.wire.codec.decode`."""
        return codec.decode(self._kinds, data, self._cap)
