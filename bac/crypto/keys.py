"""What a node keeps secret: one seed per purpose, and a chain of acknowledgement seeds of which old ones are erased.

Signing and random function never share a seed: the proof of the one would be an oracle for the other.

The acknowledgement key of an epoch is erased once the next epoch has a confirmed block, so that a vehicle sold later
cannot sign another history (docs/spec/wire.md WI-27). An erased key must not follow from anything kept: the seeds form
a one-way chain, each the hash of the one before. The node keeps the oldest seed still needed, and nothing older; the
chain runs forward to announce the keys of coming epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha512

from bac.crypto.suite import SEED_BYTES, check_seed


def derive(root: bytes, purpose: str) -> bytes:
    """A seed (32 bytes) for `purpose` that shows nothing of `root` (32 bytes) or of its other seeds."""
    label = purpose.encode()
    return sha512(b"bac/derive" + bytes((len(label),)) + label + check_seed(root)).digest()[:SEED_BYTES]


def next_seed(seed: bytes, epochs: int = 1) -> bytes:
    """The acknowledgement seed `epochs` later; there is no way back.

    Raises:
        ValueError: `epochs` is negative, or `seed` is not 32 bytes.
    """
    if epochs < 0:
        raise ValueError("the chain of acknowledgement seeds runs forward only")
    for _ in range(epochs):
        seed = derive(seed, "next epoch")
    return seed


@dataclass(frozen=True, slots=True, repr=False)
class NodeSecrets:
    """The seeds of one node, 32 bytes each: signing, random function, and acknowledgements of epoch 0."""

    signing: bytes
    vrf: bytes
    acknowledgement: bytes

    @classmethod
    def from_root(cls, root: bytes) -> NodeSecrets:
        """All three from one seed, for making them. A node keeps the three apart and forgets the root."""
        return cls(derive(root, "signing"), derive(root, "vrf"), derive(root, "acknowledgement"))
