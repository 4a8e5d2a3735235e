"""One test per claim of the papers, on graphs drawn by hand."""

from __future__ import annotations

from hashgraph import Event, Hashgraph, OrderedEvent
from tests.hashgraph.drawn import draw_by_hand
from tests.hashgraph.naive import Naive

FIVE = {name.encode(): 1 for name in "abcde"}

# Fig. 7 of the BAC paper: b5 reaches c1 by three paths, through B and C, through B, D and C, and through B, E and C.
# a5 then strongly sees a1, c1, d1 and e1.
FIG_7 = draw_by_hand(
    """
    a1: ; b1: ; c1: ; d1: ; e1: ;
    c2: c1 d1 ; d2: d1 c1 ; e2: e1 c1 ; b2: b1 c2 ; b3: b2 d2 ; b4: b3 e2 ;
    e3: e2 a1 ; a2: a1 b4 ; a3: a2 d2 ; c3: c2 e3 ; b5: b4 e3 ; a4: a3 c3 ; a5: a4 b5
    """
)


def run(events: dict[str, Event], members: dict[bytes, int], coin_period: int = 10) -> tuple[Hashgraph, list[str]]:
    graph = Hashgraph(members, coin_period)
    ordered: list[OrderedEvent] = []
    for event in events.values():
        ordered += graph.insert(event)
    return graph, [each.event.id.decode() for each in ordered]


def test_fig_7_b5_strongly_sees_c1() -> None:
    """BAC paper, Fig. 7: the paths pass B, C, D and E, four of five members: more than 2/3 (HG-4)."""
    twin = Naive(FIVE, list(FIG_7.values()))
    assert twin.strongly_sees(FIG_7["b5"], FIG_7["c1"])


def test_fig_7_counts_members_not_paths() -> None:
    """without the path through E only three of five members are passed (HG-4)."""
    fewer = draw_by_hand(
        "a1: ; b1: ; c1: ; d1: ; e1: ; c2: c1 d1 ; d2: d1 c1 ; b2: b1 c2 ; b3: b2 d2 ; b4: b3 c2 ; b5: b4 d2"
    )
    assert not Naive(FIVE, list(fewer.values())).strongly_sees(fewer["b5"], fewer["c1"])


def test_fig_7_a5_strongly_sees_four_and_begins_round_2() -> None:
    """BAC paper IV.C: "a5 strongly sees a1, c1, d1, and e1, so a5 is in a new round R = 2" (HG-5)."""
    twin = Naive(FIVE, list(FIG_7.values()))
    assert [name for name in ("a1", "b1", "c1", "d1", "e1") if twin.strongly_sees(FIG_7["a5"], FIG_7[name])] == [
        "a1", "c1", "d1", "e1",
    ]  # fmt: skip
    graph, _ = run(FIG_7, FIVE)
    assert graph.round(b"a5") == 2
    assert graph.is_witness(b"a5")
    assert {graph.round(event.id) for name, event in FIG_7.items() if name != "a5"} == {1}


def layers(count: int, members: str = "abcd") -> dict[str, Event]:
    """Each member makes an event on all of the layer before."""
    text = ";".join(f"{m}1:" for m in members)
    for layer in range(2, count + 1):
        for m in members:
            text += f"; {m}{layer}: {m}{layer - 1} " + " ".join(f"{o}{layer - 1}" for o in members if o != m)
    return draw_by_hand(text)


FOUR = {name.encode(): 1 for name in "abcd"}


def test_a_witness_is_the_first_micro_block_of_a_member_in_a_round() -> None:
    """BAC paper IV.C, "Virtual Voting": a witness is the first micro block created in a round."""
    graph, _ = run(layers(5), FOUR)
    # A layer shows the one before, the next one lets three members show it: a round takes two layers.
    assert [graph.round(f"a{layer}".encode()) for layer in range(1, 6)] == [1, 1, 2, 2, 3]
    assert [graph.is_witness(f"a{layer}".encode()) for layer in range(1, 6)] == [True, False, True, False, True]


def test_famous_two_rounds_later() -> None:
    """BAC paper IV.C: y1…y4 in R + 1 see x in R; z in R + 2 strongly sees them and confirms x at once (HG-6)."""
    graph, _ = run(layers(4), FOUR)
    assert graph.is_famous(b"a1") is None
    graph, _ = run(layers(5), FOUR)
    assert [graph.is_famous(f"{m}1".encode()) for m in "abcd"] == [True] * 4


def test_a_late_witness_is_not_famous_and_changes_nothing() -> None:
    """Finding of the review: a late witness is harmless, since every voter that could help it has voted no (HG-6)."""
    events = layers(7, "abc")
    graph, before = run(events, FOUR)
    assert before
    assert graph.insert(Event(b"d1", b"d", None, (), 5, (), bytes(32))) == []
    assert graph.is_famous(b"d1") is False


def test_an_event_is_received_when_all_unique_famous_witnesses_have_it_as_ancestor() -> None:
    """Baird 2016, "findOrder": round 1's witnesses are received in round 2, whose famous witnesses all know them."""
    graph, order = run(layers(7), FOUR)
    assert sorted(order[:4]) == ["a1", "b1", "c1", "d1"]
    assert [(graph.placed(f"{m}1".encode()) or (0, 0))[0] for m in "abcd"] == [2] * 4
    assert (graph.placed(b"a2") or (0, 0))[0] == 2


def test_the_consensus_time_is_the_weighted_median_of_when_members_first_knew() -> None:
    """HG-8: of a1, the times are a1's own 10 and 50 + 10k of the first events above it: b2, c2, d2."""
    events = layers(7)
    graph, _ = run(events, FOUR)
    firsts = sorted([events["a1"].time_us, *(events[f"{m}2"].time_us for m in "bcd")])
    assert graph.placed(b"a1") == (2, firsts[2])
    heavy = {b"a": 2, b"b": 1, b"c": 1, b"d": 1}
    graph, _ = run(events, heavy)
    assert graph.placed(b"a1") == (2, firsts[1]), "10 has weight 2 of 5, the next one passes the half"


def test_a_fork_that_is_seen_hides_its_creator() -> None:
    """HG-3: who has both branches among its ancestors sees neither."""
    events = draw_by_hand("a1: ; b1: ; d1: ; d2: d1 a1 ; d2': d1 b1 ; a2: a1 d2 ; b2: b1 d2' ; a3: a2 b2")
    twin = Naive(FOUR, list(events.values()))
    assert events["d2"].id in twin.seen[b"a2"]
    assert {events["d1"].id, events["d2"].id, events["d2'"].id}.isdisjoint(twin.seen[b"a3"])
    assert events["b2"].id in twin.seen[b"a3"]


def test_one_member_alone_orders_its_events() -> None:
    text = "a1: ; " + " ; ".join(f"a{n}: a{n - 1}" for n in range(2, 9))
    graph, order = run(draw_by_hand(text), {b"a": 1})
    assert order == [f"a{n}" for n in range(1, len(order) + 1)]
    assert len(order) >= 4
    assert graph.round(b"a8") == 8


def test_voters_that_see_a_fork_do_not_decide_against_the_others() -> None:
    """HG-6, HG-10: one forker of four. Without abstentions the view of c5 decides b1 famous, the view of f5 not.

    By the papers' rule voters whose round comes from a parent see the fork of f, collect a tie or nothing, and vote
    yes; c5 then collects enough of such votes to decide.
    """
    members = {name.encode(): 1 for name in "abcf"}
    events = draw_by_hand(
        """
        a1: ; c1: ; f1: - a1 ; b1: ; c2: c1 f1 ; f2: f1 c1 ; a2: a1 f1 c1 ; c3: c2 f2 a2 ; a3: a2 f2 c2 ; f3: f2 c2 a2
        ; b2: b1 a3 f3 ; a4: a3 b2 ; f4: f3 a4 ; a5: a4 c3 ; f5: f3 a5 ; f6: ; b3: b2 f4 f6 ; c4: c3 f4 f6 ; a6: a5 c4
        b3 ; b4: b3 a6 ; c5: c4 b4
        """
    )
    assert sum(Naive(members, list(events.values())).votes[voter, b"b1"] is None for voter in (b"b3", b"c4")) > 0
    views = [below(events, name) for name in ("f5", "c5")]
    fames = [run(view, members)[0].is_famous(b"b1") for view in views]
    assert fames == [False, None]
    assert run(events, members)[0].is_famous(b"b1") is False


def below(events: dict[str, Event], name: str) -> dict[str, Event]:
    """The event and its ancestors."""
    kept: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in kept:
            kept.add(each)
            event = events[each]
            waiting += [p.decode() for p in (event.self_parent, *event.other_parents) if p is not None]
    return {each: event for each, event in events.items() if each in kept}
