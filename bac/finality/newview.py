"""NV(w): a quorum of states for exactly one view, and the highest certificate among them.

Source: docs/spec/finality.md R3, R4.
"""

from __future__ import annotations

from collections.abc import Iterable

from bac.errors import Code, Rejected
from bac.finality.epochs import Epoch
from bac.proofs.certificate import Scope, verify_certificate
from bac.proofs.electorate import Electorate
from bac.types import Micros
from bac.wire.header import RETIREMENT_VIEW, Rank
from bac.wire.votes import Certificate, NewView, State, StateAnnouncement


def rank_of(certificate: Certificate) -> Rank:
    """View, height and hash of what `certificate` certifies."""
    ballot = certificate.ballot
    return Rank(ballot.view, ballot.height, ballot.header_hash)


def precedence(rank: Rank) -> tuple[int, int, bytes]:
    """Sorts ascending, the highest rank first; of equal ones the lower hash first."""
    return -rank.view, -rank.height, rank.hash


def check_announcement(announced: StateAnnouncement, epoch: Epoch, scope: Scope) -> None:
    """Judges a state and the certificate that it claims; its signature was judged at the intake.

    Raises:
        Rejected: `BAD_PROOF`, `NO_QUORUM`, `BAD_SIGNATURE`, `MALFORMED`.
    """
    state = announced.state
    if state.high.view >= state.view:
        raise Rejected(Code.BAD_PROOF, "a state claims a certificate of its own view", state.identity)
    if state.high.view < 0:
        if announced.certificate is not None or state.high != epoch.base_rank:
            raise Rejected(Code.BAD_PROOF, "a state claims another boundary", state.identity)
        return
    certificate = announced.certificate
    if certificate is None or rank_of(certificate) != state.high or certificate.ballot.epoch != epoch.number:
        raise Rejected(Code.BAD_PROOF, "a state comes without the certificate that it claims", state.identity)
    verify_certificate(certificate, epoch.electorate, scope)


def highest(states: Iterable[State]) -> Rank:
    """The highest rank that the states claim."""
    return min((state.high for state in states), key=precedence)


def form(announced: Iterable[StateAnnouncement], view: int, electorate: Electorate) -> NewView | None:
    """NV(`view`) of the states for it, which were judged; None without a quorum."""
    chosen = [each for each in announced if each.state.view == view]
    if not electorate.is_quorum(sum(units_of(electorate, each.state) for each in chosen)):
        return None
    return gather(chosen)


def gather(announced: Iterable[StateAnnouncement]) -> NewView:
    """States of one view, one at least, and the highest certificate that they claim."""
    chosen = sorted(announced, key=lambda each: each.state.identity)
    top = highest(each.state for each in chosen)
    certificate = next(each.certificate for each in chosen if each.state.high == top)
    return NewView(tuple(each.state for each in chosen), certificate)


def units_of(electorate: Electorate, state: State) -> int:
    """Units of the signer; 0 for a stranger."""
    member = electorate.find(state.identity)
    return 0 if member is None else member.units


def check_new_view(new_view: NewView, view: int, epoch: Epoch, scope: Scope) -> Rank:
    """The rank of the highest certificate in NV(`view`). The states' signatures were judged at the intake.

    Raises:
        Rejected: `BAD_PROOF`, `NO_QUORUM`, `BAD_SIGNATURE`, `MALFORMED`.
    """
    _check_states(new_view, view, epoch)
    if not epoch.electorate.is_quorum(sum(units_of(epoch.electorate, state) for state in new_view.states)):
        raise Rejected(Code.NO_QUORUM, "the states of a new view are no quorum")
    return _check_highest(new_view, epoch, scope)


def check_retirements(new_view: NewView, epoch: Epoch, scope: Scope) -> Rank:
    """R12: the rank of the highest certificate in statements of retirement by voters, however few.

    The states' signatures were judged at the intake.

    Raises:
        Rejected: `BAD_PROOF`, `NOT_A_MEMBER`, `NO_QUORUM`, `BAD_SIGNATURE`, `MALFORMED`.
    """
    _check_states(new_view, RETIREMENT_VIEW, epoch)
    if any(epoch.electorate.find(state.identity) is None for state in new_view.states):
        raise Rejected(Code.NOT_A_MEMBER, "a statement of retirement by somebody who does not vote")
    return _check_highest(new_view, epoch, scope)


def _check_states(new_view: NewView, view: int, epoch: Epoch) -> None:
    identities = [state.identity for state in new_view.states]
    if identities != sorted(set(identities)):
        raise Rejected(Code.BAD_PROOF, "the states of a new view ascend by identity, each once")
    if any(state.epoch != epoch.number or state.view != view or state.high.view >= view for state in new_view.states):
        raise Rejected(Code.BAD_PROOF, "a new view holds states for exactly its view, with certificates from below")


def _check_highest(new_view: NewView, epoch: Epoch, scope: Scope) -> Rank:
    top = highest(new_view.states)
    if new_view.certificate is None:
        if top != epoch.base_rank:
            raise Rejected(Code.BAD_PROOF, "a new view without the certificate that a state claims")
        return top
    if rank_of(new_view.certificate) != top or new_view.certificate.ballot.epoch != epoch.number:
        raise Rejected(Code.BAD_PROOF, "the certificate of a new view is not the highest that a state claims")
    verify_certificate(new_view.certificate, epoch.electorate, scope)
    return top


def opening_time_us(new_view: NewView, electorate: Electorate, after_us: int) -> Micros:
    """R5: the median, weighted by units, of the states' clocks; above `after_us` in any case."""
    clocks = sorted((state.clock_us, units_of(electorate, state)) for state in new_view.states)
    total = sum(units for _, units in clocks)
    seen = 0
    median = clocks[-1][0]
    for clock_us, units in clocks:
        seen += units
        if 2 * seen > total:
            median = Micros(clock_us)
            break
    return Micros(max(after_us + 1, median))
