"""BLS against a second library, and every trap of the bare equation."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

from bac.crypto import bls
from bac.crypto.bls import Bls, key_gen
from bac.crypto.ed25519 import UnfitLibrary
from bac.wire.votes import VOTERS_MAX
from tests.crypto import blst
from tests.crypto.schemes import seed

SCHEME = Bls()
INFINITY_1 = b"\xc0" + bytes(47)
INFINITY_2 = b"\xc0" + bytes(95)


def compare(seeds: list[bytes], message: bytes) -> None:
    """Every function, byte by byte or verdict by verdict."""
    secrets = [int(key_gen(each)) for each in seeds]
    publics = [SCHEME.public_of(each) for each in seeds]
    shares = [SCHEME.sign(each, message) for each in seeds]
    assert publics == [blst.public_of(secret) for secret in secrets]
    assert shares == [blst.sign(secret, message) for secret in secrets]
    aggregate = SCHEME.aggregate(shares)
    assert aggregate == blst.aggregate(shares)
    possession = SCHEME.pop_prove(seeds[0])
    assert possession == blst.sign(secrets[0], publics[0], blst.POSSESSION)
    assert SCHEME.pop_verify(publics[0], possession)
    assert blst.verify(publics[:1], publics[0], possession, blst.POSSESSION)
    for keys, value in ((publics, aggregate), (publics[:1], shares[0]), (publics, shares[0]), (publics[1:], aggregate)):
        if keys:
            assert SCHEME.fast_aggregate_verify(keys, message, value) == blst.verify(keys, message, value)


@settings(max_examples=15)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5, unique=True), st.binary(max_size=200))
def test_two_libraries_agree(seeds: list[bytes], message: bytes) -> None:
    """WI-25: keys, signatures, sums, proofs of possession are the same bytes, and so are the verdicts."""
    compare(seeds, message)


@pytest.mark.long
def test_two_libraries_agree_at_length() -> None:
    """WI-25: 200 drawn sets of up to 30 signers."""
    draw = random.Random(20)
    for _ in range(200):
        seeds = [draw.randbytes(32) for _ in range(draw.randint(1, 30))]
        compare(seeds, draw.randbytes(draw.randint(0, 300)))


@settings(max_examples=40)
@given(st.integers(0, 95), st.integers(1, 255))
def test_two_libraries_agree_on_damaged_signatures(at: int, change: int) -> None:
    """WI-26: any changed byte is refused by both."""
    public, signature = SCHEME.public_of(seed("a")), bytearray(SCHEME.sign(seed("a"), b"m"))
    signature[at] ^= change
    assert not SCHEME.verify(public, b"m", bytes(signature))
    assert not blst.verify([public], b"m", bytes(signature))


@pytest.mark.parametrize(
    ("material", "secret"),
    [
        (
            (
                "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141"
                "630c7a3c4ab7c81b2f001698e7463b04"
            ),
            6083874454709270928345386274498605044986640685124978867557563392430687146096,
        ),
        (
            "3141592653589793238462643383279502884197169399375105820974944592",
            29757020647961307431480504535336562678282505419141012933316116377660817309383,
        ),
    ],
)
def test_key_generation(material: str, secret: int) -> None:
    """WI-25: the draft's KeyGen, by the published vectors of EIP-2333's master keys."""
    assert int(key_gen(bytes.fromhex(material))) == secret


def test_infinity_is_neither_key_nor_signature() -> None:
    """WI-26: the bare equation holds for infinity on both sides, whatever the message."""
    assert blst.verify([INFINITY_1], b"any", INFINITY_2)
    assert not SCHEME.verify(INFINITY_1, b"any", INFINITY_2)
    assert not SCHEME.fast_aggregate_verify([INFINITY_1], b"any", INFINITY_2)
    assert not SCHEME.pop_verify(INFINITY_1, INFINITY_2)
    with pytest.raises(ValueError, match="encoding of a signature"):
        SCHEME.aggregate([INFINITY_2])


def test_second_encodings() -> None:
    """WI-26: the library decodes 0xff… and others to infinity; what does not encode to the same bytes is refused."""
    assert G1Point.from_compressed_bytes(b"\xff" * 48).to_compressed_bytes() == INFINITY_1
    assert G2Point.from_compressed_bytes(b"\xff" * 96).to_compressed_bytes() == INFINITY_2
    for key in (b"\xff" * 48, b"\xe0" + bytes(47), b"\xc0" + bytes(46) + b"\1"):
        assert not SCHEME.fast_aggregate_verify([key], b"m", SCHEME.sign(seed("a"), b"m"))
        # Not as part of a sum either, where infinity would change nothing.
        pair = [SCHEME.public_of(seed("a")), key]
        assert not SCHEME.fast_aggregate_verify(pair, b"m", SCHEME.sign(seed("a"), b"m"))
    for signature in (b"\xff" * 96, b"\xe0" + bytes(95)):
        with pytest.raises(ValueError, match="encoding of a signature"):
            SCHEME.aggregate([SCHEME.sign(seed("a"), b"m"), signature])


def test_keys_that_cancel_out() -> None:
    """WI-26: a set of keys whose sum is infinity would verify with the signature infinity."""
    public = SCHEME.public_of(seed("a"))
    negative = (-G1Point.from_compressed_bytes(public)).to_compressed_bytes()
    assert blst.verify([public, negative], b"any", INFINITY_2)
    assert not SCHEME.fast_aggregate_verify([public, negative], b"any", INFINITY_2)
    share = SCHEME.sign(seed("a"), b"m")
    opposite = (-G2Point.from_compressed_bytes(share)).to_compressed_bytes()
    with pytest.raises(ValueError, match="cancel out"):
        SCHEME.aggregate([share, opposite])


def test_points_outside_the_subgroup() -> None:
    """WI-26: a point of the curve that has another order is no key and no signature."""
    outside_1, outside_2 = outside(G1Point, 48), outside(G2Point, 96)
    share = SCHEME.sign(seed("a"), b"m")
    assert not SCHEME.fast_aggregate_verify([SCHEME.public_of(seed("a")), outside_1], b"m", share)
    assert not SCHEME.pop_verify(outside_1, share)
    assert not SCHEME.verify(SCHEME.public_of(seed("a")), b"m", outside_2)
    with pytest.raises(ValueError, match="encoding of a signature"):
        SCHEME.aggregate([share, outside_2])


def outside(kind: type[G1Point] | type[G2Point], size: int) -> bytes:
    """The first point of the curve that is not in the subgroup, by its x."""
    for x in range(1, 100):
        try:
            point = kind.from_compressed_bytes_unchecked(b"\x80" + x.to_bytes(size - 1, "big"))
        except ValueError:
            continue
        if not point.is_in_subgroup():
            return point.to_compressed_bytes()
    raise AssertionError("no such point")


def test_a_rogue_key_has_no_proof_of_possession() -> None:
    """WI-25: made from the victim's key, it signs for both in the bare equation; nobody can register it."""
    victim = SCHEME.public_of(seed("victim"))
    own = key_gen(seed("rogue"))
    rogue = (G1Point() * own - G1Point.from_compressed_bytes(victim)).to_compressed_bytes()
    forged = (G2Point.hash_to_curve(b"pay", bls.SIGN_DST) * own).to_compressed_bytes()
    assert SCHEME.fast_aggregate_verify([victim, rogue], b"pay", forged)
    tries = [SCHEME.pop_prove(seed("rogue")), SCHEME.pop_prove(seed("victim")), forged]
    assert not any(SCHEME.pop_verify(rogue, each) for each in tries)


def test_a_library_that_judges_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """WI-23: a known signature, and infinity, at start-up."""
    bls.self_test()
    for name, wrong in (
        ("_key_point", lambda public: G1Point.from_compressed_bytes(public)),
        ("key_gen", lambda material: Scalar(5)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(bls, name, wrong)
            patch.setattr(bls, "_signature_point", G2Point.from_compressed_bytes)
            with pytest.raises(UnfitLibrary, match="BLS library"):
                bls.self_test.__wrapped__()


def test_the_keys_of_two_electorates_are_remembered() -> None:
    """WI-24: a certificate of the largest shard does not decode thousands of points again."""
    assert bls.KEYS_REMEMBERED >= 2 * VOTERS_MAX
    public = SCHEME.public_of(seed("remembered"))
    bls._key_point(public)
    hits = bls._key_point.cache_info().hits
    assert SCHEME.verify(public, b"m", SCHEME.sign(seed("remembered"), b"m"))
    assert bls._key_point.cache_info().hits == hits + 1
    assert bls._key_point.cache_info().maxsize == bls.KEYS_REMEMBERED
