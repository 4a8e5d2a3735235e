"""The rules with one of them taken out or weakened: each must let the search break agreement."""

from __future__ import annotations

from tests.model.headers import BOUNDARY
from tests.model.rules import Rules, State, Voter


class OneCertificateConfirms(Rules):
    """C1 without the second certificate: a header is confirmed as soon as it is certified."""

    def confirms(self, header: int) -> int | None:
        return header


class OneVotePerHeight(Rules):
    """V3 by height: never two acknowledgements at one height, but not one chain."""

    def extends(self, last: int, header: int) -> bool:
        return self.table[last].base != self.table[header].base or self.table[header].height > self.table[last].height


class StateWithoutHighest(Rules):
    """R3, R4 without the certificate: a state tells only where the epoch began."""

    def reports(self, voter: Voter, view: int, certified: int) -> list[int]:
        return [voter.base]


class AcknowledgingAfterState(Rules):
    """R3 without its promise: a state is sent, and the voter goes on in its old view until it votes in a new one."""

    def promise(self, voter: Voter, view: int, reported: int) -> Voter:
        return voter._replace(high=reported, states=(*voter.states, (voter.base, view, reported)))


class CertifiedBoundaryStartsEpoch(Rules):
    """E4 with a certificate in place of the C2 proof."""

    def starts_epoch(self, boundary: int, state: State) -> bool:
        return True


class OlderViewCounts(Rules):
    """C1 with certificates of an older view."""

    def confirms(self, header: int) -> int | None:
        justify = self.table[header].justify
        return justify if justify != self.table[header].base else None


class LastIsForgotten(Rules):
    """V1 without `last`: a restart makes a voter forget what it acknowledged in its view."""

    def restart(self, voter: Voter) -> Voter:
        return voter._replace(last=voter.base)


class NotTheHighest(Rules):
    """R4 without the comparison: a new view may stand on any certificate, whatever the states report."""

    def is_highest(self, rank: int, claimed: int) -> bool:
        return True


class SecondBoundary(Rules):
    """No R6: a view always opens with a boundary, though the epoch may have one that is certified."""

    def opening_kind(self, highest: int, base: int) -> int:
        return BOUNDARY


class HalfDishonest(Rules):
    """No rule changed, but the dishonest may have half of the units."""

    unsound = True
