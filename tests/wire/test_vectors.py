"""Golden vectors: what is on the wire does not change unnoticed, and others can implement it from the file alone.

The reading side here knows only the file, the plain ``msgpack`` package and ``hashlib``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the package ships no types
import pytest

from bac.errors import Code, Rejected
from bac.types import Hash
from bac.wire import block, claims, event, evidence, header, sync, transactions, transfer, votes
from bac.wire.codec import Message, decode
from bac.wire.registry import ITEMS, MESSAGES, decode_item, decode_message, tag_of
from tests.wire.samples import SAMPLES
from tests.wire.vectors import PATH, document, walk

VECTORS: dict[str, Any] = json.loads(PATH.read_text())


def leaves(kind: type[Message]) -> list[type[Message]]:
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return below or [kind]


def plain(value: Any) -> Any:
    """What MessagePack holds for a value of the file."""
    if isinstance(value, dict):
        fields = [plain(each) for name, each in value.items() if name != "type"]
        tag = VECTORS["tags"].get(value["type"])
        return fields if tag is None else [tag, *fields]
    if isinstance(value, list):
        return [plain(each) for each in value]
    return bytes.fromhex(value) if isinstance(value, str) else value


def prefix(label: str) -> bytes:
    text = b"bac/" + label.encode()
    return bytes((len(text),)) + text


def test_no_byte_of_the_wire_changes_unnoticed() -> None:
    """WI-6: the file is what the code makes; a deliberate change is written with ``python -m tests.wire.vectors``."""
    assert json.loads(json.dumps(document())) == VECTORS


def test_every_type_has_a_vector() -> None:
    """WI-6: every message, and every record inside one."""
    modules = (block, claims, event, evidence, header, sync, transactions, transfer, votes)
    names = {module.__name__ for module in modules} | {"bac.genesis"}
    kinds = {kind for kind in leaves(Message) if kind.__module__ in names}
    shown = {kind for sample in SAMPLES for kind in walk(sample)}
    assert not {kind.__name__ for kind in kinds - shown}
    assert {type(sample) for sample in SAMPLES} >= set(MESSAGES.values())


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["value"]["type"])
def test_the_plain_package_reads_and_writes_the_same(vector: dict[str, Any]) -> None:
    """WI-1, WI-2: arrays of whole numbers, byte strings and nil, in their shortest form, behind a tag."""
    data = bytes.fromhex(vector["hex"])
    assert msgpack.unpackb(data, strict_map_key=True) == plain(vector["value"])
    assert msgpack.packb(plain(vector["value"]), use_bin_type=True) == data


@pytest.mark.parametrize(
    ("value", "vector"), [*zip(SAMPLES, VECTORS["vectors"], strict=True)], ids=lambda each: type(each).__name__
)
def test_we_read_them_back(value: Message, vector: dict[str, Any]) -> None:
    """WI-5: by the type, and where the tag tells the type, without being told it."""
    data = bytes.fromhex(vector["hex"])
    assert decode(type(value), data) == value
    if type(value) in MESSAGES.values():
        assert decode_message(data) == value
    if type(value) in ITEMS.values():
        assert decode_item(data) == value


@pytest.mark.parametrize(("name", "text"), [*VECTORS["refused"].items()])
def test_what_must_be_refused(name: str, text: str) -> None:
    """WI-3: there is one encoding of a value and no other."""
    with pytest.raises(Rejected) as caught:
        decode_message(bytes.fromhex(text))
    assert caught.value.code is Code.MALFORMED


def test_the_value_that_the_refused_ones_resemble_is_taken() -> None:
    """WI-3: the refused vectors differ from this one in one thing each."""
    assert decode_message(bytes.fromhex("9330c420" + "00" * 32 + "05")) == transfer.BodyPull(Hash(bytes(32)), 5)


def test_tags_are_one_byte_and_unique() -> None:
    """WI-5: 0 … 127 in each of the two tables; what is an item has the same tag as a message."""
    assert all(0 <= tag < 128 and tag_of(kind) == tag for tag, kind in MESSAGES.items())
    assert set(ITEMS.items()) <= set(MESSAGES.items())
    assert VECTORS["tags"]["Header"] == tag_of(header.Header)


def encoding_of(name: str) -> bytes:
    """The first vector of a type."""
    return next(bytes.fromhex(v["hex"]) for v in VECTORS["vectors"] if v["value"]["type"] == name)


def signed_part(name: str) -> bytes:
    """The last vector of a type, without its last field."""
    return [bytes.fromhex(v["hex"]) for v in VECTORS["vectors"] if v["value"]["type"] == name][-1][:-66]


def test_what_is_signed() -> None:
    """WI-7, WI-8: length and label of the domain, version, network, shard, and the encoding up to the signature."""
    where = (1).to_bytes(2, "big") + bytes.fromhex(VECTORS["network"]) + (7).to_bytes(4, "big")
    labels = {
        "EventHeader": "event", "Wish": "wish", "State": "state", "Claim": "claim", "ClaimList": "claim-list",
        "Departure": "departure",
    }  # fmt: skip
    expected = {name: prefix(label) + where + signed_part(name) for name, label in labels.items()}
    ballot, header_hash = encoding_of("Ballot"), bytes.fromhex(VECTORS["hashes"]["hash of Header"])
    expected["Acknowledgement"] = prefix("acknowledgement") + where + ballot
    expected["LeaderSignature"] = prefix("leader") + where + header_hash
    content = msgpack.unpackb(encoding_of("SignedTransaction"))[1]
    expected["SignedTransaction"] = prefix("transaction") + where + content
    expected["Order"] = prefix("authority") + where + encoding_of("Admit")
    expected["Witness"] = prefix("witness") + where + encoding_of("Position")
    assert VECTORS["preimages"] == {name: data.hex() for name, data in expected.items()}


def test_what_is_hashed() -> None:
    """WI-4: SHA-256 over length and label of the domain, and the encoding."""

    def of(label: str, data: bytes) -> str:
        return hashlib.sha256(prefix(label) + data).hexdigest()

    expected = {
        "event id of EventHeader": of("event-id", encoding_of("EventHeader")),
        "payload hash of [920102]": of("event-payload", msgpack.packb([b"\x92\x01\x02"])),
        "hash of Header": of("header", encoding_of("Header")),
        "id of Claim": of("claim-id", msgpack.packb(msgpack.unpackb(encoding_of("Claim"))[1:4])),
        "id of SignedTransaction": of("transaction-id", encoding_of("SignedTransaction")),
        "network of Genesis": of("genesis", encoding_of("Genesis")),
    }
    assert {name: VECTORS["hashes"][name] for name in expected} == expected
