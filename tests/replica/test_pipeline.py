"""From closed rounds to blocks."""

from __future__ import annotations

from dataclasses import replace

from bac.finality.chain import Link, Verdict
from bac.params import MINIMAL
from bac.replica.graph import Round
from bac.replica.pipeline import PRESENT_ROUNDS, Pipeline
from bac.types import Micros
from bac.wire.block import RoundRecord
from bac.wire.codec import decode
from tests.replica.leaders import Leaders

SHORT = replace(MINIMAL, epoch_rounds=6, epoch_grace_rounds=2, seed_rounds=3)


def pipeline(stage: Leaders, node: int) -> Pipeline:
    return Pipeline(stage.node(node).finality.term)


def rounds(stage: Leaders, count: int, *items: bytes) -> list[Round]:
    """Rounds half a second apart, all leaders in each, the items in the first."""
    leaders = tuple(sorted(stage.epoch.leaders()))
    return [
        Round(number, Micros(500_000 * number), leaders, items if number == 1 else ())
        for number in range(1, count + 1)
    ]  # fmt: skip


def make_all(made: Pipeline) -> list[Link]:
    links = []
    while (link := made.make()) is not None:
        links.append(link)
    return links


def alone(stage: Leaders) -> Leaders:
    """All up, nobody hears anything."""
    stage.way = lambda *_: ()
    stage.boot()
    return stage


def test_each_round_makes_one_block_and_all_leaders_make_the_same() -> None:
    """RP-72: the record of the round, then its items; the r-th block is of round r."""
    stage = alone(Leaders())
    item = stage.transaction(0, 0)
    given = rounds(stage, 3, item)
    headers = []
    for node in range(4):
        made = pipeline(stage, node)
        made.push(given)
        links = make_all(made)
        headers.append([link.header for link in links])
        assert [(link.header.round, link.header.height) for link in links] == [(1, 1), (2, 2), (3, 3)]
        assert [link.parent for link in links] == [made._term.tree.root, *links[:-1]]
        first = links[0].body
        assert first is not None
        assert first.items[1:] == (item,)
        assert decode(RoundRecord, first.items[0]).witnesses == b"\x0f"
    assert headers == [headers[0]] * 4


def test_the_record_names_the_witnesses_in_the_order_of_succession() -> None:
    """RP-72: bit i stands for the i-th leader."""
    stage = alone(Leaders())
    made = pipeline(stage, 0)
    made.push([Round(1, Micros(1), (stage.epoch.leaders()[2], stage.epoch.leaders()[0]), ())])
    (link,) = make_all(made)
    assert link.body is not None
    assert decode(RoundRecord, link.body.items[0]).witnesses == b"\x05"


def test_the_time_of_a_block_is_its_rounds_but_above_the_parents() -> None:
    """RP-72: time never stands still, whatever the clocks of the leaders say."""
    stage = alone(Leaders())
    made = pipeline(stage, 0)
    leaders = tuple(sorted(stage.epoch.leaders()))
    made.push([Round(number, Micros(time), leaders, ()) for number, time in ((1, 900), (2, 400), (3, 901), (4, 5000))])
    assert [link.header.time_us for link in make_all(made)] == [900, 901, 902, 5000]


def test_blocks_are_made_ahead_of_signatures() -> None:
    """RP-73: each on the last one made; none of these is signed or confirmed."""
    stage = alone(Leaders())
    made = pipeline(stage, 0)
    made.push(rounds(stage, 4))
    links = make_all(made)
    assert len(links) == 4
    assert {(link.envelope, link.verdict) for link in links} == {(None, Verdict.OPEN)}
    assert made.tip is links[-1]


def test_beyond_the_last_round_none_is_made() -> None:
    """RP-73: without the lists of a quorum the last round has no valid header, and none comes after it."""
    stage = alone(Leaders(params=SHORT))
    made = pipeline(stage, 0)
    made.push(rounds(stage, 12))
    links = make_all(made)
    assert len(links) == SHORT.epoch_rounds + SHORT.epoch_grace_rounds
    assert made.is_done
    assert made.make() is None
    assert all(link.header.boundary is None for link in links)


def test_after_the_last_block_none_is_made_and_transactions_stay() -> None:
    """RP-73: the rounds after it are void; what was in them is in the pool, and ordered in the next epoch."""
    stage = Leaders()
    stage.boot()
    me = stage.seats[0]
    stage.run_while(lambda: not stage.lead(me).pipeline.is_done, 10)
    made = stage.lead(me).pipeline
    assert made.tip.header.boundary is not None
    stage.run_while(lambda: made.tip.envelope is None, 10)
    item = stage.pay(me)
    made.push([replace(each, number=99) for each in rounds(stage, 1)])
    assert made.make() is None
    stage.run_while(lambda: not any(item in block.body.items for block in stage.commits[me]), 20)
    (carrier,) = [block for block in stage.commits[me] if item in block.body.items]
    assert carrier.header.epoch == 1


def test_who_is_there_is_shown_by_the_last_rounds() -> None:
    """RP-78: famous witnesses of the last four, in the order of succession."""
    stage = alone(Leaders())
    made = pipeline(stage, 0)
    first, second, third, fourth = stage.epoch.leaders()
    given = [(fourth,), *[(third, first)] * (PRESENT_ROUNDS - 1), (second,)]
    for number, witnesses in enumerate(given, 1):
        made.push([Round(number, Micros(number), witnesses, ())])
        make_all(made)
        if number == PRESENT_ROUNDS:
            assert made.present() == (first, third, fourth)
    assert made.present() == (first, second, third)


def test_a_block_that_was_judged_before_is_not_made_again() -> None:
    """RP-72: after a restart, the blocks from the disk are those that the rounds make."""
    stage = Leaders()
    stage.boot()
    me = stage.seats[0]
    stage.run_while(lambda: stage.node(me).finality.term.height < 3, 5)
    before = [block.header for block in stage.commits[me]]
    stage.crash(me)
    stage.boot(me)
    stage.run_while(lambda: stage.lead(me).pipeline.tip.header.height < 6, 9)
    made = {link.header.height: link.header for link in stage.lead(me).pipeline.tip.path()}
    assert [made[header.height] for header in before] == before
    assert stage.accused == []
