"""The operator's part in a restart, with nodes that say what the test wants (NO-31)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bac.cli import restarting
from bac.cli.errors import CommandFailed
from bac.cli.restarting import Operator, Plan
from bac.types import NodeId
from bac.wire.codec import decode, encode
from bac.wire.transactions import AuthorityOrder, Order, Reconfigure, Summon

IDS = [NodeId(bytes([number]) * 32) for number in range(1, 8)]
PLAN = Plan(None, is_trusting=False, patience=0.3)


def statements(retired: int, digest: bytes = b"d" * 32, *, is_enough: bool = True) -> dict[str, Any]:
    """What a node says when the first so many of seven voters have retired."""
    return {
        "epoch": 3, "retired_units": retired, "total_units": 7, "is_enough": is_enough, "voters_min": 4,
        "parent": b"p" * 32, "parent_height": 41, "parent_view": 0, "digest": digest, "restart": None,
        "members": [
            {"identity": each, "units": 1, "has_retired": place < retired} for place, each in enumerate(IDS)
        ],
    }  # fmt: skip


class Faked(Operator):
    """An operator of nodes a, b, c, of the first three voters."""

    def __init__(self, kept: Path, **said: dict[str, Any]) -> None:
        homes = {name: SimpleNamespace(identity=IDS[place]) for place, name in enumerate(said)}
        network: Any = SimpleNamespace(homes=homes, path=kept)
        member: Any = SimpleNamespace(network=b"n" * 32, shard=0)
        self.said, self.told, self.ends, self.silent, self.height = said, list[Order](), True, 3, 42
        super().__init__(network, lambda order: Order(encode(order), bytes(64)), member, kept)

    def __post_init__(self) -> None:
        self.names = tuple(self.said)

    def ask(self, question: str) -> dict[str, dict[str, Any]]:
        if question == "retirements":
            return self.said
        if question == "health":
            known = {"restart": {"epoch": 3}, "silent_units": self.silent, "total_units": 7}
            return dict.fromkeys(self.names, known)
        is_over = self.ends and any(isinstance(order, Reconfigure) for order in self.orders())
        self.height += self.silent < 3
        return {name: {"epoch": 4 if is_over else 3, "height": self.height} for name in self.names}

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
    """NO-31: not what a single one says, were it of more units."""
    liar = statements(6, b"l" * 32)
    operator = Faked(tmp_path / "restarts", a=statements(4), b=liar, c=statements(4))
    (done,) = operator.run(PLAN)
    summons, order = operator.orders()
    assert summons == Summon(3)
    assert order == Reconfigure(41, b"p" * 32, b"d" * 32, tuple(IDS[4:]))  # type: ignore[arg-type]
    assert done.order == order


def test_one_order_is_signed_for_an_epoch(tmp_path: Path) -> None:
    """NO-31, R14: whoever runs it again hands in the same one, whatever the nodes say then."""
    first = Faked(tmp_path / "restarts", a=statements(4), b=statements(4), c=statements(4))
    first.ends = False
    with pytest.raises(CommandFailed) as caught:
        list(first.run(PLAN))
    assert caught.value.code == "timeout"
    again = Faked(tmp_path / "restarts", a=statements(5, b"e" * 32), b=statements(5, b"e" * 32), c=statements(5))
    list(again.run(PLAN))
    assert again.orders()[-1] == first.orders()[-1]


def test_what_cannot_be_ordered_is_not_signed(tmp_path: Path) -> None:
    """NO-31: too few have retired, or would be left; who retired is not removed."""
    few = statements(4, is_enough=False)
    assert fails(Faked(tmp_path, a=few, b=few, c=few)) == "too-few-retired"
    three = statements(3)
    assert fails(Faked(tmp_path, a=three, b=three, c=three)) == "too-few-left"
    good = statements(4)
    named = Plan(frozenset({IDS[0]}), is_trusting=True, patience=0.3)
    assert fails(Faked(tmp_path, a=good, b=good, c=good), named) == "has-retired"
    (done,) = Faked(tmp_path, a=few, b=few, c=few).run(Plan(None, is_trusting=True, patience=0.3))
    assert len(done.order.removed) == 3


def test_a_shard_that_confirms_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO-31: nobody is summoned while blocks are confirmed, nor before it is sure that no quorum is there."""
    monkeypatch.setattr(restarting, "WATCH_SECONDS", 0.2)
    nobody = statements(0)
    growing = Faked(tmp_path, a=nobody, b=nobody, c=nobody)
    growing.silent = 1
    assert fails(growing) == "not-at-a-standstill"
    assert growing.told == []
    dead = Faked(tmp_path, a=nobody, b=nobody, c=nobody)
    dead.require_standstill(Plan(None, is_trusting=False, patience=30))
