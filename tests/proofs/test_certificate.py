"""Certificates: judging them, and making them from acknowledgements of which some are bad."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from bac.crypto.metered import Cost, Meter, MeteredQuorum
from bac.errors import Code, Rejected
from bac.proofs.certificate import Scope, Tally, find_bad_shares, verify_certificate
from bac.types import NodeId
from bac.wire.votes import Acknowledgement, Certificate, ballot_of
from tests.crypto.schemes import SCHEMES
from tests.proofs.chain import NETWORK, SHARD, Shard
from tests.wire.samples import some_hash, some_id

ALL_SCHEMES = ["list", "bls", "stand-in list", "stand-in bls"]
PEER, LIAR = some_id("peer"), some_id("liar")


def refuse(code: Code, certificate: Certificate, shard: Shard, scope: Scope | None = None) -> None:
    with pytest.raises(Rejected) as caught:
        verify_certificate(certificate, shard.electorate, scope or shard.scope)
    assert caught.value.code is code


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_a_certificate_is_signed_by_a_quorum(scheme: str) -> None:
    """WI-13: 3·units > 2·U; one voter's units count as much as they are."""
    shard = Shard((3, 2, 2, 2), scheme)
    header = shard.header()
    a, b, c, d = shard.ids
    signers = verify_certificate(shard.certify(header, [a, b, c]), shard.electorate, shard.scope)
    assert [signer.identity for signer in signers] == sorted([a, b, c])
    refuse(Code.NO_QUORUM, shard.certify(header, [b, c, d]), shard)
    refuse(Code.NO_QUORUM, shard.certify(header, [a]), shard)
    verify_certificate(shard.certify(header), shard.electorate, shard.scope)


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_what_a_certificate_covers(scheme: str) -> None:
    """WI-12: epoch, view, height and hash; domain, network and shard; and the signers."""
    shard = Shard((1,) * 5, scheme)
    good = shard.certify(shard.header(), shard.ids[:4])
    for changes in ({"epoch": 4}, {"view": 1}, {"height": 9}, {"header_hash": some_hash("other")}):
        ballot = msgspec.structs.replace(good.ballot, **changes)
        refuse(Code.BAD_SIGNATURE, msgspec.structs.replace(good, ballot=ballot), shard)
    others = [shard.electorate.bitmap(shard.ids[1:]), shard.electorate.bitmap(shard.ids)]
    for signers in others:
        refuse(Code.BAD_SIGNATURE, msgspec.structs.replace(good, signers=signers), shard)
    refuse(Code.NO_QUORUM, msgspec.structs.replace(good, signers=b"\0"), shard)
    for signers in (b"\x3f", b"\xff", b"\x0f\x00"):
        refuse(Code.MALFORMED, msgspec.structs.replace(good, signers=signers), shard)
    refuse(Code.BAD_SIGNATURE, msgspec.structs.replace(good, aggregate=good.aggregate[:-1]), shard)
    refuse(Code.BAD_SIGNATURE, good, shard, Scope(some_hash("elsewhere"), SHARD, shard.scheme))
    refuse(Code.BAD_SIGNATURE, good, shard, Scope(NETWORK, SHARD + 1, shard.scheme))


def test_another_electorate() -> None:
    """WI-12: the keys of another epoch do not verify, and other units are another quorum."""
    shard, later = Shard(epoch=3), Shard(epoch=4)
    refuse(Code.BAD_SIGNATURE, shard.certify(shard.header()), later)


# ------------------------------------------------------------------------------------------- assembly


def tally_of(shard: Shard) -> Tally:
    return Tally(ballot_of(shard.header()), shard.electorate, shard.scope)


def forged(acknowledgement: Acknowledgement) -> Acknowledgement:
    """The same with a signature by nobody."""
    signature = bytes(each ^ 1 for each in acknowledgement.signature)
    return msgspec.structs.replace(acknowledgement, signature=signature)


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_acknowledgements_become_a_certificate(scheme: str) -> None:
    """WI-13: as soon as their units are a quorum, and not before; each voter counts once."""
    shard = Shard((1,) * 7, scheme)
    tally = tally_of(shard)
    for number, voter in enumerate(shard.ids[:5], start=1):
        assert tally.certificate() is None
        acknowledgement = shard.acknowledge(tally.ballot, voter)
        for _ in range(2):
            tally.add(acknowledgement, PEER)
        assert tally.units == number
    certificate = tally.certificate()
    assert certificate == shard.certify(shard.header(), shard.ids[:5])
    assert tally.take_culprits() == ()


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_bad_acknowledgements_are_found_and_their_senders_named(scheme: str) -> None:
    """WI-13: the good ones stand; the certificate comes when they suffice."""
    shard = Shard((1,) * 7, scheme)
    tally = tally_of(shard)
    acknowledgements = [shard.acknowledge(tally.ballot, voter) for voter in shard.ids]
    for number, each in enumerate(acknowledgements[:5]):
        bad = number in (1, 3)
        tally.add(forged(each) if bad else each, LIAR if bad else PEER)
    assert tally.certificate() is None
    assert tally.take_culprits() == (LIAR, LIAR)
    assert tally.take_culprits() == ()
    assert tally.units == 3
    tally.add(acknowledgements[1], PEER)
    assert tally.certificate() is None
    tally.add(acknowledgements[5], PEER)
    certificate = tally.certificate()
    assert certificate is not None
    verify_certificate(certificate, shard.electorate, shard.scope)


@pytest.mark.parametrize("scheme", ALL_SCHEMES)
def test_a_bad_acknowledgement_does_not_block_a_good_one(scheme: str) -> None:
    """WI-13: whichever came first; the name on it is no proof of anything, so the sender is blamed."""
    shard = Shard((1,) * 4, scheme)
    for lie_first in (True, False):
        tally = tally_of(shard)
        for voter in shard.ids[:3]:
            good = shard.acknowledge(tally.ballot, voter)
            first, second = ((forged(good), LIAR), (good, PEER)) if lie_first else ((good, PEER), (forged(good), LIAR))
            tally.add(*first)
            tally.add(*second)
            tally.add(forged(good), LIAR)
        assert tally.certificate() == shard.certify(shard.header(), shard.ids[:3])
        assert tally.take_culprits() == ((LIAR,) * 3 if lie_first else ())


def test_a_voter_known_to_be_good_is_not_judged_again() -> None:
    """WI-13: a stream of contradictions costs one verification, not one each."""
    shard = Shard()
    meter = Meter()
    scope = Scope(NETWORK, SHARD, MeteredQuorum(shard.scheme, meter))
    tally = Tally(ballot_of(shard.header()), shard.electorate, scope)
    good = shard.acknowledge(tally.ballot, shard.ids[0])
    tally.add(good, PEER)
    for number in range(50):
        tally.add(msgspec.structs.replace(good, signature=bytes((number,)) * 96), LIAR)
    assert meter.counts["bls.verify"] == 1


@pytest.mark.parametrize("scheme", ["stand-in bls", "stand-in list"])
def test_a_stream_of_bad_ones_costs_a_judgement_each(scheme: str) -> None:
    """WI-13: not a judgement of all that have come in, each time that a forged one seems to complete a quorum."""
    shard = Shard((1,) * 31, scheme)
    meter = Meter()
    tally = Tally(
        ballot_of(shard.header()), shard.electorate, Scope(NETWORK, SHARD, MeteredQuorum(shard.scheme, meter))
    )
    absent = shard.acknowledge(tally.ballot, shard.ids[30])
    for voter in shard.ids[:20]:
        tally.add(shard.acknowledge(tally.ballot, voter), PEER)
    due = []
    for _ in range(5):
        meter.take_ns()
        tally.add(forged(absent), LIAR)
        assert tally.certificate() is None
        due.append(meter.take_ns())
    one = meter.costs[f"{shard.scheme.name}.verify"].call_ns
    assert due[0] > 2 * one
    assert due[1:] == [one] * 4
    tally.add(absent, PEER)
    certificate = tally.certificate()
    assert certificate == shard.certify(shard.header(), (*shard.ids[:20], shard.ids[30]))
    assert tally.take_culprits() == (LIAR,) * 5


def test_shares_that_are_good_only_together_stay_together() -> None:
    """WI-13: two voters may hide in each other what they sign; the certificate is good whatever came beside it."""
    shard = Shard((1,) * 7)
    tally = tally_of(shard)
    shares = {voter: shard.acknowledge(tally.ballot, voter) for voter in shard.ids}
    first, second, third = [member.identity for member in shard.electorate.members][:3]

    def shifted(voter: NodeId, by: int) -> Acknowledgement:
        number = (int.from_bytes(shares[voter].signature, "big") + by) % 2**768
        return msgspec.structs.replace(shares[voter], signature=number.to_bytes(96, "big"))

    sent = {**shares, first: shifted(first, 1), second: shifted(second, -1), third: forged(shares[third])}
    others = [voter for voter in shard.ids if voter not in (first, second, third)]
    for voter in (first, second, third, *others[:2]):
        tally.add(sent[voter], PEER)
    assert tally.certificate() is None
    tally.add(shares[first], PEER)
    for voter in others:
        tally.add(shares[voter], PEER)
    certificate = tally.certificate()
    assert certificate is not None
    verify_certificate(certificate, shard.electorate, shard.scope)


def test_what_is_not_counted() -> None:
    """WI-13: another header, a stranger, another scheme: refused at once, the sender named."""
    shard = Shard()
    tally = tally_of(shard)
    good = shard.acknowledge(tally.ballot, shard.ids[0])
    other = shard.acknowledge(ballot_of(shard.header(round=99)), shard.ids[0])
    for bad, code in (
        (other, Code.MALFORMED),
        (msgspec.structs.replace(good, voter=some_id("stranger")), Code.NOT_A_MEMBER),
        (msgspec.structs.replace(good, signature=bytes(64)), Code.MALFORMED),
    ):
        with pytest.raises(Rejected) as caught:
            tally.add(bad, LIAR)
        assert (caught.value.code, caught.value.culprit) == (code, LIAR)
    assert tally.units == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scheme", ["stand-in bls", "stand-in list"])
def test_finding_bad_shares_is_cheap(scheme: str, seed: int) -> None:
    """WI-13: exactly the bad ones, in about k·log2(n/k) verifications of sums, not n; a list takes one each."""
    draw = random.Random(seed)
    size = 64
    meter = Meter({f"{name}.{call}": Cost(0) for name in ("bls", "ed25519-list") for call in
                   ("verify", "aggregate", "fast-aggregate-verify")})  # fmt: skip
    inner = SCHEMES[scheme]
    shard = Shard((1,) * size, scheme)
    ballot = ballot_of(shard.header())
    acknowledgements = [shard.acknowledge(ballot, member.identity) for member in shard.electorate.members]
    publics = [member.acknowledgement_key for member in shard.electorate.members]
    bad = sorted(draw.sample(range(size), draw.randint(0, 6)))
    shares = [forged(each).signature if at in bad else each.signature for at, each in enumerate(acknowledgements)]
    message = Tally(ballot, shard.electorate, shard.scope)._message
    assert find_bad_shares(MeteredQuorum(inner, meter), publics, message, shares) == bad
    judged = meter.counts[f"{inner.name}.verify"] + meter.counts[f"{inner.name}.fast-aggregate-verify"]
    if inner.name == "bls":
        assert judged <= 1 + 2 * len(bad) * (1 + math.log2(size))
    else:
        assert judged == size


def test_all_bad() -> None:
    """WI-13: nothing is left, and every sender is named."""
    shard = Shard()
    tally = tally_of(shard)
    senders = [NodeId(bytes((number,)) * 32) for number in range(4)]
    for voter, sender in zip(shard.ids, senders, strict=True):
        tally.add(forged(shard.acknowledge(tally.ballot, voter)), sender)
    assert tally.certificate() is None
    assert tally.units == 0
    assert sorted(tally.take_culprits()) == senders


def test_one_voter_is_a_quorum_of_one() -> None:
    """WI-13: a share alone is judged as itself."""
    shard = Shard((5,))
    tally = tally_of(shard)
    tally.add(forged(shard.acknowledge(tally.ballot, shard.ids[0])), LIAR)
    assert tally.certificate() is None
    tally.add(shard.acknowledge(tally.ballot, shard.ids[0]), PEER)
    assert tally.certificate() == shard.certify(shard.header())
