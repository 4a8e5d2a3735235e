"""Writes ``tests/vectors/wire.json``: encodings and field values of every type, for whoever implements the wire anew.

``python -m tests.wire.vectors`` after a deliberate change of the wire. Strings in the file are bytes in hexadecimal,
lists are arrays, objects are records: their fields in order, behind the tag where ``tags`` gives the record one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bac.genesis import network_id
from bac.params import DEFAULT, MINIMAL
from bac.proofs.electorate import Electorate, compute_committee_hash
from bac.proofs.merkle import compute_root
from bac.types import Units
from bac.wire import block, claims, event, header, transactions, votes
from bac.wire.codec import PROTOCOL_VERSION, Message, encode
from bac.wire.signed import Signed, preimage
from tests.wire.samples import (
    ADMIT,
    BALLOT,
    CLAIM,
    EVENT_HEADER,
    GENESIS,
    HEADER,
    ITEM,
    NEW_VIEW,
    POSITION,
    SAMPLES,
    SIGNED_TRANSACTION,
    some,
    some_hash,
    some_id,
)

PATH = Path(__file__).parent.parent / "vectors" / "wire.json"
NETWORK = some_hash("network")
SHARD = 7


def describe(value: Any) -> Any:
    """A value as JSON: records as objects with their type's name first."""
    if isinstance(value, Message):
        fields = {name: describe(getattr(value, name)) for name in value.__struct_fields__}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [describe(each) for each in value]
    return None if value is None else int(value)


def walk(value: Any) -> list[type[Message]]:
    """The types of all records in a value."""
    if isinstance(value, tuple):
        return [kind for each in value for kind in walk(each)]
    if isinstance(value, Message):
        inner = [kind for name in value.__struct_fields__ for kind in walk(getattr(value, name))]
        return [type(value), *inner]
    return []


def tags() -> dict[str, int]:
    kinds = {kind.__name__: kind.__struct_config__.tag for sample in SAMPLES for kind in walk(sample)}
    return {name: tag for name, tag in sorted(kinds.items()) if isinstance(tag, int)}


def preimages() -> dict[str, str]:
    """What is signed for the sample of each signed type, in network `NETWORK` and shard `SHARD`."""
    signed = {type(value).__name__: preimage(value, NETWORK, SHARD) for value in SAMPLES if isinstance(value, Signed)}
    return {
        name: data.hex()
        for name, data in {
            **signed,
            "Acknowledgement": votes.ballot_preimage(BALLOT, NETWORK, SHARD),
            "LeaderSignature": block.leader_preimage(header.header_hash(HEADER), NETWORK, SHARD),
            "SignedTransaction": transactions.transaction_preimage(NETWORK, SHARD, SIGNED_TRANSACTION.content),
            "Order": transactions.order_preimage(NETWORK, SHARD, encode(ADMIT)),
            "Witness": transactions.witness_preimage(NETWORK, SHARD, encode(POSITION)),
        }.items()
    }


def hashes() -> dict[str, str]:
    """Ids and roots."""
    elector = block.Elector(some_id("voter"), some("ack"), Units(3))
    return {
        name: value.hex()
        for name, value in {
            "event id of EventHeader": event.event_id(EVENT_HEADER),
            "payload hash of [920102]": event.payload_hash((b"\x92\x01\x02",)),
            "hash of Header": header.header_hash(HEADER),
            "id of Claim": claims.claim_id(CLAIM),
            "id of SignedTransaction": transactions.decode_transaction(ITEM).id,
            "hash of the retirements of NewView": votes.retirements_digest(NEW_VIEW),
            "network of Genesis": network_id(GENESIS),
            "root of no items": compute_root(()),
            "root of [00, 01, 02]": compute_root((b"\0", b"\1", b"\2")),
            "root of an electorate of one, 3 units": Electorate([elector]).root,
            "hash of a committee of one, weight 100": compute_committee_hash((block.Leader(some_id("leader"), 100),)),
            "digest of the parameters `default`": DEFAULT.digest(),
            "digest of the parameters `minimal`": MINIMAL.digest(),
        }.items()
    }


REFUSED = {
    "nothing": "",
    "not an array": "c0",
    "unknown tag": "917f",
    "no tag": "90",
    "tag longer than need be": "94cc3d00c40101",
    "whole number longer than need be": "9330c420" + "00" * 32 + "cc05",
    "array header longer than need be": "dc000330c420" + "00" * 32 + "05",
    "byte string header longer than need be": "9330c50020" + "00" * 32 + "05",
    "text for bytes": "9330d920" + "61" * 32 + "05",
    "true for a whole number": "9330c420" + "00" * 32 + "c3",
    "a float for a whole number": "9330c420" + "00" * 32 + "ca3f800000",
    "negative": "9330c420" + "00" * 32 + "ff",
    "above the field's greatest": "9330c420" + "00" * 32 + "ce02000001",
    "31 bytes for 32": "9330c41f" + "00" * 31 + "05",
    "one field missing": "9230c420" + "00" * 32,
    "one field too many": "9430c420" + "00" * 32 + "0505",
    "a byte behind the end": "9330c420" + "00" * 32 + "0500",
    "truncated": "9330c420" + "00" * 31,
    "a map for an array": "8330c420" + "00" * 32 + "05",
    "an array of 2^32 - 1": "9230ddffffffff",
}
"""Encodings of a `BodyPull` (but for the first four) that everybody must refuse."""


def document() -> dict[str, Any]:
    return {
        "protocol_version": PROTOCOL_VERSION,
        "tags": tags(),
        "vectors": [{"value": describe(value), "hex": encode(value).hex()} for value in SAMPLES],
        "network": NETWORK.hex(),
        "shard": SHARD,
        "preimages": preimages(),
        "hashes": hashes(),
        "refused": REFUSED,
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(document(), indent=1) + "\n")
