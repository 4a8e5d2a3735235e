"""Messages and evidence of the signed echo broadcast."""

from __future__ import annotations

from hashlib import sha256
from typing import ClassVar, Final, TypeAlias

import msgspec

from bac.types import Hash
from bac.wire.codec import U32, U64, Bytes32, Bytes64, HashField, Message

CAP: Final = 1 << 20


class Payment(Message, frozen=True, tag=1):
    """What a client asks of a node: spend `amount` of the node's own coins. `id` tells payments apart."""

    id: Bytes32
    amount: U64


class Block(Message, frozen=True, tag=2):
    """The next payments of `owner` (its place among the nodes), and what it has spent after them, in all."""

    owner: U32
    height: U64
    parent: HashField
    payments: tuple[Payment, ...]
    state_root: HashField
    signature: Bytes64


class Echo(Message, frozen=True, tag=3):
    """`voter` has received this block as the only one of `owner` at this height."""

    voter: U32
    owner: U32
    height: U64
    block: HashField
    signature: Bytes64


class Certificate(Message, frozen=True, tag=4):
    """A block with echoes of more than two thirds of the units, ascending by voter."""

    block: Block
    echoes: tuple[Echo, ...]

    CAP: ClassVar[int] = CAP


class Inventory(Message, frozen=True, tag=5):
    """How many blocks of each owner the sender has confirmed."""

    heights: tuple[U64, ...]


class TwoBlocks(Message, frozen=True, tag=6):
    """Evidence: one owner signed two blocks of one height."""

    first: Block
    second: Block


class TwoEchoes(Message, frozen=True, tag=7):
    """Evidence: one voter echoed two blocks of one owner at one height."""

    first: Echo
    second: Echo


Anything: TypeAlias = Payment | Block | Echo | Certificate | Inventory | TwoBlocks | TwoEchoes
Evidence: TypeAlias = TwoBlocks | TwoEchoes

_encode: Final = msgspec.msgpack.Encoder().encode


def hash_block(block: Block) -> Hash:
    """Names a block; covers its signature."""
    return Hash(sha256(b"block" + _encode(block)).digest())


def root_of(owner: int, spent: int) -> Hash:
    """Commits to an owner's state."""
    return Hash(sha256(b"spent" + owner.to_bytes(4, "big") + spent.to_bytes(16, "big")).digest())


def genesis_hash(owner: int) -> Hash:
    """The parent of an owner's first block."""
    return Hash(sha256(b"genesis" + owner.to_bytes(4, "big")).digest())


def block_bytes(block: Block) -> bytes:
    """What the owner of `block` signs."""
    return b"signed echo broadcast/block" + _encode(msgspec.structs.replace(block, signature=b""))


def echo_bytes(echo: Echo) -> bytes:
    """What the voter of `echo` signs."""
    return b"signed echo broadcast/echo" + _encode(msgspec.structs.replace(echo, signature=b""))
