"""Which headers are valid (V4 to V7, E2, E3, R5, R6), and how valid ones are made: one function derives both.

Everything in a header but the round, the time and the choice of items follows from the parent and the body. So a block
is judged by deriving its header anew and comparing.

Items that are worth nothing (a bad signature, a certificate of another branch) are ignored, alike by everybody: who
orders items cannot always refuse them.

Source: docs/spec/finality.md V4 to V7, E2, E3, R5, R6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import lt
from typing import Any, Final

from bac.errors import Code, Rejected
from bac.finality.chain import Link, Verdict
from bac.finality.epochs import Epoch, Successors, succeed
from bac.finality.machine import Machine, Place, Remember
from bac.finality.newview import check_new_view, check_retirements, opening_time_us, rank_of, units_of
from bac.intake import Intake
from bac.ledger.block import Retirements
from bac.params import Params
from bac.proofs.certificate import Scope, verify_certificate
from bac.proofs.electorate import Electorate
from bac.proofs.merkle import compute_root
from bac.proofs.restart import ITEMS, ORDER_PLACE, is_restart, judge_mandate, remaining, verify_order
from bac.types import Hash, Height, Micros, NodeId, Units
from bac.wire.block import Body, Envelope
from bac.wire.codec import PROTOCOL_VERSION, encode
from bac.wire.evidence import AnyEvidence
from bac.wire.header import RETIREMENT_VIEW, Boundary, Header, Kind, Rank
from bac.wire.registry import decode_item, tag_at, tag_of
from bac.wire.transactions import Reconfigure
from bac.wire.votes import Certificate, NewView, retirements_digest

NOTHING: Final = Body(())
_EVIDENCE_TAGS: Final = frozenset(tag_of(kind) for kind in AnyEvidence.__args__)
_CERTIFICATE_TAG: Final = tag_of(Certificate)
_NEW_VIEW_TAG: Final = tag_of(NewView)


@dataclass(frozen=True, slots=True)
class Derived:
    """A header as it follows from parent and body, with what was found on the way.

    Attributes:
        header: the only valid one.
        state: after the body.
        successors: of the last block of an epoch.
        certificates: in the body, found good.
        new_view: of an opening.
    """

    header: Header
    state: Any
    successors: Successors | None = None
    certificates: tuple[Certificate, ...] = ()
    new_view: NewView | None = None


@lru_cache(maxsize=64)
def root_of(items: tuple[bytes, ...]) -> Hash:
    """The Merkle root of items, remembered for a while: asked for when a body comes, and when it is judged."""
    return compute_root(items)


def is_evidence(item: bytes) -> bool:
    """Whether an encoded item is of a type of evidence."""
    return tag_at(item) in _EVIDENCE_TAGS


class Validity:
    """The judge of the headers of one epoch."""

    def __init__(
        self, epoch: Epoch, scope: Scope, params: Params, machine: Machine, intake: Intake,
        remember: Remember | None = None,
    ) -> None:  # fmt: skip
        """`remember` shares what follows from a parent and a body between the nodes of one process."""
        self._epoch = epoch
        self._remember = remember
        self._scope = scope
        self._params = params
        self._machine = machine
        self._intake = intake
        self._committee_hash = epoch.committee_hash
        self._weights = {leader.identity: leader.weight for leader in epoch.committee}
        self._weight = sum(self._weights.values())

    # ------------------------------------------------------------ V4

    def check_envelope(self, envelope: Envelope, block_hash: Any, voters: Electorate | None = None) -> None:
        """V4: who signed the header; of a closing header, the certificate of its parent; of a restart, the order.

        `voters` are those whose quorum certifies the parent of a closing header; None: all of the electorate.

        Raises:
            Rejected: `WRONG_VERSION`, `WRONG_NETWORK`, `WRONG_SHARD`, `BAD_PROOF`, `NOT_A_MEMBER`, `NO_QUORUM`,
                `BAD_SIGNATURE`, `MALFORMED`.
        """
        header = envelope.header
        self._intake.header(header)
        if header.electorate_root != self._epoch.electorate.root or header.committee_hash != self._committee_hash:
            raise Rejected(Code.BAD_PROOF, "a header of another electorate or committee")
        if (header.view == 0) != (header.kind is Kind.ORDERED) and header.kind is not Kind.CLOSING:
            raise Rejected(Code.MALFORMED, "view 0 orders, later views open")
        if header.kind is Kind.CLOSING:
            self._check_closing(envelope, voters or self._epoch.electorate)
            return
        if is_restart(header):
            if envelope.signatures:
                raise Rejected(Code.BAD_PROOF, "nobody signs a restart but the authority")
            remaining(self._epoch.electorate, verify_order(header, envelope.restart, self._scope))
            return
        if envelope.restart is not None:
            raise Rejected(Code.BAD_PROOF, "an order to restart where none is needed")
        signers = [each.leader for each in envelope.signatures]
        if not ascends(signers) or not self._may_sign(header, signers):
            raise Rejected(Code.NO_QUORUM, "not signed by those who must sign such a header")
        self._intake.leader_signatures(block_hash, envelope.signatures)

    def _may_sign(self, header: Header, signers: Sequence[NodeId]) -> bool:
        if header.kind is Kind.OPENING:
            return list(signers) == [self._epoch.proposer(header.view)]
        return self.is_supermajority(signers)

    def is_supermajority(self, signers: Sequence[NodeId]) -> bool:
        """Whether they are leaders with more than two thirds of the committee's weight."""
        weights = [self._weights[signer] for signer in signers if signer in self._weights]
        return len(weights) == len(signers) and 3 * sum(weights) > 2 * self._weight

    def _check_closing(self, envelope: Envelope, voters: Electorate) -> None:
        certificate = envelope.certificate
        unfit = envelope.signatures or envelope.restart is not None
        if unfit or certificate is None or rank_of(certificate) != envelope.header.justify:
            raise Rejected(Code.BAD_PROOF, "a closing header comes with the certificate of its parent, and unsigned")
        if certificate.ballot.epoch != self._epoch.number or envelope.header.parent != certificate.ballot.header_hash:
            raise Rejected(Code.BAD_PROOF, "the certificate is not of the closing header's parent")
        verify_certificate(certificate, voters, self._scope)

    # ------------------------------------------------------------ V5 to V7

    def judge(self, link: Link) -> Derived | None:
        """What follows from the parent (valid, executed) and the body (held); None if the header is not that."""
        assert link.parent is not None, "judged after its parent"
        assert link.body is not None, "judged with its body"
        header, parent, items = link.header, link.parent, link.body.items
        if self._remember is None or root_of(items) != header.transaction_root:
            return self._judge(header, parent, items)
        derived: Derived | None = self._remember(parent.hash, link.hash, lambda: self._judge(header, parent, items))
        return derived

    def _judge(self, header: Header, parent: Link, items: tuple[bytes, ...]) -> Derived | None:
        try:
            derived = self._derive_as(header, parent, items)
        except Rejected:
            return None
        return derived if derived is not None and derived.header == header else None

    def _derive_as(self, header: Header, parent: Link, items: tuple[bytes, ...]) -> Derived | None:
        if header.kind is Kind.CLOSING:
            return self.close(parent) if not items and can_close(parent) else None
        if is_restart(header):
            return self.restart(parent, items)
        if header.kind is Kind.OPENING:
            return self.open(parent, header.view, items)
        if parent.closed is not None or header.time_us <= parent.header.time_us:
            return None
        if parent.header.view != 0 and parent.parent is not None:
            return None
        return self.order(parent, header.time_us, items)

    def order(self, parent: Link, time_us: Micros, items: tuple[bytes, ...]) -> Derived | None:
        """View 0: the block of the next round. None beyond the last round of the epoch (E2)."""
        round_ = parent.header.round + 1 if parent.parent is not None else 1
        if round_ > self._params.epoch_rounds + self._params.epoch_grace_rounds:
            return None
        certificates = self._certificates(parent, items)
        justify = rank_of(certificates[-1]) if certificates else self._justify_of(parent)
        place = self._place(parent, 0, time_us, certificates)
        state = self._machine.execute(parent.state, place, items)
        successors = None
        if self._machine.ends_epoch(state, round_):
            state, successors = self._conclude(state, place, items)
        header = self._header(parent, 0, Kind.ORDERED, round_, time_us, items, justify, state, successors)
        return Derived(header, state, successors, certificates)

    def open(self, parent: Link, view: int, items: tuple[bytes, ...]) -> Derived | None:
        """R5, R6: the opening of a later view; the first item is NV(`view`), which must stand on `parent`.

        Raises:
            Rejected: NV is not valid, or the epoch cannot end with these items.
        """
        new_view = self._new_view_of(items)
        if new_view is None or not 1 <= view < RETIREMENT_VIEW:
            return None
        top = check_new_view(new_view, view, self._epoch, self._scope)
        if top != self._rank_of(parent):
            return None
        for state in new_view.states:
            self._intake.signed(state)
        if parent.closed is not None:
            if len(items) > 1:
                return None
            header = self._header(parent, view, Kind.OPENING, 0, parent.header.time_us, items, top, parent.state, None)
            return Derived(header, parent.state, None, (), new_view)
        time_us = opening_time_us(new_view, self._epoch.electorate, parent.header.time_us)
        place = self._place(parent, view, time_us, ())
        state, successors = self._conclude(self._machine.execute(parent.state, place, items), place, items)
        header = self._header(parent, view, Kind.OPENING, 0, time_us, items, top, state, successors)
        return Derived(header, state, successors, (), new_view)

    def restart(self, parent: Link, items: tuple[bytes, ...]) -> Derived | None:
        """R13: the restart on `parent`, a pure function of it, the statements of retirement, and the order.

        Raises:
            Rejected: the statements or the order are not good, or the order has no effect.
        """
        new_view = self._new_view_of(items)
        if new_view is None or len(items) != ITEMS:
            return None
        top = check_retirements(new_view, self._epoch, self._scope)
        for state in new_view.states:
            self._intake.signed(state)
        order = judge_mandate(items[ORDER_PLACE], self._scope)
        self._check_order(order, parent, new_view)
        if top != self._rank_of(parent):
            return None
        if parent.closed is not None:
            header = self._header(
                parent, RETIREMENT_VIEW, Kind.OPENING, 0, parent.header.time_us, items, top, parent.state, None
            )
            return Derived(header, parent.state, None, (), new_view)
        voters = self._epoch.electorate
        retired = Units(sum(units_of(voters, state) for state in new_view.states))
        grounds = Retirements(order.retirements, retired, voters.total_units)
        time_us = opening_time_us(new_view, voters, parent.header.time_us)
        place = replace(self._place(parent, RETIREMENT_VIEW, time_us, ()), retirements=grounds, order=order)
        state, successors = self._conclude(self._machine.execute(parent.state, place, items), place, items)
        header = self._header(parent, RETIREMENT_VIEW, Kind.OPENING, 0, time_us, items, top, state, successors)
        return Derived(header, state, successors, (), new_view)

    def _check_order(self, order: Reconfigure, parent: Link, new_view: NewView) -> None:
        """R13: it is for this parent and these statements; who retired stays, and enough voters do. Raises Rejected."""
        if (order.parent, order.parent_height) != (parent.hash, parent.header.height):
            raise Rejected(Code.WRONG_PARENT, "the order is for another parent")
        if order.retirements != retirements_digest(new_view):
            raise Rejected(Code.NO_RETIREMENTS, "the order names other statements of retirement")
        if not ascends(order.removed) or any(state.identity in order.removed for state in new_view.states):
            raise Rejected(Code.BAD_PROOF, "the removed ascend, and nobody of them has retired")
        if len(remaining(self._epoch.electorate, order).voters()) < self._params.min_voters:
            raise Rejected(Code.NO_QUORUM, f"fewer than {self._params.min_voters} voters would be left")

    def close(self, parent: Link) -> Derived:
        """E3: the closing header of `parent`, a pure function of it."""
        header = self._header(
            parent, parent.header.view, Kind.CLOSING, parent.header.round, parent.header.time_us, (),
            parent.rank, parent.state, None,
        )  # fmt: skip
        return Derived(header, parent.state)

    def _new_view_of(self, items: tuple[bytes, ...]) -> NewView | None:
        places = [place for place, item in enumerate(items) if tag_at(item) == _NEW_VIEW_TAG]
        if places != [0]:
            return None
        decoded = decode_item(items[0])
        return decoded if isinstance(decoded, NewView) else None

    def _rank_of(self, link: Link) -> Rank:
        return self._epoch.base_rank if link.parent is None else link.rank

    def _justify_of(self, link: Link) -> Rank:
        return self._epoch.base_rank if link.parent is None else link.header.justify

    def _certificates(self, parent: Link, items: tuple[bytes, ...]) -> tuple[Certificate, ...]:
        """V5: the certificates in the body that each raise the rank, found good and of ancestors in view 0."""
        best = self._justify_of(parent)
        found: list[Certificate] = []
        for item in items:
            certificate = self._certificate(item)
            if certificate is None or (certificate.ballot.view, certificate.ballot.height) <= (best.view, best.height):
                continue
            if self._is_ancestor(parent, rank_of(certificate)):
                found.append(certificate)
                best = rank_of(certificate)
        return tuple(found)

    def _certificate(self, item: bytes) -> Certificate | None:
        if tag_at(item) != _CERTIFICATE_TAG:
            return None
        try:
            certificate = decode_item(item)
            if certificate.ballot.epoch != self._epoch.number or certificate.ballot.view != 0:
                return None
            verify_certificate(certificate, self._epoch.electorate, self._scope)
        except Rejected:
            return None
        assert isinstance(certificate, Certificate), "told by its tag"
        return certificate

    def _is_ancestor(self, link: Link, rank: Rank) -> bool:
        return any(each.hash == rank.hash and each.rank == rank for each in link.path() if each.parent is not None)

    def _place(self, parent: Link, view: int, time_us: Micros, certificates: tuple[Certificate, ...]) -> Place:
        return Place(
            epoch=self._epoch.number,
            view=view,
            height=Height(parent.header.height + 1),
            time_us=time_us,
            parent=parent.hash,
            committee=self._epoch.committee,
            electorate=self._epoch.electorate,
            seed=self._epoch.seed,
            next_seed=self._next_seed,
            certificates=certificates,
        )

    @property
    def _next_seed(self) -> Hash:
        assert self._epoch.base.boundary is not None, "an epoch begins with a boundary"
        return self._epoch.base.boundary.seed

    def _conclude(self, state: Any, place: Place, items: tuple[bytes, ...]) -> tuple[Any, Successors]:
        """The state after the last block of the epoch, whose body left `state`, and who follows. Raises Rejected."""
        if self._remember is None:
            return self._succeed(state, place)
        end = b"end %d %d " % (place.view, place.time_us) + root_of(items)
        found: tuple[Any, Successors] = self._remember(place.parent, end, lambda: self._succeed(state, place))
        return found

    def _succeed(self, state: Any, place: Place) -> tuple[Any, Successors]:
        concluded = self._machine.conclude(state, place)
        draw = self._machine.draw(concluded, self._epoch.number, self._next_seed)
        removed = () if place.order is None else place.order.removed
        return concluded, succeed(self._epoch, draw, self._params, removed)

    def _header(
        self, parent: Link, view: int, kind: Kind, round_: int, time_us: Micros, items: tuple[bytes, ...],
        justify: Rank, state: Any, successors: Successors | None,
    ) -> Header:  # fmt: skip
        boundary: Boundary | None = None if successors is None else successors.boundary
        return Header(
            version=PROTOCOL_VERSION,
            network=self._scope.network,
            shard=self._scope.shard,
            epoch=self._epoch.number,
            view=view,
            kind=kind,
            height=Height(parent.header.height + 1),
            parent=parent.hash,
            round=round_,
            time_us=time_us,
            transaction_root=root_of(items),
            evidence_root=root_of(tuple(item for item in items if is_evidence(item))),
            state_root=self._machine.root(state),
            committee_hash=self._committee_hash,
            electorate_root=self._epoch.electorate.root,
            justify=justify,
            boundary=boundary,
        )


def ascends(identities: Sequence[NodeId]) -> bool:
    """Whether identities stand in order, each once."""
    return all(map(lt, identities, identities[1:]))


def can_close(link: Link) -> bool:
    """E3: whether a closing header may follow: on the last block, or on an opening of a closed path."""
    return link.closed is not None and link.header.kind is not Kind.CLOSING


def fits(header: Header, body: Body) -> bool:
    """Whether `body` is the one that `header` commits to."""
    return root_of(body.items) == header.transaction_root


def apply(link: Link, derived: Derived | None) -> None:
    """Records the verdict on `link`, and on everything above a header that is not valid."""
    if derived is None:
        _condemn(link)
        return
    assert link.parent is not None, "judged after its parent"
    link.verdict = Verdict.VALID
    link.state = derived.state
    link.new_view = derived.new_view
    link.successors = derived.successors


def _condemn(link: Link) -> None:
    pending = [link]
    while pending:
        each = pending.pop()
        each.verdict = Verdict.INVALID
        pending.extend(each.children)


def new_view_item(new_view: NewView) -> bytes:
    """The first item of an opening's body."""
    return encode(new_view)
