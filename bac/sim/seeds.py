"""Where generators come from: one per purpose, derived from the run's seed by SHA-256.

Separate generators keep runs comparable: another draw in one node, or one link more, moves nobody else's draws.
Python's own ``hash`` is never asked, so PYTHONHASHSEED changes nothing.
"""

from __future__ import annotations

from hashlib import sha256
from random import Random


def digest(seed: int, *labels: str | int) -> bytes:
    """32 bytes that belong to this seed and these labels alone; for stand-in keys, and below for generators."""
    return sha256("\0".join(["bac.sim", str(seed), *map(str, labels)]).encode()).digest()


def branch(random: Random) -> Random:
    """A generator that follows from the state of `random` without moving it."""
    copy = Random()
    copy.setstate(random.getstate())
    return Random(copy.getrandbits(256))


def generator(seed: int, *labels: str | int) -> Random:
    """The generator of one purpose, such as ``generator(seed, "node", 3)``."""
    return Random(int.from_bytes(digest(seed, *labels), "big"))
