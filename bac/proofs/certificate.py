"""Certificates: judged as one, and assembled from acknowledgements of which some may be bad.

The collector does not verify acknowledgements one by one: with BLS that costs as much as verifying all at once. It adds
them up when their units suffice, verifies the sum, and only if that fails halves the set until the bad ones are found.

An acknowledgement with a bad signature says nothing about the voter whose name it bears, only about the peer that sent
it. A second, different one for the same voter therefore never displaces a good one, and a bad one never blocks a good.

Source: docs/spec/wire.md WI-13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bac.crypto.suite import QuorumScheme
from bac.errors import Code, Rejected
from bac.proofs.electorate import Electorate
from bac.protocol import Verifier
from bac.types import Hash, NodeId
from bac.wire.block import Elector
from bac.wire.votes import Acknowledgement, Ballot, Certificate, ballot_preimage


@dataclass(frozen=True, slots=True)
class Scope:
    """Where signatures hold: a network, a shard of it, and that shard's quorum scheme.

    `authority` is the public key in genesis, and `verifier` judges its orders. Without these no restart is believed.
    """

    network: Hash
    shard: int
    scheme: QuorumScheme
    authority: bytes = b""
    verifier: Verifier | None = None


def verify_certificate(certificate: Certificate, electorate: Electorate, scope: Scope) -> tuple[Elector, ...]:
    """The signers, a quorum of `electorate`, all of whom have signed the ballot.

    Raises:
        Rejected: `NO_QUORUM`, and as `verify_signers`.
    """
    signers = electorate.signers(certificate.signers)
    if signers is not None and not electorate.is_quorum(sum([signer.units for signer in signers])):
        raise Rejected(Code.NO_QUORUM, "the certificate's signers are no quorum")
    return verify_signers(certificate, electorate, scope)


def verify_signers(certificate: Certificate, electorate: Electorate, scope: Scope) -> tuple[Elector, ...]:
    """The signers, however few, all of whom have signed the ballot.

    Raises:
        Rejected: `MALFORMED` (the bitmap is not one of this electorate) or `BAD_SIGNATURE`.
    """
    signers = electorate.signers(certificate.signers)
    if signers is None:
        raise Rejected(Code.MALFORMED, "the certificate's bitmap does not fit the electorate")
    publics = [signer.acknowledgement_key for signer in signers]
    message = ballot_preimage(certificate.ballot, scope.network, scope.shard)
    if not scope.scheme.fast_aggregate_verify(publics, message, certificate.aggregate):
        raise Rejected(Code.BAD_SIGNATURE, "the certificate's aggregate is not by its signers")
    return signers


def find_bad_shares(
    scheme: QuorumScheme, publics: Sequence[bytes], message: bytes, signatures: Sequence[bytes]
) -> list[int]:
    """Places of those of `signatures` that are not by the key in the same place, ascending.

    With aggregation, k bad ones among n cost about k·log2(n/k) verifications; a list has one for each anyway.
    """
    if scheme.aggregate_size(2) == 2 * scheme.signature_size:
        return [at for at, share in enumerate(signatures) if not scheme.verify(publics[at], message, share)]
    bad: list[int] = []
    open_ranges = [(0, len(signatures))]
    while open_ranges:
        low, high = open_ranges.pop()
        if low == high or _is_good(scheme, publics[low:high], message, signatures[low:high]):
            continue
        if high - low == 1:
            bad.append(low)
            continue
        middle = (low + high) // 2
        open_ranges += [(middle, high), (low, middle)]
    return bad


def _is_good(scheme: QuorumScheme, publics: Sequence[bytes], message: bytes, signatures: Sequence[bytes]) -> bool:
    if len(signatures) == 1:
        return scheme.verify(publics[0], message, signatures[0])
    aggregate = _sum_of(scheme, signatures)
    return aggregate is not None and scheme.fast_aggregate_verify(publics, message, aggregate)


def _sum_of(scheme: QuorumScheme, signatures: Sequence[bytes]) -> bytes | None:
    try:
        return scheme.aggregate(signatures)
    except ValueError:
        return None


class _Share(NamedTuple):
    signature: bytes
    source: NodeId
    is_verified: bool


class Tally:
    """Acknowledgements of one header on their way to a certificate."""

    def __init__(self, ballot: Ballot, electorate: Electorate, scope: Scope) -> None:
        self.ballot = ballot
        self.units = 0
        self._electorate = electorate
        self._scheme = scope.scheme
        self._message = ballot_preimage(ballot, scope.network, scope.shard)
        self._shares: dict[NodeId, _Share] = {}
        self._culprits: list[NodeId] = []
        self._sum, self._summed = b"", 0  # the aggregate judged good last, and of how many shares it is

    def add(self, acknowledgement: Acknowledgement, source: NodeId) -> bool:
        """Counts an acknowledgement that the peer `source` sent; whether it brought units.

        Its signature is judged later, or never.

        Raises:
            Rejected: `NOT_A_MEMBER`, or `MALFORMED` (another ballot, or a signature of another scheme).
        """
        if acknowledgement.ballot != self.ballot:
            raise Rejected(Code.MALFORMED, "an acknowledgement of another header", source)
        if len(acknowledgement.signature) != self._scheme.signature_size:
            raise Rejected(Code.MALFORMED, "a signature of another scheme", source)
        voter = self._electorate.find(acknowledgement.voter)
        if voter is None:
            raise Rejected(Code.NOT_A_MEMBER, "an acknowledgement by a stranger", source)
        share = _Share(acknowledgement.signature, source, is_verified=False)
        known = self._shares.get(voter.identity)
        if known is None:
            self._shares[voter.identity] = share
            self.units += voter.units
            return True
        if known.signature != share.signature:
            self._settle(voter, known, share)
        return False

    @property
    def is_full(self) -> bool:
        """Whether a quorum has come in, of whose signatures some may be bad."""
        return self._electorate.is_quorum(self.units)

    def _settle(self, voter: Elector, known: _Share, other: _Share) -> None:
        """Of two different signatures for one voter the first stays if it is good."""
        if known.is_verified or self._scheme.verify(voter.acknowledgement_key, self._message, known.signature):
            self._shares[voter.identity] = _Share(known.signature, known.source, is_verified=True)
            return
        self._culprits.append(known.source)
        self._shares[voter.identity] = other

    def certificate(self) -> Certificate | None:
        """The certificate, if acknowledgements by a quorum have come in. Bad ones are dropped on the way."""
        if self._electorate.is_quorum(self.units):
            self._judge()
        if not self._electorate.is_quorum(self.units):
            return None
        voters = [member for member in self._electorate.members if member.identity in self._shares]
        bitmap = self._electorate.bitmap(voter.identity for voter in voters)
        shares = [self._shares[voter.identity].signature for voter in voters]
        aggregate = self._sum if len(voters) == self._summed else self._scheme.aggregate(shares)
        return Certificate(self.ballot, bitmap, aggregate)

    def _judge(self) -> None:
        """Judges what was not judged before: a bad acknowledgement costs its own judgement, never again the others'.

        Shares that were judged good together stay together, so that their sum stays good.
        """
        voters = [
            member
            for member in self._electorate.members
            if member.identity in self._shares and not self._shares[member.identity].is_verified
        ]
        bad = set(self._find_bad(voters))
        for place, voter in enumerate(voters):
            share = self._shares[voter.identity]
            if place in bad:
                del self._shares[voter.identity]
                self.units -= voter.units
                self._culprits.append(share.source)
            else:
                self._shares[voter.identity] = _Share(share.signature, share.source, is_verified=True)

    def _find_bad(self, voters: Sequence[Elector]) -> list[int]:
        publics = [voter.acknowledgement_key for voter in voters]
        shares = [self._shares[voter.identity].signature for voter in voters]
        if len(shares) > 1:
            aggregate = _sum_of(self._scheme, shares)
            if aggregate is not None and self._scheme.fast_aggregate_verify(publics, self._message, aggregate):
                self._sum, self._summed = aggregate, len(shares)
                return []
        return find_bad_shares(self._scheme, publics, self._message, shares)

    def take_culprits(self) -> tuple[NodeId, ...]:
        """The peers that sent bad acknowledgements since the last call, in the order of discovery."""
        culprits, self._culprits = tuple(self._culprits), []
        return culprits
