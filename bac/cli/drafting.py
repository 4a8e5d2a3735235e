"""Transactions made by hand: what is to be done, paid for with the least fee, signed, as bytes that a node takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bac.cli.prefixes import choose
from bac.crypto.suite import KeyPair
from bac.ledger.fees import compute_minimum_fee
from bac.params import Params
from bac.types import Hash, Micros, NodeId
from bac.wire.codec import encode
from bac.wire.transactions import Operation, SignedTransaction, Transaction, transaction_preimage

COIN: Final = 10**6
_COINS: Final = re.compile(r"([0-9]+)(?:\.([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction is for: network, shard, and the parameters that say what it costs."""

    network: Hash
    shard: int
    params: Params


def draft(keys: KeyPair, place: Place, operation: Operation, *, nonce: int, expiry: Micros, fee: int | None) -> bytes:
    """A signed transaction, encoded; `fee` None for the least that is taken.

    Raises:
        ValueError: a number out of its range.
    """
    sender = NodeId(keys.public)
    offered = fee or 0
    while True:
        transaction = Transaction(place.network, place.shard, sender, keys.public, nonce, offered, expiry, operation)
        content = encode(transaction)
        signature = keys.sign(transaction_preimage(place.network, place.shard, content))
        data = encode(SignedTransaction(content, signature))
        least = compute_minimum_fee(place.params, operation, len(data))
        if fee is not None or offered >= least:
            return data
        offered = least  # which may need a byte more


def parse_coins(text: str) -> int:
    """10⁻⁶ coins of ``12`` or ``0.5``; ValueError for anything else."""
    found = _COINS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an amount such as 12 or 0.5 (at most 6 decimals)")
    whole, part = found.groups()
    return int(whole) * COIN + int((part or "").ljust(6, "0"))


def parse_identity(text: str, known: Sequence[str]) -> NodeId:
    """The identity that is written out, or the only known one that begins so."""
    if re.fullmatch(r"[0-9a-f]{64}", text.lower()):
        return NodeId(bytes.fromhex(text))
    return NodeId(bytes.fromhex(choose({each: each for each in known}, text, "identity")))
