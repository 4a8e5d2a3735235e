"""BLS with proof of possession on another library (blst), from the draft's text: what arkworks is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from pyblst import (  # type: ignore[import-untyped]  # the package ships no types
    BlstP1Element,
    BlstP2Element,
    final_verify,
    miller_loop,
)

SIGN = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
GENERATOR = BlstP1Element.uncompress(
    bytes.fromhex("97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb")
)
ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def public_of(secret: int) -> bytes:
    return bytes(GENERATOR.scalar_mul(secret).compress())


def sign(secret: int, message: bytes, dst: bytes = SIGN) -> bytes:
    return bytes(BlstP2Element.hash_to_group(message, dst).scalar_mul(secret).compress())


def aggregate(signatures: Sequence[bytes]) -> bytes:
    total = BlstP2Element()
    for signature in signatures:
        total = total + BlstP2Element.uncompress(signature)
    return bytes(total.compress())


def verify(publics: Sequence[bytes], message: bytes, signature: bytes, dst: bytes = SIGN) -> bool:
    """The bare equation; neither infinity nor an empty set is refused here."""
    try:
        total = BlstP1Element()
        for public in publics:
            total = total + BlstP1Element.uncompress(public)
        point = BlstP2Element.uncompress(signature)
    except ValueError:
        return False
    left = miller_loop(total, BlstP2Element.hash_to_group(message, dst))
    return bool(final_verify(left, miller_loop(GENERATOR, point)))
