"""The proof of confirmation (C2), what hangs on it, and the records that lead from one electorate to the next.

A header is confirmed when it has a certificate, and a header of the same view that carries this certificate has one,
too (C1). That the carrier descends from it need not be shown: its signers have checked it, and more than a third of
them honestly. "Same view" is essential: with an older one, a rival may be hidden in between.

Sources: docs/spec/wire.md WI-18; HotStuff and Jolteon for the two-chain rule.
"""

from __future__ import annotations

from itertools import pairwise

from bac.errors import Code, Rejected
from bac.proofs.certificate import Scope, verify_certificate
from bac.proofs.electorate import Electorate, compute_committee_hash
from bac.proofs.merkle import is_included
from bac.proofs.restart import remaining, verify_order
from bac.wire.block import BoundaryRecord, ConfirmationProof, ItemProof
from bac.wire.codec import PROTOCOL_VERSION
from bac.wire.header import RETIREMENT_VIEW, Header, Kind, Rank, header_hash
from bac.wire.votes import ballot_of


def verify_confirmation(proof: ConfirmationProof, epoch: int, electorate: Electorate, scope: Scope) -> Header:
    """The header that `proof` shows to be confirmed, where `electorate` is that of its `epoch`.

    Raises:
        Rejected: `WRONG_VERSION`, `WRONG_NETWORK`, `WRONG_SHARD`, `BAD_PROOF`, `NO_QUORUM`, `BAD_SIGNATURE`,
            `MALFORMED`, `OVERSIZED`.
    """
    certified, carrier = proof.path[-1], proof.carrier
    for header in (*proof.path, carrier):
        _check_place(header, epoch, electorate, scope)
    _check_path(proof.path)
    rank = Rank(certified.view, certified.height, header_hash(certified))
    if carrier.justify != rank or carrier.view != certified.view or carrier.height <= certified.height:
        raise Rejected(Code.BAD_PROOF, "the carrier does not carry the certificate in the same view")
    if proof.certificate.ballot != ballot_of(certified) or proof.carrier_certificate.ballot != ballot_of(carrier):
        raise Rejected(Code.BAD_PROOF, "a certificate of another header")
    voters = _voters(proof, electorate, scope)
    verify_certificate(proof.certificate, voters, scope)
    verify_certificate(proof.carrier_certificate, voters, scope)
    return proof.path[0]


def _voters(proof: ConfirmationProof, electorate: Electorate, scope: Scope) -> Electorate:
    """Who certifies Y and its carrier: in the retirement view those whom the authority's order leaves."""
    if proof.path[-1].view == RETIREMENT_VIEW:
        return remaining(electorate, verify_order(proof.path[-1], proof.restart, scope))
    if proof.restart is not None:
        raise Rejected(Code.BAD_PROOF, "an order to restart where none is needed")
    return electorate


def _check_place(header: Header, epoch: int, electorate: Electorate, scope: Scope) -> None:
    if header.version != PROTOCOL_VERSION:
        raise Rejected(Code.WRONG_VERSION, f"a header of protocol version {header.version}")
    if header.network != scope.network:
        raise Rejected(Code.WRONG_NETWORK, "a header of another network")
    if header.shard != scope.shard:
        raise Rejected(Code.WRONG_SHARD, "a header of another shard")
    if header.epoch != epoch or header.electorate_root != electorate.root:
        raise Rejected(Code.BAD_PROOF, "a header of another electorate")


def _check_path(path: tuple[Header, ...]) -> None:
    for parent, child in pairwise(path):
        if child.parent != header_hash(parent) or child.height != parent.height + 1 or child.view < parent.view:
            raise Rejected(Code.BAD_PROOF, "the headers of the path are not parents and children")


def verify_record(
    record: BoundaryRecord, epoch: int, electorate: Electorate, scope: Scope
) -> tuple[Header, Electorate]:
    """The last header of `epoch`, and the electorate of the next, to which it commits.

    Raises:
        Rejected: as `verify_confirmation`; `BAD_PROOF` if the header ends no epoch or commits to others.
    """
    header = verify_confirmation(record.proof, epoch, electorate, scope)
    if header.boundary is None or header.kind is Kind.CLOSING:
        raise Rejected(Code.BAD_PROOF, "the header of the record does not end an epoch")
    try:
        following = Electorate(record.electorate)
    except ValueError as error:
        raise Rejected(Code.BAD_PROOF, f"the record's electorate: {error}") from error
    if following.members != record.electorate or following.root != header.boundary.next_electorate_root:
        raise Rejected(Code.BAD_PROOF, "the record's electorate is not the one that the header commits to")
    if compute_committee_hash(record.committee) != header.boundary.next_committee_hash:
        raise Rejected(Code.BAD_PROOF, "the record's committee is not the one that the header commits to")
    return header, following


def verify_item(proof: ItemProof, epoch: int, electorate: Electorate, scope: Scope) -> Header:
    """The confirmed header whose body holds ``proof.item`` at ``proof.inclusion.index``.

    Raises:
        Rejected: as `verify_confirmation`; `BAD_PROOF` if the item is not under the header's root.
    """
    header = verify_confirmation(proof.confirmation, epoch, electorate, scope)
    if not is_included(proof.item, proof.inclusion, header.transaction_root):
        raise Rejected(Code.BAD_PROOF, "the item is not under the header's transaction root")
    return header
