"""Market ratings: how far a trading partner can be trusted. They never enter voting units.

Theory of operation
-------------------
Trades are easy to stage: two friends sell a watt-hour to and fro, and both meters are theirs. So three things bound
what trades are worth:

1. *Once per pair and epoch.* Of all trades of two parties in an epoch one counts: a station-metered one before others,
   then the one with the gravest outcome (or a bad one could be drowned in good ones), then the lowest id. And one
   party's testimony on another never weighs more than `pair_cases` cases, however long they trade.
2. *Metered or reported.* What a station's meter shows needs no belief in the parties. What only they report is
   discounted by the market rating that the reporting party had after the epoch before (so ratings do not depend on each
   other in a circle), a stranger's by the base rate. Stars are always reports.
3. *Disputes.* If the parties' meters disagree and no station read, nobody knows who lies: both get the same doubt. That
   there is a dispute is a fact and no report, so doubt is never discounted; and it is added to what all sources
   together say, because one source's doubt alone is ignorance, which fusion passes over.

For each ordered pair the record holds decayed counts of what the rater saw the subject do. They give an opinion per
source; a subject's rating is their cumulative fusion with the doubts added, rounded once, to 2^-16 (Jøsang 2016, 12.3
and 14.3; BAC paper IV.D, which takes evidence and opinions from there).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from election.opinion import HALF, JOSANG_PRIOR, Opinion, fuse_all
from election.standing import SCALE

STARS_MAX = 5

Source = tuple[bytes, bytes, bool]
"""Rater, subject, and whether a station metered."""

Tally = tuple[int, int, int]
"""Honest, dishonest and doubtful cases in multiples of 2^-16."""


class Outcome(enum.IntEnum):
    """How a trade ended, by gravity."""

    DELIVERED = 0
    """Both parties' meters agree, and the station's where there is one."""
    ABORTED = 1
    """The party at fault withdrew after the match; with nobody at fault, both are doubtful."""
    DISPUTED = 2
    """The parties' meters disagree, and no station read."""
    CONTRADICTED = 3
    """The station's meter contradicts the party at fault, and agrees with the other."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One settled, aborted or disputed trade.

    Attributes:
        id: its unique id, which breaks ties.
        parties: the two traders.
        outcome: how it ended.
        at_fault: the party that withdrew or was contradicted.
        metered: whether a station's meter read it.
        stars: from 1 to 5, what the first party says of the second and the second of the first; None: nothing.

    Raises:
        ValueError: the parties are one, or fault, metering or stars do not go with the outcome.
    """

    id: bytes
    parties: tuple[bytes, bytes]
    outcome: Outcome
    at_fault: bytes | None = None
    metered: bool = False
    stars: tuple[int | None, int | None] = (None, None)

    def __post_init__(self) -> None:
        if self.parties[0] == self.parties[1]:
            raise ValueError("nobody trades with itself")
        if self.at_fault is not None and self.at_fault not in self.parties:
            raise ValueError("the party at fault is one of the two")
        if self.outcome is Outcome.CONTRADICTED and not (self.metered and self.at_fault):
            raise ValueError("a station's meter contradicts one of the parties")
        if self.outcome in (Outcome.DELIVERED, Outcome.DISPUTED) and self.at_fault is not None:
            raise ValueError(f"nobody is at fault when a trade is {self.outcome.name.lower()}")
        if self.outcome is Outcome.DISPUTED and self.metered:
            raise ValueError("a station's reading settles a dispute")
        if any(stars is not None and not 1 <= stars <= STARS_MAX for stars in self.stars):
            raise ValueError(f"stars are 1 to {STARS_MAX}")


@dataclass(frozen=True, slots=True)
class RatingParams:
    """The constants of market ratings.

    Attributes:
        prior: W, cases that ignorance is worth.
        base_rate: expectation of a stranger.
        keep: share of the counts that survives an epoch; the default halves them in a day of epochs of 15 s.
        pair_cases: most cases that one party's testimony on another weighs, metered and reported apart.
    """

    prior: int = JOSANG_PRIOR
    base_rate: Fraction = HALF
    keep: Fraction = Fraction(8191, 8192)
    pair_cases: int = 16

    def __post_init__(self) -> None:
        if self.prior < 1 or self.pair_cases < 1 or not (0 <= self.base_rate <= 1 and 0 <= self.keep <= 1):
            raise ValueError("prior and pair_cases are at least 1, base_rate and keep are shares")


@dataclass(frozen=True, slots=True)
class Ratings:
    """The market's memory after an epoch: testimony by source, and the rating of each subject."""

    testimony: Mapping[Source, Tally] = field(default_factory=dict)
    opinions: Mapping[bytes, Opinion] = field(default_factory=dict)

    def of(self, subject: bytes, params: RatingParams) -> Opinion:
        """The subject's rating; a stranger's is all uncertainty."""
        return self.opinions.get(subject, Opinion.vacuous(params.base_rate))


def evaluate(ratings: Ratings, trades: Iterable[Trade], params: RatingParams) -> Ratings:
    """The ratings after an epoch with these trades, in whatever order they are given."""
    fresh = _testify(_counted(trades))
    testimony = {}
    for source in sorted({*ratings.testimony, *fresh}):
        tally = _aged(ratings.testimony.get(source, (0, 0, 0)), fresh.get(source, (0, 0, 0)), params)
        if any(tally):
            testimony[source] = tally
    views: dict[bytes, list[Opinion]] = {}
    doubts: dict[bytes, int] = {}
    for (rater, subject, metered), (honest, dishonest, doubtful) in testimony.items():
        counts = Fraction(honest, SCALE), Fraction(dishonest, SCALE)
        view = Opinion.from_evidence(*counts, 0, params.prior, params.base_rate)
        views.setdefault(subject, []).append(view if metered else view.discount(ratings.of(rater, params)))
        doubts[subject] = doubts.get(subject, 0) + doubtful
    opinions = {subject: _rating(views[subject], Fraction(doubts[subject], SCALE), params) for subject in sorted(views)}
    return Ratings(testimony, opinions)


def _rating(views: Iterable[Opinion], doubts: Fraction, params: RatingParams) -> Opinion:
    honest, dishonest = fuse_all(views).evidence(params.prior)
    return Opinion.from_evidence(honest, dishonest, doubts, params.prior, params.base_rate).rounded(SCALE)


def _counted(trades: Iterable[Trade]) -> list[Trade]:
    """One trade of each pair: metered first, then the gravest, then the lowest id."""
    chosen: dict[frozenset[bytes], Trade] = {}
    for trade in sorted(trades, key=lambda trade: (not trade.metered, -trade.outcome, trade.id)):
        chosen.setdefault(frozenset(trade.parties), trade)
    return list(chosen.values())


def _testify(trades: Iterable[Trade]) -> dict[Source, Tally]:
    """What each party of the counted trades says of the other, in cases of 2^16."""
    said: dict[Source, Tally] = {}
    for trade in trades:
        first, second = trade.parties
        for rater, subject, stars in ((first, second, trade.stars[0]), (second, first, trade.stars[1])):
            _add(said, (rater, subject, trade.metered), _conduct(trade, subject))
            if stars is not None:
                _add(said, (rater, subject, False), _feedback(stars))
    return said


def _conduct(trade: Trade, subject: bytes) -> Tally:
    if trade.outcome is Outcome.DELIVERED:
        return (SCALE, 0, 0)
    if trade.outcome is Outcome.CONTRADICTED:
        return (0, SCALE, 0) if subject == trade.at_fault else (SCALE, 0, 0)
    if trade.at_fault is not None and subject != trade.at_fault:
        return (0, 0, 0)
    return (0, 0, SCALE)


def _feedback(stars: int) -> Tally:
    """One case, honest and dishonest in proportion: five stars all honest, one star all dishonest."""
    share = SCALE // (STARS_MAX - 1)
    return (share * (stars - 1), share * (STARS_MAX - stars), 0)


def _add(said: dict[Source, Tally], source: Source, tally: Tally) -> None:
    honest, dishonest, doubtful = said.get(source, (0, 0, 0))
    said[source] = (honest + tally[0], dishonest + tally[1], doubtful + tally[2])


def _aged(known: Tally, fresh: Tally, params: RatingParams) -> Tally:
    """What was known, decayed, and what is new; all in proportion down to `pair_cases`; rounded down once."""
    exact = [old * params.keep + new for old, new in zip(known, fresh, strict=True)]
    total, most = sum(exact, Fraction(0)), params.pair_cases * SCALE
    share = most / total if total > most else 1
    honest, dishonest, doubtful = (math.floor(count * share) for count in exact)
    return honest, dishonest, doubtful
