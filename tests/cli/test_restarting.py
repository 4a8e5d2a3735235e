"""The operator's part in a restart, with nodes that say what the test wants (NO-31)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from bac.cli import restarting
from bac.cli.errors import CommandFailed
from bac.cli.restarting import Operator, Plan
from bac.finality.newview import gather
from bac.params import PRESETS
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.codec import decode, encode
from bac.wire.header import RETIREMENT_VIEW, Rank
from bac.wire.transactions import REMOVED_MAX, AuthorityOrder, Order, Reconfigure, Summon
from bac.wire.votes import Ballot, Certificate, State, StateAnnouncement, retirements_digest

IDS: Final = [NodeId(bytes([number]) * 32) for number in range(1, 8)]
STRANGER: Final = NodeId(b"s" * 32)
PLAN: Final = Plan(None, is_trusting=False, patience=0.3)
BASE: Final = Rank(-1, Height(40), Hash(b"b" * 32))
TOP: Final = Certificate(Ballot(3, 0, Height(41), Hash(b"p" * 32)), b"\x1f", bytes(64))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarting, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(restarting, "CONVINCED_SECONDS", 0.1)
    monkeypatch.setattr(restarting, "LAGGARDS_SECONDS", 0.1)
    monkeypatch.setattr(restarting, "POLL_SECONDS", 0.01)


def state_of(
    identity: NodeId, clock: int = 7, certificate: Certificate | None = None, high: Rank = BASE
) -> StateAnnouncement:
    """A voter's statement; by default it knows no certificate."""
    if certificate is not None:
        high = Rank(certificate.ballot.view, certificate.ballot.height, certificate.ballot.header_hash)
    state = State(3, RETIREMENT_VIEW, high, Micros(clock), identity, bytes(64))
    return StateAnnouncement(state, certificate, None)


TRUE: Final = [state_of(IDS[0], certificate=TOP), *(state_of(each) for each in IDS[1:])]


def statements(
    retired: int, *others: StateAnnouncement, units: Mapping[NodeId, int] | None = None, orders: tuple[bytes, ...] = ()
) -> dict[str, Any]:
    """What a node says when the first so many of seven voters have retired, and what else some of them stated."""
    known = {each.state.identity: each for each in (*TRUE[:retired], *others)}
    members = dict.fromkeys(IDS, 1) if units is None else units
    return {
        "epoch": 3, "retired_units": len(known), "total_units": sum(members.values()), "restart": None,
        "base": BASE.hash, "base_height": BASE.height, "orders": list(orders),
        "members": [
            {"identity": each, "units": held, "statement": encode(known[each]) if each in known else None}
            for each, held in members.items()
        ],
    }  # fmt: skip


def digest(*announced: StateAnnouncement) -> Hash:
    return retirements_digest(gather(announced))


class Faked(Operator):
    """An operator of nodes a, b, c, of the first three voters."""

    def __init__(self, kept: Path, **said: dict[str, Any]) -> None:
        homes = {name: SimpleNamespace(identity=IDS[place]) for place, name in enumerate(said)}
        network: Any = SimpleNamespace(homes=homes, path=kept)
        member: Any = SimpleNamespace(network=b"n" * 32, shard=0, params_digest=PRESETS["minimal"].digest())
        self.said, self.told, self.ends, self.height = said, list[Order](), {*said}, 42
        self.silent: dict[str, int | None] = dict.fromkeys(said, 3)
        self.heights, self.is_growing = dict[str, int](), False
        super().__init__(network, lambda order: Order(encode(order), bytes(64)), member, kept)

    def __post_init__(self) -> None:
        self.names = tuple(self.said)

    def ask(self, question: str) -> dict[str, Any]:
        over = self.ends if any(isinstance(order, Reconfigure) for order in self.orders()) else set[str]()
        epochs = {name: 3 + (name in over) for name in self.names}
        if question == "retirements":
            return self.said
        if question == "members":
            known = [{"identity": each} for each in IDS]
            return dict.fromkeys(self.names, known) | {"a": [*known, {"identity": STRANGER}]}
        if question == "health":
            return {
                name: {"restart": {"epoch": 3}, "epoch": epochs[name], "silent_units": units, "total_units": 7}
                for name, units in self.silent.items()
            }
        self.height += self.is_growing
        return {name: {"epoch": epochs[name], "height": self.heights.get(name, self.height)} for name in self.names}

    def tell(self, operation: Order) -> None:
        self.told.append(operation)

    def orders(self) -> list[AuthorityOrder]:
        return [decode(AuthorityOrder, each.order, 2**15) for each in self.told]


def fails(operator: Faked, plan: Plan = PLAN) -> str:
    with pytest.raises(CommandFailed) as caught:
        list(operator.run(plan))
    assert not any(isinstance(order, Reconfigure) for order in operator.orders())
    return caught.value.code


def test_what_most_nodes_say_is_ordered(tmp_path: Path) -> None:
    """NO-31, R12: not what a single one says, were it of more units; a highest certificate is where it goes on."""
    liar = statements(4, state_of(IDS[4], certificate=TOP), state_of(IDS[5]))
    operator = Faked(tmp_path / "restarts", a=statements(4), b=liar, c=statements(4))
    (done,) = operator.run(PLAN)
    summons, order = operator.orders()
    assert summons == Summon(3)
    assert order == Reconfigure(Height(41), Hash(b"p" * 32), digest(*TRUE[:4]), tuple(IDS[4:]))
    assert done.order == order
    assert (done.shown.retired_units, done.shown.total_units, done.shown.is_enough) == (4, 7, True)


def test_a_voter_that_tells_every_node_another_statement_is_removed(tmp_path: Path) -> None:
    """NO-31: it counts as not retired, and keeps nobody else from agreement; with others to remove it is named."""
    told = [statements(3, TRUE[4], TRUE[5], state_of(IDS[3], clock)) for clock in (1, 2, 3)]
    operator = Faked(tmp_path / "restarts", a=told[0], b=told[1], c=told[2])
    (done,) = operator.run(PLAN)
    assert done.order.removed == (IDS[3], IDS[6])
    assert done.order.retirements == digest(*TRUE[:3], TRUE[4], TRUE[5])
    named = Plan(frozenset({IDS[6]}), is_trusting=False, patience=0.3)
    assert fails(Faked(tmp_path, a=told[0], b=told[1], c=told[2]), named) == "no-agreement"
    both = Plan(frozenset({IDS[3], IDS[6]}), is_trusting=False, patience=0.3)
    assert [each.order for each in Faked(tmp_path / "other", a=told[0], b=told[1], c=told[2]).run(both)] == [done.order]


def test_an_order_rests_on_what_one_node_has_whole(tmp_path: Path) -> None:
    """NO-31: nodes build a restart on statements that they have; several liars could leave nobody with all of them."""
    other = [state_of(each, clock=9) for each in IDS]
    told = [
        statements(7, other[5]), statements(7, other[6]), statements(7, other[4]), statements(7, other[5]),
    ]  # fmt: skip
    operator = Faked(tmp_path / "restarts", a=told[0], b=told[1], c=told[2], d=told[3], e=told[1])
    (done,) = operator.run(PLAN)
    assert done.order.removed == (IDS[5],)
    assert done.shown.disputed == {IDS[5]}
    assert done.order.retirements == digest(*TRUE[:5], TRUE[6])


def test_two_nodes_do_not_outvote_themselves(tmp_path: Path) -> None:
    """NO-31: one node's word is not more than half of two."""
    assert fails(Faked(tmp_path, a=statements(5), b=statements(0))) == "timeout"


def test_a_statement_without_what_it_claims_is_none(tmp_path: Path) -> None:
    """NO-31, R3: another certificate, another boundary, another voter, or bytes that are none."""
    high = Rank(0, Height(99), Hash(b"x" * 32))
    odd = [
        encode(StateAnnouncement(state_of(IDS[3], high=high).state, TOP, None)),
        encode(state_of(IDS[3], high=high)), encode(state_of(IDS[5])), b"nonsense",
    ]  # fmt: skip
    for data in odd:
        told = statements(3)
        told["members"][3]["statement"] = data
        assert fails(Faked(tmp_path, a=told, b=told, c=told)) == "too-few-left"


def test_one_order_is_signed_for_an_epoch(tmp_path: Path) -> None:
    """NO-31, R14: whoever runs it again hands in the same one, whatever the nodes say then."""
    first = Faked(tmp_path / "restarts", a=statements(4), b=statements(4), c=statements(4))
    first.ends = set()
    with pytest.raises(CommandFailed) as caught:
        list(first.run(PLAN))
    assert caught.value.code == "timeout"
    again = Faked(tmp_path / "restarts", a=statements(5), b=statements(5), c=statements(5))
    list(again.run(PLAN))
    assert again.orders()[-1] == first.orders()[-1]


def test_an_order_that_the_nodes_know_is_handed_in_again(tmp_path: Path) -> None:
    """NO-31, R14: the file stays behind where the authority is copied; what it did not sign is no order."""
    signed = Order(encode(Reconfigure(Height(40), BASE.hash, Hash(b"d" * 32), tuple(IDS[5:]))), bytes(64))
    forged = Order(encode(Reconfigure(Height(40), BASE.hash, Hash(b"e" * 32), ())), b"f" * 64)
    known = statements(4, orders=(encode(forged), encode(signed)))
    operator = Faked(
        tmp_path / "restarts", a=known, b=statements(4, orders=(b"nonsense", encode(forged))), c=statements(4)
    )
    (done,) = operator.run(PLAN)
    assert operator.told[-1] == signed
    assert done.file.read_bytes() == encode(signed)


def test_what_cannot_be_ordered_is_not_signed(tmp_path: Path) -> None:
    """NO-31: too few have retired, or would be left; who retired is not removed; no order removes so many."""
    three = statements(3)
    assert fails(Faked(tmp_path, a=three, b=three, c=three)) == "too-few-left"
    named = Plan(frozenset(IDS[4:]), is_trusting=False, patience=0.3)
    assert fails(Faked(tmp_path, a=three, b=three, c=three), named) == "too-few-retired"
    good = statements(4)
    mine = Plan(frozenset({IDS[0]}), is_trusting=True, patience=0.3)
    assert fails(Faked(tmp_path, a=good, b=good, c=good), mine) == "has-retired"
    stranger = Plan(frozenset({STRANGER}), is_trusting=True, patience=0.3)
    unsure = Faked(tmp_path, a=good, b=good, c=good)
    assert fails(unsure, stranger) == "not-found"
    assert unsure.told == []
    (done,) = Faked(tmp_path / "restarts", a=three, b=three, c=three).run(replace(named, is_trusting=True))
    assert len(done.order.removed) == 3
    crowd = {NodeId(number.to_bytes(32, "big")): 1 for number in range(REMOVED_MAX + 1)}
    many = statements(4, units=dict.fromkeys(IDS[:4], 1000) | crowd)
    assert fails(Faked(tmp_path, a=many, b=many, c=many)) == "too-many-removed"


def test_a_shard_that_confirms_is_left_alone(tmp_path: Path) -> None:
    """NO-31: nobody is summoned while blocks are confirmed, nor before it is sure that no quorum is there."""
    nobody = statements(0)
    growing = Faked(tmp_path, a=nobody, b=nobody, c=nobody)
    growing.silent, growing.is_growing = dict.fromkeys("abc", 1), True
    assert fails(growing) == "not-at-a-standstill"
    assert growing.told == []
    dead = Faked(tmp_path, a=nobody, b=nobody, c=nobody)
    assert fails(dead) == "timeout"
    assert dead.orders() == [Summon(3)]


@pytest.mark.parametrize(("silent", "cause"), [(None, "no node waits in vain"), (2, "more than two thirds")])
def test_a_quiet_shard_is_no_standstill(tmp_path: Path, silent: int | None, cause: str) -> None:
    """NO-31: where nothing is confirmed since nothing is to be, or everybody is heard, nobody is summoned."""
    nobody = statements(0)
    quiet = Faked(tmp_path, a=nobody, b=nobody, c=nobody)
    quiet.silent = {"a": silent and 3, "b": silent, "c": silent and 3}
    with pytest.raises(CommandFailed) as caught:
        list(quiet.run(PLAN))
    assert caught.value.code == "not-at-a-standstill"
    assert cause in caught.value.cause
    assert quiet.told == []
    assert fails(quiet, replace(PLAN, patience=0.1)) == "usage"


def test_a_standstill_is_watched_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO-31: nobody is summoned when the patience runs out before that."""
    nobody = statements(0)
    hasty = Faked(tmp_path, a=nobody, b=nobody, c=nobody)
    monkeypatch.setattr(restarting, "WATCH_SECONDS", 0.29)
    monkeypatch.setattr(restarting, "POLL_SECONDS", 0.2)
    with pytest.raises(CommandFailed) as caught:
        list(hasty.run(PLAN))
    assert (caught.value.code, caught.value.cause) == (
        "not-at-a-standstill", "no quorum was heard, but for less than 0.29s",
    )  # fmt: skip
    assert hasty.told == []


def test_one_node_neither_grows_nor_retires_nor_advances_for_all(tmp_path: Path) -> None:
    """NO-31: height, epoch and retirements are what more than half have reached."""
    lone = Faked(tmp_path, a=statements(0), b=statements(1), c=statements(0))
    lone.silent = dict.fromkeys("abc", 1)
    assert fails(lone) == "not-at-a-standstill"
    assert lone.told == []
    boast = Faked(tmp_path / "restarts", a=statements(4), b=statements(4), c=statements(4))
    boast.heights["b"] = 10**6
    assert len([*boast.run(PLAN)]) == 1


def test_laggards_are_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """NO-31: most nodes have confirmed the end of the epoch; the others are named."""
    operator = Faked(tmp_path / "restarts", a=statements(4), b=statements(4), c=statements(4))
    operator.ends = {"a", "c"}
    assert len([*operator.run(PLAN)]) == 1
    assert "catch up: b" in capsys.readouterr().err
    operator = Faked(tmp_path / "others", a=statements(4), b=statements(4), c=statements(4))
    operator.ends = {"a"}
    with pytest.raises(CommandFailed) as caught:
        list(operator.run(PLAN))
    assert caught.value.code == "timeout"
