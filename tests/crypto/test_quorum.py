"""WI-24: the six functions, the same for every scheme, real or stand-in."""

from __future__ import annotations

import pytest

from bac.crypto.suite import QuorumScheme
from tests.crypto.schemes import SCHEMES, seed

MESSAGE = b"acknowledged"
SEEDS = [seed(number) for number in range(5)]


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> QuorumScheme:
    return SCHEMES[request.param]


def test_one_signature(scheme: QuorumScheme) -> None:
    """WI-24: good for its key and message alone, and the same every time."""
    public, signature = scheme.public_of(SEEDS[0]), scheme.sign(SEEDS[0], MESSAGE)
    assert (len(public), len(signature)) == (scheme.public_size, scheme.signature_size)
    assert scheme.sign(SEEDS[0], MESSAGE) == signature
    assert scheme.verify(public, MESSAGE, signature)
    assert not scheme.verify(public, MESSAGE + b"\0", signature)
    assert not scheme.verify(scheme.public_of(SEEDS[1]), MESSAGE, signature)


def test_bytes_from_outside_never_raise(scheme: QuorumScheme) -> None:
    """WI-24: wrong sizes, zeros, ones, flipped bits: False."""
    public, signature = scheme.public_of(SEEDS[0]), scheme.sign(SEEDS[0], MESSAGE)
    bad = [b"", b"\0", signature[:-1], signature + b"\0", bytes(len(signature)), b"\xff" * len(signature)]
    bad += [signature[:at] + bytes((signature[at] ^ 1,)) + signature[at + 1 :] for at in (0, 1, 40, len(signature) - 1)]
    for each in bad:
        assert not scheme.verify(public, MESSAGE, each)
        assert not scheme.fast_aggregate_verify([public], MESSAGE, each)
        assert not scheme.pop_verify(public, each)
    for each in (b"", public[:-1], public + b"\0", bytes(len(public)), b"\xff" * len(public)):
        assert not scheme.verify(each, MESSAGE, signature)
        assert not scheme.fast_aggregate_verify([each], MESSAGE, signature)
        assert not scheme.pop_verify(each, scheme.pop_prove(SEEDS[0]))


def test_an_aggregate_is_of_exactly_its_signers(scheme: QuorumScheme) -> None:
    """WI-24: all of them, nobody else, each once, on one message."""
    publics = [scheme.public_of(each) for each in SEEDS]
    shares = [scheme.sign(each, MESSAGE) for each in SEEDS]
    aggregate = scheme.aggregate(shares)
    assert len(aggregate) == scheme.aggregate_size(len(SEEDS))
    assert scheme.fast_aggregate_verify(publics, MESSAGE, aggregate)
    assert not scheme.fast_aggregate_verify(publics, MESSAGE + b"x", aggregate)
    assert not scheme.fast_aggregate_verify(publics[:-1], MESSAGE, aggregate)
    assert not scheme.fast_aggregate_verify([*publics, publics[0]], MESSAGE, aggregate)
    assert not scheme.fast_aggregate_verify([*publics[:-1], scheme.public_of(seed("other"))], MESSAGE, aggregate)
    other = scheme.aggregate([*shares[:-1], scheme.sign(SEEDS[-1], MESSAGE + b"x")])
    assert not scheme.fast_aggregate_verify(publics, MESSAGE, other)
    assert scheme.fast_aggregate_verify(publics[:1], MESSAGE, scheme.aggregate(shares[:1]))


def test_no_signers(scheme: QuorumScheme) -> None:
    """WI-26: an empty set has no aggregate, and none is verified for it."""
    with pytest.raises(ValueError, match="aggregate"):
        scheme.aggregate([])
    assert not scheme.fast_aggregate_verify([], MESSAGE, scheme.sign(SEEDS[0], MESSAGE))
    assert not scheme.fast_aggregate_verify([], MESSAGE, b"")
    assert not scheme.fast_aggregate_verify([], MESSAGE, bytes(scheme.signature_size))


def test_what_is_no_share_is_not_added(scheme: QuorumScheme) -> None:
    """WI-24: a share of another size is refused by the aggregator."""
    with pytest.raises(ValueError, match="signature"):
        scheme.aggregate([scheme.sign(SEEDS[0], MESSAGE), b"short"])


def test_possession(scheme: QuorumScheme) -> None:
    """WI-25: of this key, by this owner; a signature on the key as a message is none."""
    public, proof = scheme.public_of(SEEDS[0]), scheme.pop_prove(SEEDS[0])
    assert scheme.pop_verify(public, proof)
    assert not scheme.pop_verify(scheme.public_of(SEEDS[1]), proof)
    assert not scheme.pop_verify(public, scheme.sign(SEEDS[0], public))
    assert not scheme.verify(public, public, proof)


def test_a_secret_is_32_bytes(scheme: QuorumScheme) -> None:
    """WI-27: anything else is the caller's mistake."""
    for use in (scheme.public_of, scheme.pop_prove, lambda secret: scheme.sign(secret, MESSAGE)):
        with pytest.raises(ValueError, match="a seed has 32 bytes"):
            use(b"short")


@pytest.mark.parametrize(("real", "standin"), [("list", "stand-in list"), ("bls", "stand-in bls")])
def test_the_stand_in_has_the_shapes_of_the_real_one(real: str, standin: str) -> None:
    """WI-29: name and sizes, so that messages have the same bytes."""
    one, other = SCHEMES[real], SCHEMES[standin]
    assert (one.name, one.public_size, one.signature_size) == (other.name, other.public_size, other.signature_size)
    assert [one.aggregate_size(n) for n in (1, 2, 40)] == [other.aggregate_size(n) for n in (1, 2, 40)]


@pytest.mark.parametrize("name", ["bls", "stand-in bls"])
def test_a_sum_does_not_depend_on_the_order(name: str) -> None:
    """WI-29: a sum as the real one; a list must be in the order of the signers."""
    scheme = SCHEMES[name]
    publics = [scheme.public_of(each) for each in SEEDS]
    shares = [scheme.sign(each, MESSAGE) for each in SEEDS]
    assert scheme.aggregate(shares) == scheme.aggregate(shares[::-1])
    doubled = scheme.aggregate([*shares, shares[0]])
    assert not scheme.fast_aggregate_verify(publics, MESSAGE, doubled)
    ordered = SCHEMES["list"]
    turned = ordered.aggregate([ordered.sign(each, MESSAGE) for each in SEEDS[::-1]])
    assert not ordered.fast_aggregate_verify([ordered.public_of(each) for each in SEEDS], MESSAGE, turned)
