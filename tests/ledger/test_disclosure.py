"""Proofs of inclusion and absence, and snapshots in chunks: what they show, and that nothing else can be shown."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.errors import Code, Rejected
from bac.ledger.disclosure import VALUE_BYTES_MAX, Entry, Fork, Pruned, Sealed, StateProof, Stub, disclose, prove
from bac.ledger.records import Account, AnnouncedKey, Answer, Keys, Member, Standing, pack
from bac.ledger.snapshot import Chunk, Restoration, check_chunk, cut_chunk
from bac.ledger.trie import FIRST_PATH, Trie, path_of
from bac.params import DEFAULT
from bac.wire.codec import decode, encode
from bac.wire.transactions import Kind
from tests.ledger.test_trie import KEYS, drawn
from tests.ledger.world import FOREVER, hash_number

CONTENT = drawn(7, 400)
TRIE = Trie().updated(dict(CONTENT))
ABSENT = [b"\x01absent", b"\x02absent", b"\x7fno such table"]


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(KEYS), st.binary(max_size=4)),
    st.lists(st.sampled_from(KEYS), unique=True, max_size=6),
)
def test_a_proof_shows_inclusion_and_absence_of_all_its_keys(content: dict[bytes, bytes], keys: list[bytes]) -> None:
    """LE-5."""
    trie = Trie().updated(dict(content))
    proof = decode(StateProof, encode(prove(trie, keys)))
    disclosed = disclose(proof, trie.root)
    assert {key: disclosed.get(key) for key in keys} == {key: content.get(key) for key in keys}


def test_a_key_that_was_not_asked_for_is_not_shown() -> None:
    """LE-5: neither its value nor its absence."""
    key, other = sorted(CONTENT)[:2]
    disclosed = disclose(prove(TRIE, [key]), TRIE.root)
    for hidden in (other, *ABSENT[:2]):
        with pytest.raises(Rejected, match="does not show"):
            disclosed.get(hidden)
    assert disclosed.get(ABSENT[2]) is None  # the top branch is in every proof: there is no such table


def test_a_sealed_entry_is_not_absent() -> None:
    """LE-5."""
    trie = Trie().updated({b"\x01a": b"x"})
    disclosed = disclose(prove(trie, [b"\x01b"]), trie.root)
    assert disclosed.get(b"\x01b") is None
    with pytest.raises(Rejected, match="does not show"):
        disclosed.get(b"\x01a")


def altered(node: Pruned) -> list[Pruned]:
    match node:
        case Fork(bitmap):
            return [Fork(bitmap ^ 1 << bit) for bit in range(16)]
        case Entry(key, value):
            return [
                Entry(key, value + b"!"),
                Entry(key + b"!", value),
                Sealed(path_of(key), bytes(32)),
                Stub(bytes(32)),
            ]
        case Sealed(path, value_hash):
            return [Sealed(bytes(32), value_hash), Sealed(path, bytes(32)), Stub(path)]
        case Stub(digest):
            return [Stub(bytes(32)), Sealed(digest, digest)]


@pytest.mark.parametrize("key", [sorted(CONTENT)[3], *ABSENT])
def test_no_change_of_a_proof_passes(key: bytes) -> None:
    """LE-6."""
    nodes = prove(TRIE, [key]).nodes
    forgeries = [
        StateProof((*nodes[:place], other, *nodes[place + 1 :]))
        for place, node in enumerate(nodes)
        for other in altered(node)
    ]
    forgeries += [StateProof(nodes[:-1]), StateProof((*nodes, nodes[-1])), StateProof(()), StateProof(nodes[1:])]
    for forgery in forgeries:
        with pytest.raises(Rejected) as caught:
            disclose(forgery, TRIE.root)
        assert caught.value.code is Code.BAD_PROOF


def test_a_proof_deeper_than_paths_is_refused() -> None:
    """LE-6."""
    with pytest.raises(Rejected, match="no branch"):
        disclose(StateProof((*(Fork(1) for _ in range(65)), Stub(bytes(32)))))
    with pytest.raises(Rejected, match="no branch"):
        disclose(StateProof((Fork(0),)))


def test_the_empty_state_proves_every_absence() -> None:
    """LE-5."""
    assert disclose(prove(Trie(), [b"\x01a"]), Trie().root).get(b"\x01a") is None
    with pytest.raises(Rejected):
        disclose(prove(Trie(), [b"\x01a"]), TRIE.root)


@pytest.mark.parametrize("size", [1, 200, 2**16])
def test_chunks_rebuild_the_state(size: int) -> None:
    """LE-7: within the bound, each checked on its own, over the wire."""
    restoration = Restoration(TRIE.root)
    seen: list[tuple[bytes, bytes]] = []
    while restoration.wanted is not None:
        with pytest.raises(ValueError, match="missing"):
            restoration.trie()
        chunk = decode(Chunk, encode(cut_chunk(TRIE, restoration.wanted, size)))
        entries = check_chunk(chunk, TRIE.root)
        assert len(entries) == 1 or sum(len(key) + len(value) for key, value in entries) <= size
        seen += entries
        restoration.add(chunk)
        wanted = restoration.wanted
        restoration.add(chunk)
        assert restoration.wanted == wanted, "the slower of two answers changes nothing"
    assert dict(seen) == CONTENT
    assert len(seen) == len(CONTENT)
    rebuilt = restoration.trie()
    assert rebuilt.root == TRIE.root
    assert dict(rebuilt.items(1)) == dict(TRIE.items(1))


def test_the_empty_state_is_one_chunk() -> None:
    """LE-7."""
    restoration = Restoration(Trie().root)
    restoration.add(cut_chunk(Trie()))
    assert restoration.wanted is None
    assert restoration.trie().root == Trie().root


def test_a_chunk_that_hides_an_entry_is_refused() -> None:
    """LE-7: by a stub over it, by claiming a wider range, by an empty range."""
    chunk = cut_chunk(TRIE, size=600)
    wider = Chunk(chunk.start, b"", chunk.proof)
    whole = Chunk(chunk.start, b"", StateProof((Stub(TRIE.root),)))
    backwards = Chunk(chunk.end, chunk.start, chunk.proof)
    for bad in (wider, whole, backwards):
        with pytest.raises(Rejected) as caught:
            check_chunk(bad, TRIE.root)
        assert caught.value.code is Code.BAD_PROOF


def test_a_chunk_that_seals_an_entry_of_its_range_is_refused() -> None:
    """LE-7."""
    trie = Trie().updated({b"\x01a": b"x"})
    sealed = prove(trie, [b"\x01b"])
    with pytest.raises(Rejected, match="whole range"):
        check_chunk(Chunk(FIRST_PATH, b"", sealed), trie.root)


@pytest.mark.parametrize("length", [1, 31, 32])
def test_a_chunk_ends_at_an_entry(length: int) -> None:
    """LE-7: after a range that ends nowhere the next chunk could be made impossible, or their number endless."""
    whole = cut_chunk(TRIE).proof
    last = max(map(path_of, CONTENT))
    between = (int.from_bytes(last, "big") - 1).to_bytes(32, "big")[:length]
    restoration = Restoration(TRIE.root)
    with pytest.raises(Rejected, match="no entry stands where"):
        restoration.add(Chunk(FIRST_PATH, between, whole))
    assert restoration.wanted == FIRST_PATH
    restoration.add(Chunk(FIRST_PATH, last, whole))
    assert restoration.wanted == last, "an entry that the proof shows is as good as a sealed one"


def test_a_chunk_out_of_turn_changes_nothing() -> None:
    """LE-7."""
    first = cut_chunk(TRIE, size=600)
    second = cut_chunk(TRIE, first.end, size=600)
    restoration = Restoration(TRIE.root)
    for bad in (second, Chunk(first.start, second.end, first.proof), cut_chunk(Trie())):
        with pytest.raises(Rejected):
            restoration.add(bad)
    assert restoration.wanted == FIRST_PATH
    restoration.add(first)
    assert restoration.wanted == first.end


def test_a_chunk_starts_at_a_path() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        cut_chunk(TRIE, b"\x01")


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 2000))
def test_chunks_of_any_state_and_size(seed: int, size: int) -> None:
    """LE-7."""
    content = drawn(seed, random.Random(seed).randrange(60))
    trie = Trie().updated(dict(content))
    restoration = Restoration(trie.root)
    while restoration.wanted is not None:
        restoration.add(cut_chunk(trie, restoration.wanted, size))
    assert restoration.trie().root == trie.root


def test_records_fit_the_bound_of_a_value() -> None:
    """LE-7: the largest account and the largest member that the parameters allow."""
    longest = max(Code, key=len)
    account = Account(2**63 - 1, 2**63 - 1, tuple(Answer(hash_number(1), longest) for _ in range(64)))
    keys = Keys(2**40, bytes(32), bytes(32), FOREVER, hash_number(1))
    announced = tuple(AnnouncedKey(2**40, 2**40, bytes(48)) for _ in range(66))
    member = Member(Kind.VEHICLE, 2**40, Standing.PRESENT, 2**40, (keys,) * 66, announced)
    assert max(len(pack(account)), len(pack(member))) < VALUE_BYTES_MAX
    for name in ("answers_kept", "acknowledgement_keys_ahead", "vrf_key_lead"):
        assert getattr(replace(DEFAULT, **{name: 64}), name) == 64
        with pytest.raises(ValueError, match=name):
            replace(DEFAULT, **{name: 65})


@settings(max_examples=150)
@given(st.integers(0, 3000), st.integers(0, 255), st.integers(0, 3000))
def test_no_bent_chunk_passes(place: int, byte: int, end: int) -> None:
    """LE-6, LE-7: whatever the bytes, the entries are those of the range that it names, or it is rejected."""
    good = encode(cut_chunk(TRIE, size=1500))
    bent = bytearray(good)
    bent[place % len(good)] = byte
    for received in (bytes(bent), good[:end]):
        try:
            chunk = decode(Chunk, received)
            entries = check_chunk(chunk, TRIE.root)
        except Rejected:
            continue
        inside = {
            key: value
            for key, value in CONTENT.items()
            if chunk.start <= path_of(key) and (not chunk.end or path_of(key) < chunk.end)
        }
        assert dict(entries) == inside
