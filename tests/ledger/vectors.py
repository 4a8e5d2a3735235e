"""Writes ``tests/vectors/ledger.json``: states, roots, proofs and answers, for whoever implements the ledger anew.

``python -m tests.ledger.vectors`` after a deliberate change. Strings are bytes in hexadecimal, lists are arrays,
objects with ``type`` are records: their fields in order, behind the tag that ``tags`` gives. An object with ``text`` is
a text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bac.errors import Code
from bac.ledger.answers import ReceiptAnswer, StateAnswer
from bac.ledger.disclosure import prove
from bac.ledger.light import Checkpoint
from bac.ledger.receipts import Outcome, Receipt, compute_receipts_root
from bac.ledger.records import (
    RECONFIGURED_KEY,
    TIP_KEY,
    TOTALS_KEY,
    Account,
    AnnouncedKey,
    Answer,
    Held,
    Keys,
    Member,
    Reconfigured,
    Reputation,
    Standing,
    Tip,
    Totals,
    Whereabouts,
    account_key,
    held_key,
    member_key,
    pack,
    position_key,
    reputation_key,
)
from bac.ledger.snapshot import cut_chunk
from bac.ledger.trie import Trie
from bac.proofs.merkle import prove_inclusion
from bac.types import Height, Micros, Units
from bac.wire.block import ConfirmationProof
from bac.wire.codec import Message, encode
from bac.wire.transactions import Kind
from tests.ledger.world import hash_number, who
from tests.wire.samples import SAMPLES, SIGNATURE

PATH = Path(__file__).parent.parent / "vectors" / "ledger.json"

CONFIRMATION = next(sample for sample in SAMPLES if isinstance(sample, ConfirmationProof))
RECEIPTS = (
    Receipt(hash_number(1), Outcome.APPLIED, None, 10_000),
    Receipt(hash_number(2), Outcome.REJECTED, Code.ZERO_AMOUNT, 10_000),
    Receipt(hash_number(3), Outcome.DEFERRED, Code.NONCE_AHEAD, 0),
)
RECORDS: dict[bytes, Message] = {
    TOTALS_KEY: Totals(2**40, 5, 7, 2**40 - 12, 10, 1),
    TIP_KEY: Tip(Height(300), 2, Micros(10**15), compute_receipts_root(RECEIPTS)),
    RECONFIGURED_KEY: Reconfigured(Height(7), 1, hash_number(4), Units(10), Units(100), by_trust=True),
    held_key(3): Held(10),
    account_key(who(1)): Account(2**40 - 13, 2, (Answer(hash_number(5), None), Answer(hash_number(6), Code.EXPIRED))),
    account_key(who(2)): Account(1, 0, ()),
    member_key(who(1)): Member(
        Kind.VEHICLE,
        -1,
        Standing.LEAVING,
        2,
        (
            Keys(-1, who(1), bytes(32), Micros(2**60), hash_number(7)),
            Keys(1, who(9), bytes(32), Micros(2**61), hash_number(8)),
        ),
        (AnnouncedKey(0, -1, bytes(48)), AnnouncedKey(4, 2, bytes(32))),
    ),
    position_key(who(1)): Whereabouts(Micros(10**15), -(10**9), 128, -1, 0, Height(300)),
    reputation_key(who(1)): Reputation(4096, 2**20, 2**16, 0, 2**15, 2**16, 31, 0, (2, 3)),
}
CONTENT = {key: pack(record) for key, record in RECORDS.items()} | {
    b"\x83" + bytes((number,)): bytes(number) for number in range(40)
}
ABSENT = account_key(who(3))


def describe(value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, Message):
        return {
            "type": type(value).__name__,
            **{name: describe(getattr(value, name)) for name in value.__struct_fields__},
        }
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return {"text": str(value)}
    if isinstance(value, tuple):
        return [describe(each) for each in value]
    return value if value is None or isinstance(value, bool) else int(value)


def tags(value: Any) -> dict[str, int]:
    """The tags of all records in a value."""
    if isinstance(value, tuple):
        return {name: tag for each in value for name, tag in tags(each).items()}
    if not isinstance(value, Message):
        return {}
    tag = type(value).__struct_config__.tag
    own = {type(value).__name__: tag} if isinstance(tag, int) else {}
    return own | tags(tuple(getattr(value, name) for name in value.__struct_fields__))


def messages() -> list[Message]:
    """One of every message of the ledger."""
    trie = Trie().updated(dict(CONTENT))
    encoded = [pack(receipt) for receipt in RECEIPTS]
    return [
        prove(trie, [account_key(who(1)), ABSENT]),
        cut_chunk(trie, size=400),
        StateAnswer(prove(trie, [ABSENT]), CONFIRMATION),
        ReceiptAnswer(encoded[1], prove_inclusion(encoded, 1), prove(trie, [TIP_KEY]), CONFIRMATION),
        Checkpoint(3, hash_number(9), Micros(10**15), SIGNATURE),
    ]


def document() -> dict[str, Any]:
    trie = Trie().updated(dict(CONTENT))
    shown = (*RECORDS.values(), *RECEIPTS, *messages())
    return {
        "tags": dict(sorted(tags(shown).items())),
        "records": [
            {"key": key.hex(), "value": describe(record), "hex": pack(record).hex()} for key, record in RECORDS.items()
        ],
        "state": {key.hex(): value.hex() for key, value in CONTENT.items()},
        "root": trie.root.hex(),
        "root of the empty state": Trie().root.hex(),
        "receipts": [{"value": describe(receipt), "hex": pack(receipt).hex()} for receipt in RECEIPTS],
        "receipts_root": compute_receipts_root(RECEIPTS).hex(),
        "messages": [{"value": describe(each), "hex": encode(each).hex()} for each in messages()],
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(document(), indent=1) + "\n")
