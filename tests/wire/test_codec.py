"""The codec: what it refuses to write, what domains keep apart, what a signature covers."""

from __future__ import annotations

from itertools import combinations
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.errors import Code, Rejected
from bac.types import Hash, Height
from bac.wire.block import BODY_BYTES_MAX, Body
from bac.wire.codec import (
    U8,
    U64,
    Bytes32,
    Domain,
    IdField,
    Message,
    decode,
    encode,
    hash_of,
    signing_bytes,
)
from bac.wire.registry import MESSAGES
from bac.wire.signed import Signed, preimage, signed_preimage, signer_of, with_signature
from bac.wire.votes import Wish
from tests.wire.samples import SAMPLES, SIGNATURE, some, some_hash, some_id

NETWORK = some_hash("network")


class Small(Message, frozen=True, tag=1):
    CAP: ClassVar[int] = 100

    number: U8
    wide: U64
    name: Bytes32
    others: tuple[IdField, ...]


class Other(Message, frozen=True, tag=2):
    number: U8


SMALL = Small(1, 2**63 - 1, some("name"), ())


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 256}, {"number": -1}, {"number": True}, {"number": 1.0}, {"number": "1"}, {"number": None},
        {"wide": 2**63}, {"wide": 2**64}, {"wide": 2**100}, {"name": b"short"}, {"name": "text"},
        {"others": (b"short",)}, {"others": {}}, {"others": (some_id("a"),) * 2},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_could_not_be_read_back_is_not_written(changes: dict[str, Any]) -> None:
    """WI-3: the encoder checks nothing by itself; `encode` reads back what it writes (the last one is too large)."""
    with pytest.raises(ValueError, match="Small does not fit its declaration"):
        encode(msgspec.structs.replace(SMALL, **changes))


def test_records_cannot_be_changed() -> None:
    """WI-1: values are immutable and hashable, equal when their fields are."""
    with pytest.raises(AttributeError):
        SMALL.number = 2  # type: ignore[misc]  # what the test is about
    assert hash(SMALL) == hash(decode(Small, encode(SMALL)))


def test_a_union_is_told_apart_by_its_tags() -> None:
    """WI-2: one byte tells the types apart, and a foreign one is refused."""
    both = Small | Other
    assert decode(both, encode(Other(3)), 100) == Other(3)
    assert decode(both, encode(SMALL), 100) == SMALL
    with pytest.raises(Rejected):
        decode(Small, encode(Other(3)))


def test_caps() -> None:
    """WI-5: the type's own cap, or a lower one that the caller names."""
    data = encode(SMALL)
    assert decode(Small, data, len(data)) == SMALL
    with pytest.raises(Rejected) as caught:
        decode(Small, data, len(data) - 1)
    assert caught.value.code is Code.OVERSIZED
    largest = Body((b"x" * 2**20,) * 15)
    assert decode(Body, encode(largest)) == largest
    with pytest.raises(ValueError, match="bytes are more than Body may have"):
        encode(Body((b"x" * 2**20,) * (BODY_BYTES_MAX >> 20)))


def test_no_text_no_floats_no_maps_in_any_type() -> None:
    """WI-1: what no field can hold, no message can say; and no field has a default, so that none can be left out."""
    allowed = {"IntType", "BytesType", "NoneType", "VarTupleType", "UnionType", "StructType", "EnumType"}

    def kinds(node: Any) -> set[str]:
        found = {type(node).__name__}
        if isinstance(node, msgspec.inspect.StructType):
            assert all(field.required for field in node.fields), node
            return found.union(*(kinds(field.type) for field in node.fields))
        if isinstance(node, msgspec.inspect.VarTupleType):
            return found | kinds(node.item_type)
        if isinstance(node, msgspec.inspect.UnionType):
            return found.union(*(kinds(each) for each in node.types))
        return found

    assert {name for kind in MESSAGES.values() for name in kinds(msgspec.inspect.type_info(kind))} <= allowed


def test_no_domain_is_the_beginning_of_another() -> None:
    """WI-4: length before label, so that no data can move a value from one domain into another."""
    prefixes = [domain.prefix for domain in Domain]
    assert all(not a.startswith(b) and not b.startswith(a) for a, b in combinations(prefixes, 2))
    assert len({hash_of(domain, b"same") for domain in Domain}) == len(Domain)


@settings(max_examples=100)
@given(st.binary(max_size=50), st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32))
def test_a_signature_covers_domain_network_shard_and_content(content: bytes, shard: int, network: bytes) -> None:
    """WI-7: whatever differs, what is signed differs; version and lengths are fixed in between."""
    own = signing_bytes(Domain.WISH, Hash(network), shard, content)
    assert own == Domain.WISH.prefix + b"\0\1" + network + shard.to_bytes(4, "big") + content
    others = [
        signing_bytes(Domain.STATE, Hash(network), shard, content),
        signing_bytes(Domain.WISH, Hash(some("elsewhere")), shard, content),
        signing_bytes(Domain.WISH, Hash(network), shard ^ 1, content),
        signing_bytes(Domain.WISH, Hash(network), shard, content + b"\0"),
    ]
    assert own not in others


@pytest.mark.parametrize(("network", "shard"), [(b"short", 0), (bytes(32), -1), (bytes(32), 2**32)])
def test_a_place_that_does_not_exist_is_refused(network: bytes, shard: int) -> None:
    """WI-7: fixed lengths are what makes the preimage unambiguous."""
    with pytest.raises(ValueError, match="network must be 32 bytes"):
        signing_bytes(Domain.WISH, Hash(network), shard, b"")


def test_the_signature_is_the_last_field_of_every_signed_type() -> None:
    """WI-8: so the encoding up to it is what was signed; each type has a domain of its own and names its signer."""
    kinds = [kind for kind in MESSAGES.values() if issubclass(kind, Signed)]
    assert len(kinds) == 6
    assert len({kind.DOMAIN for kind in kinds}) == len(kinds)
    for kind in kinds:
        last = msgspec.inspect.type_info(kind).fields[-1]  # type: ignore[attr-defined]  # a StructType, as all are
        assert (last.name, last.type.min_length, last.type.max_length) == ("signature", 64, 64)
        assert kind.SIGNER in kind.__struct_fields__


@pytest.mark.parametrize(
    "sample", [each for each in SAMPLES if isinstance(each, Signed)], ids=lambda m: type(m).__name__
)
def test_what_is_signed_does_not_depend_on_the_signature(sample: Signed) -> None:
    """WI-8: a message is built with any signature, signed, and given its own."""
    message = preimage(sample, NETWORK, 7)
    other = with_signature(sample, bytes(64))
    assert preimage(other, NETWORK, 7) == message
    assert signed_preimage(type(sample), encode(sample), NETWORK, 7) == message
    assert with_signature(other, SIGNATURE) == sample
    assert signer_of(sample) in (some_id("voter"), some_id("leader"))
    with pytest.raises(ValueError, match="64 bytes"):
        with_signature(sample, b"")


def test_every_field_is_signed() -> None:
    """WI-8: a change of any field but the signature changes what is signed."""
    wish = Wish(3, 1, Height(128), some_id("voter"), SIGNATURE)
    for changes in ({"epoch": 4}, {"view": 2}, {"confirmed": 0}, {"identity": some_id("other")}):
        assert preimage(msgspec.structs.replace(wish, **changes), NETWORK, 7) != preimage(wish, NETWORK, 7)
