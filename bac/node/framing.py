"""Frames on a stream of bytes: four bytes of length, one of kind, the content.

One reader serves peers and clients. It never holds more than one frame and one read beyond it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum


class Kind(IntEnum):
    """What a frame between nodes holds."""

    MESSAGE = 0  # of the protocol
    HELLO = 1  # who speaks: bac.node.handshake.Introduction
    WELCOME = 2  # the answer: who else there is
    REFUSED = 3  # the other answer: a code
    NEWS = 4  # introductions of others
    PING = 5
    PONG = 6


class Misframed(Exception):
    """The bytes are no frames; nothing that follows on this stream can be understood."""


def frame(kind: int, content: bytes) -> bytes:
    """One frame."""
    return (len(content) + 1).to_bytes(4, "big") + bytes((kind,)) + content


class Reader:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self, limit: int) -> None:
        """Takes the most bytes that the content of a frame may have."""
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Kind and content of each frame that `data` completes.

        Raises:
            Misframed: a frame is empty or longer than the limit.
        """
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= 4:
                size = int.from_bytes(self._buffer[start : start + 4], "big")
                if not 1 <= size <= self._limit + 1:
                    raise Misframed(f"a frame of {size} bytes")
                end = start + 4 + size
                if len(self._buffer) < end:
                    break
                content = bytes(self._buffer[start + 5 : end])
                kind = self._buffer[start + 4]
                start = end
                yield kind, content
        finally:
            del self._buffer[:start]
