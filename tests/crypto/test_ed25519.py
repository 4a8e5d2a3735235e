"""Ed25519: the RFC's vectors, the forgeries on which libraries differ, and the start-up test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings

from bac.crypto import ed25519
from bac.crypto.ed25519 import Ed25519KeyPair, UnfitLibrary, is_valid_public, mixed_order_point, self_test, verify
from bac.crypto.production import Production, quorum_scheme
from tests.crypto.schemes import seed
from tests.election import curve

ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
SMALL_ORDER = {
    "identity": b"\1" + bytes(31),
    "order 2": (curve.P - 1).to_bytes(32, "little"),
    "order 4": bytes(32),
    "order 8": ORDER_8,
    "identity, not canonical": (curve.P + 1).to_bytes(32, "little"),
    "identity with sign": b"\1" + bytes(30) + b"\x80",
}


@pytest.mark.parametrize(
    ("secret", "public", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            (
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                "d25bf5f0595bbe24655141438e7a100b"
            ),
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            (
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
                "4a7c15e9716ed28dc027beceea1ec40a"
            ),
        ),
    ],
)
def test_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    """WI-22: TEST 1 and TEST 3; the start-up test has TEST 2."""
    pair = Ed25519KeyPair.from_seed(bytes.fromhex(secret))
    assert pair.public.hex() == public
    assert pair.sign(bytes.fromhex(message)).hex() == signature
    assert verify(pair.public, bytes.fromhex(message), bytes.fromhex(signature))


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_another_library_agrees_on_honest_signatures(secret: bytes, message: bytes) -> None:
    """WI-22: OpenSSL signs the same bytes and takes ours."""
    pair, other = Ed25519KeyPair.from_seed(secret), Ed25519PrivateKey.from_private_bytes(secret)
    signature = pair.sign(message)
    assert signature == other.sign(message)
    other.public_key().verify(signature, message)
    assert verify(pair.public, message, signature)
    assert is_valid_public(pair.public)


@settings(max_examples=100)
@given(st.integers(0, 63), st.integers(1, 255))
def test_damaged_signatures(at: int, change: int) -> None:
    """WI-22: every byte counts."""
    pair = Ed25519KeyPair.from_seed(seed("a"))
    signature = bytearray(pair.sign(b"m"))
    signature[at] ^= change
    assert not verify(pair.public, b"m", bytes(signature))


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), b"\xff" * 32])
@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_bytes_from_outside_never_raise(public: bytes, signature: bytes) -> None:
    """WI-22: wrong sizes are False."""
    pair = Ed25519KeyPair.from_seed(seed("a"))
    assert not verify(public, b"m", signature)
    assert not verify(pair.public, b"m", signature)
    assert not is_valid_public(public)


@pytest.mark.parametrize("name", SMALL_ORDER)
def test_keys_of_small_order_sign_nothing(name: str) -> None:
    """WI-22: R = sB, and A = R = identity with s = 0, verify under such keys in other libraries."""
    public = SMALL_ORDER[name]
    assert not is_valid_public(public)
    s = (7).to_bytes(32, "little")
    r = bindings.crypto_scalarmult_ed25519_base_noclamp(s)
    assert not verify(public, b"any", r + s)
    assert not verify(public, b"any", SMALL_ORDER["identity"] + bytes(32))


def test_s_is_not_malleable() -> None:
    """WI-22: s + q is the same scalar and another signature; refused."""
    pair = Ed25519KeyPair.from_seed(seed("a"))
    signature = pair.sign(b"m")
    s = int.from_bytes(signature[32:], "little") + curve.Q
    assert not verify(pair.public, b"m", signature[:32] + s.to_bytes(32, "little"))


def test_r_with_torsion_is_refused() -> None:
    """WI-22: libsodium compares R's bytes, so a verifier that multiplies by the cofactor would differ here."""
    x, prefix = expanded(seed("a"))
    public = Ed25519KeyPair.from_seed(seed("a")).public
    k = int.from_bytes(hashlib.sha512(prefix + b"m").digest(), "little") % curve.Q
    r = bindings.crypto_core_ed25519_add(multiple_of_base(k), ORDER_8)
    c = int.from_bytes(hashlib.sha512(r + public + b"m").digest(), "little") % curve.Q
    assert not verify(public, b"m", r + ((k + c * x) % curve.Q).to_bytes(32, "little"))


def expanded(secret: bytes) -> tuple[int, bytes]:
    digest = bytearray(hashlib.sha512(secret).digest())
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    return int.from_bytes(digest[:32], "little"), bytes(digest[32:])


def multiple_of_base(scalar: int) -> bytes:
    return bindings.crypto_scalarmult_ed25519_base_noclamp((scalar % curve.Q).to_bytes(32, "little"))


def test_a_key_with_torsion_is_never_registered() -> None:
    """WI-22: signatures under it verify for one message in eight, here and not elsewhere; so the key is refused."""
    x, prefix = expanded(seed("a"))
    public = bindings.crypto_core_ed25519_add(multiple_of_base(x), ORDER_8)

    def signed(message: bytes) -> bool:
        k = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % curve.Q
        r = multiple_of_base(k)
        c = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % curve.Q
        return verify(public, message, r + ((k + c * x) % curve.Q).to_bytes(32, "little"))

    verdicts = [signed(bytes((number,))) for number in range(64)]
    assert 0 < sum(verdicts) < 32
    assert not is_valid_public(public)


def test_the_mixed_order_point() -> None:
    """WI-23: 5B + T2, on the curve and outside the subgroup, refused as key and as operand."""
    point = curve.decode(mixed_order_point())
    assert point is not None
    base = curve.times(5, curve.decode(multiple_of_base(1)) or curve.IDENTITY)
    assert point == curve.add(base, (0, curve.P - 1))
    assert not is_valid_public(mixed_order_point())
    self_test()


@pytest.mark.parametrize(
    ("name", "wrong", "line"),
    [
        ("crypto_core_ed25519_is_valid_point", lambda point: point != SMALL_ORDER["identity"], "CVE-2025-69277"),
        ("crypto_core_ed25519_is_valid_point", lambda point: True, "identity"),
        ("crypto_sign_open", lambda signed, public: b"", "identity"),
        ("crypto_sign", lambda message, secret: bytes(64), "RFC 8032"),
        ("crypto_scalarmult_ed25519_noclamp", lambda scalar, point: point, "multiplies"),
    ],
)
def test_an_unfit_library_is_not_used(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[..., object], line: str
) -> None:
    """WI-23: whatever it does otherwise, nothing runs on it; no suite can be made."""
    monkeypatch.setattr(bindings, name, wrong)
    with pytest.raises(UnfitLibrary, match=line):
        self_test.__wrapped__()
    monkeypatch.setattr(ed25519, "self_test", self_test.__wrapped__)
    for make in (lambda: Production("ed25519-list"), lambda: quorum_scheme("ed25519-list")):
        with pytest.raises(UnfitLibrary):
            make()
