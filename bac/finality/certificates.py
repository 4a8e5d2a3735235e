"""Acknowledgements on their way to certificates, for one epoch, in bounded memory.

Source: docs/spec/finality.md V2, V8, V9.
"""

from __future__ import annotations

from collections.abc import Callable

from bac.errors import Code, Rejected
from bac.proofs.certificate import Scope, Tally
from bac.proofs.electorate import Electorate
from bac.types import NodeId
from bac.wire.votes import Acknowledgement, Ballot, Certificate

BALLOTS_MAX = 512
"""Most headers of one epoch that one voter's acknowledgements are kept for: honest ones need far fewer."""

VIEWS_MAX = 8
"""Views of which a voter's last acknowledgements are remembered."""


class Tallies:
    """Collects acknowledgements of any header, known or not."""

    def __init__(self, voters: Callable[[Ballot], Electorate | None], scope: Scope) -> None:
        """`voters` says whose quorum certifies what a ballot is for; None while that is not known."""
        self._voters = voters
        self._scope = scope
        self._tallies: dict[Ballot, Tally] = {}
        self._certified: set[Ballot] = set()
        self._spent: dict[NodeId, int] = {}
        self._latest: dict[NodeId, dict[int, tuple[Acknowledgement, ...]]] = {}

    def add(self, acknowledgement: Acknowledgement, source: NodeId) -> Certificate | None:
        """Counts what the peer `source` sent, its own; the certificate that it completes, once.

        Raises:
            Rejected: as `Tally.add`; `NOT_A_MEMBER` for what bears another's name: nobody can spend another's room.
        """
        if acknowledgement.voter != source:
            raise Rejected(Code.NOT_A_MEMBER, "an acknowledgement in another's name", source)
        ballot = acknowledgement.ballot
        spent = self._spent.get(source, 0)
        tally = self._tallies.get(ballot)
        if spent >= BALLOTS_MAX or (tally is None and ballot in self._certified):
            return None
        if tally is None:
            voters = self._voters(ballot)
            if voters is None:
                return None
            tally = Tally(ballot, voters, self._scope)
        if not tally.add(acknowledgement, source):
            return None
        self._tallies[ballot] = tally
        self._spent[source] = spent + 1
        return self._complete(ballot, tally)

    def _complete(self, ballot: Ballot, tally: Tally) -> Certificate | None:
        certificate = tally.certificate() if tally.is_full else None
        if certificate is not None:
            self.done(ballot)
        return certificate

    def done(self, ballot: Ballot) -> None:
        """There is a certificate: no more is counted."""
        self._certified.add(ballot)
        self._tallies.pop(ballot, None)

    def by(self, voter: NodeId) -> list[Acknowledgement]:
        """The acknowledgements by `voter` that are remembered, the lowest view first."""
        views = self._latest.get(voter, {})
        return [each for view in sorted(views) for each in views[view]]

    def rivals(self, acknowledgement: Acknowledgement) -> tuple[Acknowledgement, ...]:
        """Earlier acknowledgements by the same voter in the same view, of other headers; remembers this one (V9)."""
        ballot = acknowledgement.ballot
        views = self._latest.get(acknowledgement.voter)
        if views is None:
            views = self._latest[acknowledgement.voter] = {}
        known = views.get(ballot.view, ())
        for place, each in enumerate(known):
            if each.ballot == ballot:
                return known[:place] + known[place + 1 :]
        views[ballot.view] = (*known[-1:], acknowledgement)
        if len(views) > VIEWS_MAX:
            del views[min(views)]
        return known
