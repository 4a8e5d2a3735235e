"""Signed messages: the signature is the last field, and what is signed is the encoding up to it.

The encoding of a 64-byte field has 66 bytes, so the signed content of received bytes is ``data[:-66]``. It holds the
tag of the type and every other field. What verifies therefore verifies for exactly these bytes.

Source: docs/spec/wire.md WI-8.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

from msgspec.structs import replace

from bac.types import Hash, NodeId
from bac.wire.codec import Domain, Message, encode, signing_bytes

SIGNATURE_TAIL = 66
UNSIGNED = bytes(64)
"""Stands in the place of the signature until there is one."""


class Signed(Message, frozen=True):
    """Base of messages whose last field is ``signature: Bytes64``, by the signing key of whom they name."""

    DOMAIN: ClassVar[Domain]
    """What the signature is about."""
    SIGNER: ClassVar[str] = "identity"
    """The field that names the signer."""


S = TypeVar("S", bound=Signed)


def signer_of(message: Signed) -> NodeId:
    """The identity that `message` says it is from."""
    signer: NodeId = getattr(message, message.SIGNER)
    return signer


def signed_preimage(kind: type[Signed], data: bytes, network: Hash, shard: int) -> bytes:
    """What the signer of the encoding `data` of a `kind` has signed."""
    return signing_bytes(kind.DOMAIN, network, shard, data[:-SIGNATURE_TAIL])


def preimage(message: Signed, network: Hash, shard: int) -> bytes:
    """What is to be signed for `message`, whatever stands in the place of its signature; ValueError as `encode`."""
    return signed_preimage(type(message), encode(message), network, shard)


def with_signature(message: S, signature: bytes) -> S:
    """`message` with its signature; ValueError if the signature does not have 64 bytes."""
    if len(signature) != len(UNSIGNED):
        raise ValueError("a signature has 64 bytes")
    return replace(message, signature=signature)
