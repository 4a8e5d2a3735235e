"""NO-3: with each epoch a node's process forgets what is of no use any more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bac.finality.chain import header_hash
from bac.node.engine import find_engine
from bac.node.identity import identity_of, new_secrets
from bac.node.ledger_engine import COLLECTED, LedgerMember
from bac.wire.transactions import decode_transaction, obligations

MESSAGE = b"said in epoch 0"


class Knot:
    """What refers to itself, as headers do by way of their parents and children."""

    def __init__(self) -> None:
        self.own = self


def make_member() -> LedgerMember:
    secrets = [new_secrets() for _ in range(4)]
    engine = find_engine("bac")
    genesis = engine.found(secrets, {"authority": identity_of(new_secrets()).hex(), "time_us": 0})
    return cast(LedgerMember, engine.join(genesis, secrets[0]))


def in_epoch(member: LedgerMember, number: int) -> Any:
    """A protocol object as far as `membership` looks at it."""
    ground = member._ground
    state = SimpleNamespace(state=SimpleNamespace(ledger=member._state))
    epoch = SimpleNamespace(number=number, electorate=ground.epoch.electorate, leaders=ground.epoch.leaders)
    term = SimpleNamespace(epoch=epoch, committed=state, tree=SimpleNamespace(root=state))
    return SimpleNamespace(finality=SimpleNamespace(term=term))


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is collected unasked."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_an_epoch_leaves_nothing_behind() -> None:
    """Signatures stay good for the next epoch; what was decoded goes at once, garbage in cycles with some epochs."""
    member = make_member()
    member.membership(in_epoch(member, 0))
    signature = member.keys.sign(MESSAGE)
    assert member.suite.verify(member.identity, MESSAGE, signature)
    header_hash(member._ground.epoch.base)
    knot = weakref.ref(Knot())
    member.membership(in_epoch(member, 0))
    assert header_hash.cache_info().currsize
    assert knot() is not None
    member.membership(in_epoch(member, 1))
    assert not any(memory.cache_info().currsize for memory in (decode_transaction, obligations, header_hash))
    assert member.suite.knows(member.identity, MESSAGE, signature)
    member.membership(in_epoch(member, 2))
    assert not member.suite.knows(member.identity, MESSAGE, signature)
    for number in range(3, 3 + COLLECTED):
        member.membership(in_epoch(member, number))
    assert knot() is None
