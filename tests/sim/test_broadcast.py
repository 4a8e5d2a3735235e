"""The simulator's own protocol, by hand: what it accepts, what it rejects, what its evidence proves."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from bac.errors import Code, Rejected
from bac.protocol import Accuse, Commit, Construction, Effect, Persist, Protocol, Send
from bac.sim.broadcast.messages import (
    Certificate,
    Inventory,
    TwoBlocks,
    TwoEchoes,
    genesis_hash,
    root_of,
)
from bac.sim.broadcast.node import EchoNode, Params, two_echoes
from bac.sim.broadcast.rules import culprits, is_certified
from bac.sim.disk import Disk
from bac.types import Micros
from tests.sim.blocks import GENESIS, IDS, PAIRS, SUITE, block, certificate, echo, payment
from tests.sim.contract import check_rejection

NOW = Micros(0)


def node(place: int = 0, disk: Disk | None = None) -> EchoNode:
    disk = disk or Disk()
    return EchoNode(Construction(GENESIS, Params(), PAIRS[place], Random(0), disk.log, disk, SUITE))


def test_a_block_is_recorded_echoed_once_and_confirmed_by_its_certificate() -> None:
    here = node()
    persist, send = here.on_message(IDS[1], block(), NOW)
    assert isinstance(persist, Persist)
    assert send == Send((IDS[1],), echo(0, block()))
    assert list(here.on_message(IDS[1], block(), NOW)) == [send], "repeated as it was"
    proof = certificate(block(), 1, 2, 3)
    *records, commit = here.on_message(IDS[1], proof, NOW)
    assert commit == Commit(block(), proof)
    assert all(isinstance(record, Persist) for record in records)
    assert list(here.on_message(IDS[1], proof, NOW)) == [], "confirmed once"


def test_an_owner_certifies_with_echoes_of_more_than_two_thirds() -> None:
    here = node()
    sent = [effect.message for effect in here.on_transaction(payment(1), NOW) if isinstance(effect, Send)]
    (own,) = sent
    assert list(here.on_message(IDS[1], echo(1, own), NOW)) == []
    done = here.on_message(IDS[2], echo(2, own), NOW)
    proofs = [effect.proof for effect in done if isinstance(effect, Commit)]
    assert [is_certified(GENESIS, SUITE, proof) for proof in proofs] == [True]
    assert list(here.on_transaction(payment(1), NOW)) == [], "the same payment is made once"


def test_two_blocks_of_one_owner_are_shown_and_not_echoed() -> None:
    here = node()
    here.on_message(IDS[1], block(), NOW)
    other = block(amount=11)
    (accuse,) = here.on_message(IDS[1], other, NOW)
    assert accuse == Accuse(TwoBlocks(block(), other))
    assert list(here.on_message(IDS[1], other, NOW)) == [], "shown once"
    assert culprits(GENESIS, SUITE, TwoBlocks(block(), other)) == (IDS[1],)


def test_evidence_convicts_by_signatures_only() -> None:
    one, other = certificate(block(), 0, 2, 3), certificate(block(amount=11), 1, 2, 3)
    found = two_echoes(one, other)
    assert [culprits(GENESIS, SUITE, evidence) for evidence in found] == [(IDS[2],), (IDS[3],)]
    assert two_echoes(one, one) == []
    forged = msgspec.structs.replace(echo(2, other.block), signature=b"x" * 64)
    nothing: list[TwoBlocks | TwoEchoes] = [
        TwoEchoes(echo(2, block()), echo(2, block())),
        TwoEchoes(echo(2, block()), echo(3, other.block)),
        TwoEchoes(echo(2, block()), forged),
        TwoEchoes(echo(2, block()), echo(2, block(owner=3))),
        TwoBlocks(block(), block()),
        TwoBlocks(block(), block(owner=2)),
        TwoBlocks(block(), block(height=2)),
        TwoBlocks(block(), msgspec.structs.replace(block(amount=11), signature=b"x" * 64)),
    ]
    assert [culprits(GENESIS, SUITE, evidence) for evidence in nothing] == [()] * len(nothing)


def test_a_laggard_is_served_in_order_and_a_commit_is_repeated_after_a_restart() -> None:
    """SI-6."""
    ahead = node()
    disk = Disk()
    for effect in (effects := [*ahead.on_message(IDS[1], certificate(block(), 1, 2, 3), NOW)]):
        if isinstance(effect, Persist):
            disk.persist(effect)
    assert any(isinstance(effect, Commit) for effect in effects)
    again = node(disk=disk)
    commits = [effect for effect in again.start(NOW) if isinstance(effect, Commit)]
    assert [commit.block for commit in commits] == [block()], "reported again after the restart"
    served = again.on_message(IDS[2], Inventory((0, 0, 0, 0)), NOW)
    assert served == [Send((IDS[2],), certificate(block(), 1, 2, 3))]
    assert again.on_message(IDS[2], Inventory((0, 1, 0, 0)), NOW) == []


def unsound(of: Certificate, **changes: Any) -> Certificate:
    return msgspec.structs.replace(of, **changes)


SOUND = certificate(block(), 1, 2, 3)
BAD: dict[str, tuple[Code, Any]] = {
    "block, bad signature": (Code.BAD_SIGNATURE, msgspec.structs.replace(block(), signature=b"x" * 64)),
    "block, no such owner": (Code.BAD_SIGNATURE, msgspec.structs.replace(block(), owner=9)),
    "block, not affordable": (Code.MALFORMED, block(amount=101)),
    "block, wrong root": (Code.MALFORMED, block(state_root=root_of(1, 0))),
    "block, wrong parent": (Code.MALFORMED, block(parent=genesis_hash(2))),
    "echo for another owner": (Code.BAD_SIGNATURE, echo(2, block())),
    "certificate, too few": (Code.NO_QUORUM, certificate(block(), 1, 2)),
    "certificate, one twice": (Code.NO_QUORUM, certificate(block(), 1, 1, 2)),
    "certificate, not ascending": (Code.NO_QUORUM, certificate(block(), 3, 2, 1)),
    "certificate, of another block": (Code.NO_QUORUM, unsound(SOUND, block=block(amount=9))),
    "certificate, foreign echo": (Code.NO_QUORUM, unsound(SOUND, echoes=(*SOUND.echoes[:2], echo(3, block(owner=2))))),
    "inventory, too short": (Code.MALFORMED, Inventory((1, 2, 3))),
    "not for peers": (Code.MALFORMED, payment(1)),
}


@pytest.mark.parametrize(("code", "message"), BAD.values(), ids=list(BAD))
def test_what_is_bad_is_rejected_and_changes_nothing(code: Code, message: Any) -> None:
    """SI-3."""
    with pytest.raises(Rejected) as caught:
        node().on_message(IDS[1], message, NOW)
    assert caught.value.code is code
    good: list[Callable[[Protocol], list[Effect]]] = [
        lambda up: list(up.start(NOW)),
        lambda up: list(up.on_transaction(payment(7), NOW)),
        lambda up: list(up.on_message(IDS[3], Inventory((1, 1, 1, 1)), NOW)),
        lambda up: list(up.on_message(IDS[2], block(owner=2), NOW)),
        lambda up: list(up.on_timer("repeat", Micros(300_000))),
    ]
    check_rejection(node, [*good[:3], lambda up: up.on_message(IDS[1], message, NOW), *good[3:]], 3)


def test_an_owner_does_not_promise_more_than_it_has() -> None:
    here = node()
    here.on_transaction(payment(1, 60), NOW)
    with pytest.raises(Rejected) as caught:
        here.on_transaction(payment(2, 41), NOW)
    assert caught.value.code is Code.INSUFFICIENT_BALANCE
    assert [type(effect) for effect in here.on_transaction(payment(3, 40), NOW)] == [Persist]
