"""The VRF against RFC 9381's vectors, against a naive twin, and against every forgery that the RFC leaves room for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings as sodium

from election import vrf
from tests.election import curve

VECTORS = [
    {name: bytes.fromhex(field) for name, field in vector.items() if isinstance(field, str)}
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "rfc9381_vectors.json").read_text())
    if vector["suite"] == 3
]
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=["example 16", "example 17", "example 18"])
SECRET = bytes(range(32))
PUBLIC = vrf.public_key(SECRET)
TORSION = curve.torsion()


def flips(text: bytes) -> list[bytes]:
    whole = int.from_bytes(text, "big")
    return [(whole ^ 1 << bit).to_bytes(len(text), "big") for bit in range(8 * len(text))]


def rejected(public: bytes, alpha: bytes, proof: bytes) -> bool:
    try:
        vrf.verify(public, alpha, proof)
    except vrf.InvalidProof:
        return True
    return False


def forged(s: int, *, c: int = 1, gamma: bytes = bytes(PUBLIC)) -> bytes:
    return gamma + c.to_bytes(16, "little") + s.to_bytes(32, "little")


def test_all_three_vectors_of_the_suite_are_there() -> None:
    assert len(VECTORS) == 3


@each_vector
def test_reproduces_the_vector(vector: dict[str, bytes]) -> None:
    """EL-1: key, H, proof and output of RFC 9381, appendix B.3, byte for byte."""
    assert vrf.public_key(vector["sk"]) == vector["pk"]
    assert vrf.encode_to_curve(vector["pk"], vector["alpha"]) == vector["h"]
    assert vrf.prove(vector["sk"], vector["alpha"]) == vector["pi"]
    assert vrf.verify(vector["pk"], vector["alpha"], vector["pi"]) == vector["beta"]
    assert vrf.verify(vrf.PublicKey(vector["pk"]), vector["alpha"], vector["pi"]) == vector["beta"]


@each_vector
def test_every_single_bit_flip_is_rejected(vector: dict[str, bytes]) -> None:
    """EL-2: 640 flips of the proof, 256 of the key, every one of the input, and inputs longer or shorter."""
    key, alpha, proof = vector["pk"], vector["alpha"], vector["pi"]
    accepted = [flipped for flipped in flips(proof) if not rejected(key, alpha, flipped)]
    accepted += [flipped for flipped in flips(key) if not rejected(flipped, alpha, proof)]
    others = [*flips(alpha), alpha + b"\x00", b"\x00" + alpha, *([alpha[:-1]] if alpha else [])]
    accepted += [other for other in others if not rejected(key, other, proof)]
    assert accepted == []


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80))
@settings(max_examples=15)
def test_equals_the_naive_twin(secret: bytes, alpha: bytes) -> None:
    """EL-1: the same proof as plain integer arithmetic gives, and the same output."""
    proof = vrf.prove(secret, alpha)
    public = vrf.public_key(secret)
    assert proof == curve.prove(secret, alpha)
    assert vrf.verify(public, alpha, proof) == curve.verify(public, alpha, proof)


@given(st.binary(min_size=80, max_size=80), st.binary(min_size=32, max_size=32))
@settings(max_examples=100)
def test_noise_is_rejected_and_nothing_else_is_raised(proof: bytes, public: bytes) -> None:
    """EL-3: whatever a peer sends, the answer is an output or InvalidProof."""
    assert rejected(PUBLIC, b"", proof)
    assert rejected(public, b"", proof)


@pytest.mark.parametrize("length", [0, 31, 33, 79, 81])
def test_lengths(length: int) -> None:
    """EL-3: keys of 32 bytes, proofs of 80, secrets of 32."""
    assert rejected(PUBLIC, b"", bytes(length))
    assert rejected(bytes(length), b"", vrf.prove(SECRET, b""))
    with pytest.raises(ValueError, match="32 bytes"):
        vrf.prove(bytes(length), b"")
    with pytest.raises(ValueError, match="32 bytes"):
        vrf.PublicKey(bytes(length))


def test_unreduced_and_zero_scalars_are_rejected() -> None:
    """EL-4: s + q and s with a high bit would be second proofs; zero c or s is invalid by rule."""
    proof = vrf.prove(SECRET, b"input")
    s = int.from_bytes(proof[48:], "little")
    for other in (s + curve.Q, s | 1 << 255, s | 1 << 254, 0, curve.Q):
        assert rejected(PUBLIC, b"input", proof[:48] + other.to_bytes(32, "little"))
    assert rejected(PUBLIC, b"input", proof[:32] + bytes(16) + proof[48:])


@pytest.mark.parametrize("order", [2, 4, 8])
def test_gamma_of_mixed_order_is_rejected(order: int) -> None:
    """EL-5: a proof that the RFC's letter accepts, Gamma + T with c·T = 0, is rejected here."""
    shift = TORSION[8 // order]
    proofs = (curve.prove(SECRET, b"input", nonce=nonce, shift=shift) for nonce in range(1, 200))
    proof = next(proof for proof in proofs if proof[32] % order == 0)
    honest = vrf.verify(PUBLIC, b"input", vrf.prove(SECRET, b"input"))
    assert curve.verify(PUBLIC, b"input", proof) == honest
    assert rejected(PUBLIC, b"input", proof)


def test_a_proof_is_not_unique_but_its_output_is() -> None:
    """EL-6: the owner can make many proofs of one output, so a proof is never an identifier."""
    proofs = {curve.prove(SECRET, b"input", nonce=nonce) for nonce in range(1, 6)}
    assert len(proofs) == 5
    assert len({vrf.verify(PUBLIC, b"input", proof) for proof in proofs}) == 1


def test_the_key_of_x_zero_proves_nothing() -> None:
    """EL-7: with the identity as key everybody could prove one constant output; the RFC's letter lets it pass."""
    identity = curve.encode(curve.IDENTITY)
    proof = curve.prove_with(0, curve.IDENTITY, curve.hash_to_curve(identity, b"input"), 7)
    assert curve.verify(identity, b"input", proof) is not None
    assert rejected(identity, b"input", proof)


def test_keys_outside_the_group_are_no_keys() -> None:
    """EL-7: small order, mixed order, not canonical, not on the curve."""
    small = [curve.encode(point) for point in TORSION]
    mixed = [curve.encode(curve.add(point, curve.times(5, curve.BASE))) for point in TORSION[1:]]
    not_canonical = [y.to_bytes(32, "little") for k in range(19) for y in (curve.P + k, curve.P + k | 1 << 255)]
    signed_zero = [(y | 1 << 255).to_bytes(32, "little") for y in (1, curve.P - 1)]
    off_curve = [y.to_bytes(32, "little") for y in range(2, 60) if curve.decode(y.to_bytes(32, "little")) is None]
    assert len(off_curve) > 10
    for encoded in [*small, *mixed, *not_canonical, *signed_zero, *off_curve]:
        with pytest.raises(ValueError, match="canonical point"):
            vrf.PublicKey(encoded)
        assert rejected(encoded, b"", forged(5))


def test_gamma_outside_the_group_is_rejected_whatever_the_scalars() -> None:
    """EL-5."""
    for point in TORSION:
        assert rejected(PUBLIC, b"", forged(5, gamma=curve.encode(point)))
        assert rejected(PUBLIC, b"", forged(5, gamma=curve.encode(curve.add(curve.BASE, point))))


def test_a_public_key_is_checked_bytes() -> None:
    """EL-7: what PublicKey has let through equals its encoding and serves wherever bytes do."""
    assert isinstance(PUBLIC, bytes)
    assert bytes(PUBLIC) == curve.encode(curve.times(curve.scalars(SECRET)[0], curve.BASE))
    assert {PUBLIC: 1}[vrf.PublicKey(bytes(PUBLIC))] == 1


def test_try_and_increment_decodes_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """EL-8: encodings that libsodium's addition takes but RFC 8032 refuses are passed over, as are small orders."""
    lax = [y.to_bytes(32, "little") for k in range(19) for y in (curve.P + k, curve.P + k | 1 << 255)]
    lax += [(y | 1 << 255).to_bytes(32, "little") for y in (1, curve.P - 1)]
    assert any(_is_addable(encoded) for encoded in lax)
    small = [curve.encode(point) for point in TORSION]
    good = curve.encode(curve.add(curve.BASE, TORSION[1]))
    served = iter([*lax, *small, good])
    monkeypatch.setattr(vrf, "_sha512", lambda *_: next(served) + bytes(32))
    assert vrf.encode_to_curve(PUBLIC, b"") == curve.encode(curve.times(8, curve.BASE))


def _is_addable(encoded: bytes) -> bool:
    try:
        sodium.crypto_core_ed25519_add(encoded, encoded)
    except RuntimeError:
        return False
    return True


def test_the_self_test_passes_here() -> None:
    """EL-9."""
    vrf.self_test()


def test_the_self_test_finds_the_old_library_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """EL-9: libsodium before the fix of CVE-2025-69277 takes 5B + T2 for a point of prime order."""
    mixed = curve.encode(curve.add(curve.times(5, curve.BASE), TORSION[4]))
    right = sodium.crypto_core_ed25519_is_valid_point
    with monkeypatch.context() as old:
        old.setattr(sodium, "crypto_core_ed25519_is_valid_point", lambda p: p == mixed or right(p))
        with pytest.raises(vrf.UnfitLibrary, match="valid point"):
            vrf.self_test()
    multiply = vrf._multiply
    with monkeypatch.context() as old:
        old.setattr(vrf, "_multiply", lambda n, p: p if p == mixed else multiply(n, p))
        with pytest.raises(vrf.UnfitLibrary, match="multiplies"):
            vrf.self_test()


def test_the_self_test_finds_a_wrong_answer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """EL-9."""
    monkeypatch.setattr(vrf, "_KNOWN_SECRET", SECRET)
    with pytest.raises(vrf.UnfitLibrary, match="example 16"):
        vrf.self_test()
