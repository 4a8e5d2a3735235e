"""Seeds of epochs, and what the VRF is asked: canonical, of fixed width, with a tag for each purpose.

The seed of e + 1 is fixed by the boundary of e - 1: the VRF output of that epoch's primary on `seed_input`, if its
proof was ordered in time, else the fallback. A primary that dislikes its output can withhold it, so it may choose
between two seeds: one bit of bias, which forfeits its fees. Keys are on chain two epochs before the seed is known, so
none can be fitted to it.
"""

from __future__ import annotations

import enum
import hashlib

SEED_BYTES = 32
SHARD_BYTES_MAX = 32
OUTPUT_BYTES = 64
_TAG_BYTES = 16


class Role(enum.IntEnum):
    """What an identity is elected for (BAC paper IV.D): primary P, or candidate primary CP."""

    PRIMARY = 1
    CANDIDATE = 2


def sortition_input(seed: bytes, role: Role, shard: bytes, epoch: int) -> bytes:
    """The VRF input of one draw: `seed_e ‖ role ‖ shard ‖ epoch` behind its tag, 90 bytes.

    Args:
        seed: 32 bytes, the seed of the epoch drawn for.
        role: what is drawn for.
        shard: the shard's id, 1 to 32 bytes.
        epoch: the epoch drawn for, from 0 to 2^64 - 1.
    """
    return _input(b"bac sortition 1", seed, int(role), shard, epoch)


def seed_input(seed: bytes, shard: bytes, epoch: int) -> bytes:
    """The VRF input on which a primary proves the seed of `epoch`; `seed` is the seed of the epoch before."""
    return _input(b"bac seed 1", seed, 0, shard, epoch)


def next_seed(beta: bytes) -> bytes:
    """The seed that follows from a primary's verified VRF output (64 bytes) on `seed_input`."""
    if len(beta) != OUTPUT_BYTES:
        raise ValueError(f"a VRF output is {OUTPUT_BYTES} bytes")
    return tagged_hash(b"bac seed next 1", beta)


def fallback_seed(seed: bytes, shard: bytes, epoch: int) -> bytes:
    """The seed of `epoch` where no proof of the primary came in time; `seed` is the seed of the epoch before."""
    return hashlib.sha256(_input(b"bac fallback 1", seed, 0, shard, epoch)).digest()


def child_seed(seed: bytes, child: bytes) -> bytes:
    """The first seed of the shard `child` that a split makes from the shard of `seed`."""
    return tagged_hash(b"bac seed child 1", check_seed(seed), _shard(child))


def tagged_hash(tag: bytes, *parts: bytes) -> bytes:
    """SHA-256 of the parts behind the tag, padded to 16 bytes. At most one of the parts may vary in length."""
    return hashlib.sha256(b"".join((tag.ljust(_TAG_BYTES, b"\0"), *parts))).digest()


def number(value: int) -> bytes:
    """Eight bytes, big-endian; ValueError outside 0 to 2^64 - 1."""
    if not 0 <= value < 2**64:
        raise ValueError(f"{value} is not a 64-bit number")
    return value.to_bytes(8, "big")


def check_seed(seed: bytes) -> bytes:
    """The seed itself; ValueError if it is not 32 bytes."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed is {SEED_BYTES} bytes")
    return seed


def _input(tag: bytes, seed: bytes, role: int, shard: bytes, epoch: int) -> bytes:
    return b"".join((tag.ljust(_TAG_BYTES, b"\0"), check_seed(seed), bytes((role,)), _shard(shard), number(epoch)))


def _shard(shard: bytes) -> bytes:
    """Length and id, filled up with zeros: 33 bytes, another for every id."""
    if not 1 <= len(shard) <= SHARD_BYTES_MAX:
        raise ValueError(f"a shard id is 1 to {SHARD_BYTES_MAX} bytes")
    return bytes((len(shard),)) + shard.ljust(SHARD_BYTES_MAX, b"\0")
