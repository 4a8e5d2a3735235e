"""Transactions made by hand are what the intake takes, for the least fee that is taken."""

from __future__ import annotations

import pytest

from bac.cli.drafting import Place, draft, parse_coins, parse_identity
from bac.cli.errors import CommandFailed
from bac.crypto.production import Production
from bac.errors import Rejected
from bac.intake import Intake
from bac.ledger.fees import compute_minimum_fee
from bac.params import DEFAULT
from bac.types import Hash, Micros, NodeId
from bac.wire.transactions import Leave, Transaction, Transfer

SUITE = Production("ed25519-list")
KEYS = SUITE.key_pair(b"k" * 32)
HERE = Place(Hash(b"n" * 32), 3, DEFAULT)
TRANSFER = Transfer(NodeId(b"r" * 32), 5)


def judged(data: bytes, shard: int = 3) -> Transaction:
    return Intake(HERE.network, shard, KEYS.public, SUITE, lambda _: None).transaction(data).transaction


def test_a_draft_is_what_the_intake_takes() -> None:
    data = draft(KEYS, HERE, TRANSFER, nonce=7, expiry=Micros(99), fee=None)
    least = compute_minimum_fee(DEFAULT, TRANSFER, len(data))
    transaction = judged(data)
    assert (transaction.nonce, transaction.expiry, transaction.fee) == (7, 99, least)
    assert transaction.sender == transaction.key == KEYS.public
    with pytest.raises(Rejected):
        judged(data, shard=4)


def test_duties_are_free_and_a_fee_that_is_given_stays() -> None:
    free = draft(KEYS, HERE, Leave(), nonce=0, expiry=Micros(9), fee=None)
    given = draft(KEYS, HERE, TRANSFER, nonce=0, expiry=Micros(9), fee=1)
    assert (judged(free).fee, judged(given).fee) == (0, 1)


def test_amounts_are_exact() -> None:
    assert [parse_coins(text) for text in ("12", "0.5", "0.000001", "3.141592")] == [12_000_000, 500_000, 1, 3_141_592]
    for wrong in ("", "-1", "1e3", "0.0000001", ".5", "1,5", "١"):
        with pytest.raises(ValueError, match="amount"):
            parse_coins(wrong)


def test_identities_are_taken_whole_or_by_prefix() -> None:
    one, other = "ab" * 32, "ac" * 32
    assert parse_identity("ab", [one, other]) == bytes.fromhex(one)
    assert parse_identity("FF" * 32, []) == b"\xff" * 32
    with pytest.raises(CommandFailed):
        parse_identity("a", [one, other])
