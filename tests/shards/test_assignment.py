"""The decisions one by one, as their rules say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from shards import (
    Assignment,
    Cause,
    Move,
    Params,
    Report,
    Summary,
    assign,
    decide_exchange,
    decide_join,
    decide_merge,
    decide_move,
    summarise,
)
from tests.shards.drawn import SMALL, crowd, drawn_towns, placed, report

PARAMS = Params(max_size=16, min_size=4)


def summaries(*shards: list[Report], params: Params = PARAMS) -> list[Summary]:
    return [summarise(k, reports, params) for k, reports in enumerate(shards)]


def test_an_arrival_joins_where_it_has_most_links() -> None:
    """SH-4"""
    near, nearer = crowd("a", 10, 100), crowd("b", 4, 0)
    assert decide_join(report("z", 0), summaries(near, nearer), PARAMS) == 0
    assert decide_join(report("z", 0), summaries(nearer, near), PARAMS) == 1


def test_an_arrival_passes_over_full_shards() -> None:
    """SH-4: those with links first, then the nearest within reach; if all are full, the one with most links."""
    full, roomy = crowd("a", 16, 0), crowd("b", 4, 250)
    assert decide_join(report("z", 0), summaries(full, roomy), PARAMS) == 1
    there = crowd("b", 4, 2_000)
    assert decide_join(report("z", 0), summaries(full, there), PARAMS) == 1
    beyond = crowd("b", 4, 3_200)
    assert decide_join(report("z", 0), summaries(full, beyond), PARAMS) == 0
    assert decide_join(report("z", 9_000), summaries(full, crowd("b", 16, 2_000)), PARAMS) == 1


def test_equal_links_end_at_the_nearer_centre_then_the_lower_number() -> None:
    """SH-4"""
    here, there = [report("a", 10)], [report("b", -20)]
    assert decide_join(report("z", 0), summaries(there, here), PARAMS) == 1
    assert decide_join(report("z", 0), summaries([report("a", 10)], [report("b", -10)]), PARAMS) == 0
    assert decide_join(report("z", 0), [], PARAMS) is None


def test_a_member_moves_for_links_above_the_cost() -> None:
    """SH-5: three instants a link; own 2 links, the other 5: gain 9 under a cost of 8, none under a cost of 9."""
    me = report("me", 0)
    own, other = [me, *crowd("a", 2, -100, spread_m=5)], crowd("b", 5, 100, spread_m=5)
    for cost, gain in ((8, 1), (9, None), (10, None)):
        params = Params(max_size=16, min_size=4, handover_cost=cost)
        mine, theirs = summaries(own, other, params=params)
        wanted = None if gain is None else Move(b"me", 0, 1, gain)
        assert decide_move(me, mine, [theirs], params) == wanted


def test_whether_the_target_has_room_is_not_the_askers_matter() -> None:
    """SH-5"""
    me = report("me", 0)
    own, other = summaries([me, *crowd("a", 3, 5_000)], crowd("b", 16, 0))
    assert decide_move(me, own, [other], PARAMS) == Move(b"me", 0, 1, 3 * 16 - 10)


def test_a_stray_moves_to_a_much_nearer_centre_if_no_link_is_lost() -> None:
    """SH-5: squares of distances more than 2 to 1."""
    own, other = crowd("a", 4, 0), crowd("b", 4, 2_400)

    def stray(x_m: float, *more: Report) -> Move | None:
        me = report("me", x_m)
        mine, theirs = summaries([me, *own, *more], other)
        return decide_move(me, mine, [theirs], PARAMS)

    assert stray(1_000) is None
    assert stray(1_700) == Move(b"me", 0, 1, 1)
    assert stray(1_700, report("friend", 1_700)) is None


def test_of_several_shards_the_best_is_asked_ties_at_the_lower_number() -> None:
    """SH-5"""
    me = report("me", 0)
    own = [me, *crowd("a", 3, 5_000)]
    left, right = crowd("b", 5, -100, spread_m=1), crowd("c", 5, 100, spread_m=1)
    mine, one, two = summaries(own, left, right)
    for neighbours in ([one, two], [two, one]):
        move = decide_move(me, mine, neighbours, PARAMS)
        assert move is not None
        assert move.target == 1


def test_a_full_shard_lets_the_least_attached_go_if_both_together_gain() -> None:
    """SH-6"""
    request = Move(b"in", 0, 1, 7)
    cheap, dear, away = Move(b"x", 1, 2, -6), Move(b"y", 1, 2, -7), Move(b"z", 1, 0, -5)
    assert decide_exchange(request, [away, cheap, dear], lambda shard: shard == 2) == away
    assert decide_exchange(request, [cheap, dear], lambda shard: shard == 2) == cheap
    assert decide_exchange(request, [dear], lambda shard: shard == 2) is None
    assert decide_exchange(request, [cheap], lambda _: False) is None
    assert decide_exchange(request, [], lambda _: True) is None


def test_a_small_shard_closes_into_the_neighbour_with_most_links_and_room() -> None:
    """SH-7"""
    small = crowd("a", 3, 0)
    linked, near, full = crowd("b", 8, 150), crowd("c", 8, -300), crowd("d", 14, 50)
    own, *others = summaries(small, linked, near, full)
    assert decide_merge(own, others, PARAMS) == 1
    assert decide_merge(own, others[1:], PARAMS) == 2
    assert decide_merge(own, others[2:], PARAMS) is None
    assert decide_merge(own, [own], PARAMS) is None
    standing, *rest = summaries(crowd("a", 4, 0), linked)
    assert decide_merge(standing, rest, PARAMS) is None


def test_without_links_the_nearest_takes_a_small_shard_in() -> None:
    """SH-7"""
    own, far, near = summaries(crowd("a", 2, 0), crowd("b", 8, 9_000), crowd("c", 8, -5_000))
    assert decide_merge(own, [far, near], PARAMS) == 2


@settings(max_examples=60)
@given(drawn_towns(24))
def test_assign_asks_exactly_what_the_members_decide(reports: list[Report]) -> None:
    """SH-10: with one round every voluntary change is the member's own decision from frozen summaries."""
    params = Params(max_size=24, min_size=1, rounds=1, handover_cost=3)
    parts = [reports[k::3] for k in range(3)]
    before = placed(**{f"s{k}": part for k, part in enumerate(parts) if part})
    known = [summarise(k, part, params) for k, part in enumerate(parts) if part]
    decided = {}
    for own in known:
        for member in parts[own.shard]:
            move = decide_move(member, own, [s for s in known if s.shard != own.shard], params)
            if move is not None:
                decided[move.vehicle] = move
    after = assign(reports, before, params)
    for change in after.changes:
        assert change.cause is Cause.MOVE
        move = decided.pop(change.vehicle)
        assert (change.source, change.target, change.gain) == (move.source, move.target, move.gain)
    # With room for all, a request fails only where its shard has come down to the minimum.
    sizes = {shard: len(members) for shard, members in after.members().items()}
    assert all(sizes[move.source] <= params.min_size for move in decided.values())


def test_the_first_assignment_founds_one_shard_and_splits_it() -> None:
    """SH-10"""
    left, right = crowd("a", 12, 0), crowd("b", 12, 3_000)
    first = assign(left + right, None, PARAMS)
    assert first.members() == {0: [r.id for r in left], 1: [r.id for r in right]}
    assert first.next_shard == 2
    assert {(change.source, change.cause) for change in first.changes} == {(None, Cause.JOIN)}
    assert assign([], None, PARAMS) == Assignment({}, 0)


def test_who_does_not_report_has_left_and_numbers_are_not_given_again() -> None:
    """SH-10"""
    left, right = crowd("a", 12, 0), crowd("b", 12, 3_000)
    first = assign(left + right, None, PARAMS)
    gone = assign(left, first, PARAMS)
    assert gone.members() == {0: [r.id for r in left]}
    assert gone.next_shard == 2
    back = assign(left + right, gone, PARAMS)
    assert back.members() == {0: [r.id for r in left], 2: [r.id for r in right]}


def test_a_shard_that_shrinks_merges_and_says_why() -> None:
    """SH-7, SH-10"""
    big, small = crowd("a", 10, 0), crowd("b", 3, 300)
    after = assign(big + small, placed(s0=big, s1=small), PARAMS)
    assert after.members() == {0: sorted(r.id for r in big + small)}
    assert [(c.vehicle, c.source, c.target, c.cause) for c in after.changes] == [
        (r.id, 1, 0, Cause.MERGE) for r in small
    ]


def test_where_all_are_full_members_change_places() -> None:
    """SH-6, SH-10: each stands in the other's crowd; without exchange both would stay for ever."""
    left, right = crowd("a", 15, 0), crowd("b", 15, 2_000)
    lost_left, lost_right = report("y", 2_000), report("z", 0)
    before = placed(s0=[*left, lost_left], s1=[*right, lost_right])
    after = assign([*left, *right, lost_left, lost_right], before, PARAMS)
    assert after.shard_of[b"y"] == 1
    assert after.shard_of[b"z"] == 0
    assert {change.vehicle for change in after.changes} == {b"y", b"z"}


def test_two_reports_of_one_vehicle_and_unknown_shards_are_the_callers_fault() -> None:
    with pytest.raises(ValueError, match="two reports of vehicle 7a"):
        assign([report("z", 0), report("z", 1)], None, SMALL)
    with pytest.raises(ValueError, match="shards from 2 on were never given"):
        assign([], Assignment({b"a": 2}, 2), SMALL)
