"""Market ratings: once per pair and epoch, metered first, disputes cost both, reports are discounted."""

from __future__ import annotations

import ast
import itertools
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import election.rating
from election.opinion import HALF, Opinion
from election.rating import Outcome, RatingParams, Ratings, Trade, evaluate

PARAMS = RatingParams()
A, B, C, D = (name * 32 for name in (b"a", b"b", b"c", b"d"))
GOOD, ABORTED, DISPUTED, FALSE = Outcome


def trade(
    outcome: Outcome, first: bytes = A, second: bytes = B, *, fault: bytes | None = None, metered: bool = False,
    stars: tuple[int | None, int | None] = (None, None), label: int = 0,
) -> Trade:  # fmt: skip
    return Trade(label.to_bytes(4, "big"), (first, second), outcome, fault, metered, stars)


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    first, second = draw(st.permutations((A, B, C, D)))[:2]
    outcome = draw(st.sampled_from(Outcome))
    metered = outcome is FALSE or (outcome is not DISPUTED and draw(st.booleans()))
    fault = draw(st.sampled_from((first, second))) if outcome in (ABORTED, FALSE) else None
    stars = draw(st.tuples(st.none() | st.integers(1, 5), st.none() | st.integers(1, 5)))
    return trade(outcome, first, second, fault=fault, metered=metered, stars=stars, label=draw(st.integers(0, 99)))


def expected(ratings: Ratings, subject: bytes) -> Fraction:
    return ratings.of(subject, PARAMS).expected


def after(*epochs: list[Trade]) -> Ratings:
    ratings = Ratings()
    for one in epochs:
        ratings = evaluate(ratings, one, PARAMS)
    return ratings


def test_a_stranger_is_all_uncertainty() -> None:
    """EL-90."""
    assert after().of(A, PARAMS) == Opinion.vacuous(HALF)


def test_delivery_speaks_for_both() -> None:
    """EL-90."""
    ratings = after([trade(GOOD, metered=True)])
    assert ratings.of(A, PARAMS) == ratings.of(B, PARAMS) == Opinion.from_evidence(1, 0, 0, 2).rounded(1 << 16)


def test_a_pair_counts_once_per_epoch() -> None:
    """EL-91: a thousand trades of two friends are worth one."""
    many = [trade(GOOD, label=i) for i in range(1000)]
    assert after(many) == after([trade(GOOD)])
    assert after([*many, trade(GOOD, B, A, label=5000)]) == after([trade(GOOD)])


def test_a_pair_never_weighs_more_than_its_cases() -> None:
    """EL-91: however long it trades."""
    long_friends = after(*[[trade(GOOD)]] * 400)
    assert sum(long_friends.testimony[A, B, False]) <= PARAMS.pair_cases << 16
    many_partners = after(*[[trade(GOOD, bytes([i]) * 32, B, metered=True) for i in range(20)]] * 20)
    assert expected(many_partners, B) > expected(long_friends, B)
    both = after(*[[trade(GOOD)], [trade(GOOD, metered=True)]] * 400)
    assert [sum(both.testimony[A, B, metered]) <= PARAMS.pair_cases << 16 for metered in (False, True)] == [True, True]


@pytest.mark.parametrize(("friends", "percent"), [((A, B), 90), ((A, B, C), 96)])
def test_a_circle_of_friends_praises_itself_up_to_a_bound(friends: tuple[bytes, ...], percent: int) -> None:
    """EL-91, EL-95: the bound is in the record: no case of theirs is metered, and no pair weighs more than 16."""
    pairs = list(itertools.combinations(friends, 2))
    circle = after(*[[trade(GOOD, *pair, stars=(5, 5), label=i) for i, pair in enumerate(pairs)]] * 100)
    for friend in friends:
        assert percent - 1 < 100 * expected(circle, friend) < percent + 1
    assert not any(metered for _, _, metered in circle.testimony)


def test_metered_first_then_the_gravest() -> None:
    """EL-91: good trades do not hide a bad one, and a station's word precedes the parties'."""
    bad, good = trade(FALSE, fault=B, metered=True, label=9), trade(GOOD, metered=True, label=1)
    assert after([good, bad]) == after([bad])
    assert after([trade(DISPUTED, label=1), trade(GOOD, metered=True, label=2)]) == after([trade(GOOD, metered=True)])
    assert after([trade(GOOD, label=1), trade(DISPUTED, label=2)]) == after([trade(DISPUTED)])


@given(st.lists(trades(), max_size=12), st.integers(0, 99))
@settings(max_examples=100)
def test_the_order_of_trades_makes_no_difference(several: list[Trade], shuffle: int) -> None:
    """EL-92: ties within an epoch fall by id; results come in one order."""
    several = list({one.id: one for one in several}.values())
    mixed = several[:]
    random.Random(shuffle).shuffle(mixed)
    ratings = evaluate(after([trade(GOOD, C, D)]), several, PARAMS)
    again = evaluate(after([trade(GOOD, C, D)]), mixed, PARAMS)
    assert ratings == again
    assert list(ratings.testimony) == list(again.testimony) == sorted(ratings.testimony)
    assert list(ratings.opinions) == sorted(ratings.opinions)


def test_the_station_s_meter_convicts_one_and_clears_the_other() -> None:
    """EL-93."""
    ratings = after([trade(FALSE, fault=B, metered=True)])
    assert ratings.of(B, PARAMS).disbelief == Fraction(21845, 65536)
    assert ratings.of(A, PARAMS) == after([trade(GOOD, metered=True)]).of(A, PARAMS)


def test_a_dispute_costs_both_the_same_doubt() -> None:
    """EL-94: whoever of the two is better known or trusted."""
    before = after(*[[trade(GOOD, A, C, metered=True), trade(GOOD, B, C, metered=True)]] * 5)
    known = after(*[[trade(GOOD, A, C, metered=True), trade(GOOD, B, C, metered=True), trade(GOOD, A, D)]] * 5)
    for ratings in (before, known):
        disputed = evaluate(ratings, [trade(DISPUTED)], PARAMS)
        calm = evaluate(ratings, [], PARAMS)
        for party in (A, B):
            assert disputed.testimony[(B if party == A else A), party, False] == (0, 0, 1 << 16)
            assert expected(disputed, party) < expected(calm, party)
            assert disputed.of(party, PARAMS).disbelief == calm.of(party, PARAMS).disbelief
    same = evaluate(before, [trade(DISPUTED)], PARAMS)
    assert same.of(A, PARAMS) == same.of(B, PARAMS)


def test_who_withdraws_is_doubtful() -> None:
    """EL-94: with nobody at fault, both are."""
    before = after(*[[trade(GOOD, A, C, metered=True), trade(GOOD, B, C, metered=True)]] * 5)
    calm = evaluate(before, [], PARAMS)
    blamed = evaluate(before, [trade(ABORTED, fault=B)], PARAMS)
    assert expected(blamed, B) < expected(calm, B)
    assert expected(blamed, A) == expected(calm, A)
    both = evaluate(before, [trade(ABORTED)], PARAMS)
    assert expected(both, A) == expected(both, B) < expected(calm, A)


def test_reports_are_discounted_by_the_reporter_s_rating_metered_trades_are_not() -> None:
    """EL-95: a liar's word is worth less than an honest party's, the station's the same."""
    liar = after(*[[trade(FALSE, A, C, fault=A, metered=True), trade(GOOD, D, C, metered=True)]] * 6)
    assert expected(liar, A) < HALF < expected(liar, D)
    by_liar, by_honest = evaluate(liar, [trade(GOOD, A, B)], PARAMS), evaluate(liar, [trade(GOOD, D, B)], PARAMS)
    assert HALF < expected(by_liar, B) < expected(by_honest, B)
    one, other = (evaluate(liar, [trade(GOOD, who, B, metered=True)], PARAMS) for who in (A, D))
    assert one.of(B, PARAMS) == other.of(B, PARAMS)


def test_stars_are_reports_even_of_metered_trades() -> None:
    """EL-95: five stars are one honest case, one star one dishonest case, before the discount."""
    plain = after([trade(GOOD, metered=True)])
    for stars, relation in ((5, 1), (1, -1)):
        rated = after([trade(GOOD, metered=True, stars=(stars, None))])
        assert (expected(rated, B) > expected(plain, B)) == (relation > 0)
        assert rated.of(A, PARAMS) == plain.of(A, PARAMS)
    assert after([trade(GOOD, stars=(3, None))]).testimony[A, B, False] == (3 << 15, 1 << 15, 0)


def test_ratings_fade_without_trades() -> None:
    """EL-96: half in a day of epochs with default constants, and at last nothing."""
    params = RatingParams(keep=Fraction(7, 8))
    ratings = evaluate(Ratings(), [trade(GOOD, metered=True)], params)
    trail = [ratings.of(A, params).expected]
    while ratings.testimony:
        ratings = evaluate(ratings, [], params)
        trail.append(ratings.of(A, params).expected)
    assert trail == sorted(trail, reverse=True)
    assert trail[-1] == HALF
    assert len(trail) < 200
    assert abs(float(PARAMS.keep**5678) - 0.5) < 0.001


@given(st.lists(st.lists(trades(), max_size=6), max_size=6))
@settings(max_examples=60)
def test_ratings_are_opinions_in_whole_steps(epochs: list[list[Trade]]) -> None:
    """EL-92: multiples of 2^-16, so that numbers never grow from epoch to epoch."""
    ratings = after(*epochs)
    for opinion in ratings.opinions.values():
        assert 65536 % opinion.belief.denominator == 65536 % opinion.disbelief.denominator == 0
        assert opinion.base_rate == HALF
    assert all(type(count) is int and count >= 0 for tally in ratings.testimony.values() for count in tally)


def test_voting_units_know_no_market() -> None:
    """EL-97: none of the modules behind voting units imports ratings."""
    package = Path(election.rating.__file__).parent
    for name in ("standing", "reputation", "explain", "electorate", "committee", "draw", "sortition"):
        tree = ast.parse((package / f"{name}.py").read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {module for module in imported if module and "rating" in module}
        assert imported


@pytest.mark.parametrize(
    "bad",
    [
        {"outcome": GOOD, "second": A},
        {"outcome": ABORTED, "fault": C},
        {"outcome": FALSE, "metered": True},
        {"outcome": FALSE, "fault": A},
        {"outcome": GOOD, "fault": A},
        {"outcome": DISPUTED, "metered": True},
        {"outcome": DISPUTED, "fault": B},
        {"outcome": GOOD, "stars": (0, None)},
        {"outcome": GOOD, "stars": (None, 6)},
    ],
)
def test_bad_trades(bad: dict[str, Any]) -> None:
    """EL-98."""
    with pytest.raises(ValueError, match=r"nobody|party|parties|station|stars"):
        trade(**bad)
    with pytest.raises(ValueError, match="shares"):
        RatingParams(keep=Fraction(2))
    with pytest.raises(ValueError, match="at least 1"):
        RatingParams(pair_cases=0)
