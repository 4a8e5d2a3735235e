"""Golden vectors: the state, its root, its proofs and receipts can be implemented from the file and the specification.

The reading side here knows the file, the plain ``msgpack`` package and ``hashlib``.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the package ships no types
import pytest

from bac.ledger.answers import ReceiptAnswer, StateAnswer
from bac.ledger.disclosure import StateProof, disclose
from bac.ledger.light import Checkpoint
from bac.ledger.snapshot import Chunk, check_chunk
from bac.types import Hash
from bac.wire.codec import decode, encode
from tests.ledger.vectors import ABSENT, PATH, document

VECTORS: dict[str, Any] = json.loads(PATH.read_text())
STATE = {bytes.fromhex(key): bytes.fromhex(value) for key, value in VECTORS["state"].items()}
ROOT = bytes.fromhex(VECTORS["root"])
KINDS = {kind.__name__: kind for kind in (StateProof, Chunk, StateAnswer, ReceiptAnswer, Checkpoint)}
FORK, ENTRY, SEALED, STUB = range(4)


def plain(value: Any) -> Any:
    """What MessagePack holds for a value of the file."""
    if isinstance(value, dict):
        if "text" in value:
            return value["text"]
        fields = [plain(each) for name, each in value.items() if name != "type"]
        tag = VECTORS["tags"].get(value["type"])
        return fields if tag is None else [tag, *fields]
    if isinstance(value, list):
        return [plain(each) for each in value]
    return bytes.fromhex(value) if isinstance(value, str) else value


def domain(label: str) -> bytes:
    text = b"bac/" + label.encode()
    return bytes((len(text),)) + text


def path(key: bytes) -> bytes:
    return key[:1] + sha256(key).digest()[:31]


def root_of(nodes: list[Any]) -> bytes:
    """LE-3, LE-5: the root of a pruned trie, from nodes in preorder; they are used up."""
    tag, *fields = nodes.pop(0)
    if tag == STUB:
        digest: bytes = fields[0]
        return digest
    if tag == FORK:
        children = [root_of(nodes) for digit in range(16) if fields[0] >> digit & 1]
        return sha256(domain("state-branch") + fields[0].to_bytes(2, "big") + b"".join(children)).digest()
    where, value = (path(fields[0]), sha256(fields[1]).digest()) if tag == ENTRY else fields
    return sha256(domain("state-leaf") + where + value).digest()


def merkle_root(items: list[bytes]) -> bytes:
    level = [sha256(b"\0" + item).digest() for item in items]
    while len(level) > 1:
        pairs = [level[place : place + 2] for place in range(0, len(level), 2)]
        level = [sha256(b"\1" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return sha256(b"\2" + len(items).to_bytes(8, "big") + level[0]).digest()


def test_nothing_changes_unnoticed() -> None:
    """LE-1: a deliberate change is written with ``python -m tests.ledger.vectors``."""
    assert json.loads(json.dumps(document())) == VECTORS


@pytest.mark.parametrize(
    "vector",
    [*VECTORS["records"], *VECTORS["receipts"], *VECTORS["messages"]],
    ids=lambda vector: vector["value"]["type"],
)
def test_the_plain_package_reads_and_writes_the_same(vector: dict[str, Any]) -> None:
    """LE-1: records, receipts and messages are in the canonical encoding."""
    data = bytes.fromhex(vector["hex"])
    assert msgpack.unpackb(data, strict_map_key=True) == plain(vector["value"])
    assert msgpack.packb(plain(vector["value"]), use_bin_type=True) == data
    if "key" in vector:
        assert STATE[bytes.fromhex(vector["key"])] == data


def test_proofs_by_the_plain_package() -> None:
    """LE-5, LE-7: the whole state in a chunk, and a pruning of it, have the root of the file."""
    by_name = {vector["value"]["type"]: bytes.fromhex(vector["hex"]) for vector in VECTORS["messages"]}
    proof = msgpack.unpackb(by_name["StateProof"])[1]
    chunk = msgpack.unpackb(by_name["Chunk"])[3][1]
    assert {tag for tag, *_ in [*proof, *chunk]} == {FORK, ENTRY, SEALED, STUB}
    assert root_of(list(proof)) == root_of(list(chunk)) == ROOT
    assert bytes.fromhex(VECTORS["root of the empty state"]) == bytes(32)


def test_receipts_by_the_plain_package() -> None:
    """LE-12: RFC 6962's tree over the encoded receipts, with their number in the root."""
    items = [bytes.fromhex(vector["hex"]) for vector in VECTORS["receipts"]]
    assert merkle_root(items).hex() == VECTORS["receipts_root"]


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["value"]["type"])
def test_we_read_them_back(vector: dict[str, Any]) -> None:
    """LE-27."""
    data = bytes.fromhex(vector["hex"])
    message = decode(KINDS[vector["value"]["type"]], data)
    assert encode(message) == data
    if isinstance(message, StateProof):
        assert disclose(message, Hash(ROOT)).get(ABSENT) is None
    if isinstance(message, Chunk):
        assert dict(check_chunk(message, Hash(ROOT))).items() <= STATE.items()
