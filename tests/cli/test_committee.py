"""`bac committee` on stores, without any node: draws counted again; and the test of stats against SciPy's."""

from __future__ import annotations

from random import Random

import pytest
from scipy import stats as scipy_stats

from bac.cli.committee import chi_square_tail, count
from bac.types import NodeId, Units
from bac.wire.block import Elector, Leader
from tests.cli.archived import story, write
from tests.cli.console import Console


@pytest.fixture
def town(console: Console) -> Console:
    write(console.directory / "net")
    return console


def test_the_last_draw_is_counted_again(town: Console) -> None:
    """RP-119: seed, proof, interval and seats of every claim; the places are those of the committee."""
    ran = town("committee", "verify", "--json")
    assert ran.status == 0, ran.err
    assert "8 committees follow from their seeds" in ran.err
    yard = story().town
    rows = ran.data
    placed = {row["identity"]: (row["place"], row["weight"]) for row in rows if row["place"] is not None}
    assert placed == {
        leader.identity.hex(): (place, leader.weight) for place, leader in enumerate(yard.epoch.committee)
    }
    for row in rows:
        assert (row["epoch"], row["verdict"], row["seed"]) == (7, "holds", yard.epoch.seed.hex())
        if row["draw"] is not None:
            assert row["low"] <= row["draw"] < row["high"]
            assert row["units"] <= row["total_units"]


def test_all_draws_or_a_chosen_one_are_shown(town: Console) -> None:
    """RP-119: epoch 0 is filled up by the seed of genesis, later ones by claims."""
    rows = town.data("committee", "verify", "--all")
    assert sorted({row["epoch"] for row in rows}) == list(range(8))
    first = [row for row in rows if row["epoch"] == 0]
    assert {row["seed_from"] for row in first} == {"genesis"}
    assert {row["role"] for row in first} == {"filled up"}
    assert town.data("committee", "verify", "--epoch", "3") == [row for row in rows if row["epoch"] == 3]
    ran = town("committee", "verify", "--epoch", "99", "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")


def draws(epochs: int, units: dict[NodeId, int], chances: dict[NodeId, int]) -> list[tuple[Leader, ...]]:
    """Committees whose primaries are drawn by `chances`."""
    chance = Random(7)
    identities = list(units)
    found = []
    for _ in range(epochs):
        first = chance.choices(identities, [chances[each] for each in identities])[0]
        found.append((Leader(first, 2), *(Leader(each, 1) for each in identities if each != first)))
    return found


def test_draws_that_follow_the_units_pass_and_others_do_not() -> None:
    """EL-51, EL-110: chi-square over the primaries, expected by the share of the units."""
    units = {NodeId(bytes([place]) * 32): 1000 * place for place in range(1, 6)}
    electors = tuple(Elector(each, b"k" * 32, Units(count_)) for each, count_ in units.items())
    fair = count([electors] * 601, draws(601, units, units), {})
    whole = fair[-1]
    assert (whole.name, whole.primary, whole.epochs) == ("all", 600, 600)
    assert whole.expected == pytest.approx(600)
    assert whole.chance is not None
    assert whole.chance > 0.01
    assert sum(row.chi_square for row in fair[:-1]) == pytest.approx(whole.chi_square)
    expected = [row.expected for row in fair[:-1]]
    statistic = scipy_stats.chisquare([row.primary for row in fair[:-1]], expected)
    assert (whole.chi_square, whole.chance) == pytest.approx((statistic.statistic, statistic.pvalue))
    unfair = count([electors] * 601, draws(601, units, dict.fromkeys(units, 1)), {})
    assert unfair[-1].chance is not None
    assert unfair[-1].chance < 1e-6


def test_who_no_longer_votes_is_not_expected_to_lead() -> None:
    """E6: winners who are not in the electorate that the committee serves are dropped."""
    units = {NodeId(bytes([place]) * 32): 1000 for place in range(1, 6)}
    electors = tuple(Elector(each, b"k" * 32, Units(1000)) for each in units)
    rows = count([electors, electors[1:]], draws(2, dict.fromkeys([*units][1:], 1), units), {})
    assert [row.identity for row in rows[:-1]] == [each.hex() for each in [*units][1:]]
    assert [row.expected for row in rows[:-1]] == [0.25] * 4


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30, 31])
def test_the_tail_of_chi_square(freedom: int) -> None:
    for statistic in (0.0, 0.5, 3.0, 12.0, 60.0):
        assert chi_square_tail(statistic, freedom) == pytest.approx(scipy_stats.chi2.sf(statistic, freedom), abs=1e-12)
