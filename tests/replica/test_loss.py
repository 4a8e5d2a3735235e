"""What is lost once about one header must not hold up a leader until the epoch ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bac.params import MINIMAL
from bac.wire.block import Envelope
from bac.wire.votes import Acknowledgement, Certificate
from tests.replica.leaders import Leaders

LONG = replace(MINIMAL, epoch_rounds=24, epoch_us=15_000_000, view_timeout_us=8_000_000)


def is_about(message: Any, height: int) -> bool:
    """Whether a message makes the header of this height acceptable, or may help to."""
    match message:
        case Envelope():
            return message.header.height == height
        case Acknowledgement() | Certificate():
            return message.ballot.height == height
        case _:
            return False


def forgetful(seconds: float, loses: Callable[[int, Any], bool]) -> Leaders:
    """Four leaders; of what `loses` names, by receiver and message, nothing arrives at first."""
    stage = Leaders(params=LONG)
    drawn = stage.way
    stage.way = lambda sender, to, message: (
        () if stage.now < seconds * 1e6 and loses(to, message) else drawn(sender, to, message)
    )  # fmt: skip
    stage.boot()
    return stage


def test_what_a_quorum_vouches_for_needs_no_signatures() -> None:
    """V4: who missed all about one header executes it all the same, once the certificate of a later one is here."""
    stage = forgetful(4, lambda to, message: to == 3 and is_about(message, 2))
    stage.run(4)
    heights = [stage.node(each).finality.term.committed.header.height for each in range(4)]
    assert min(heights) >= 3
    assert stage.node(3).finality.term.epoch.number == 0

    stage.crash(3)
    stage.way = lambda *_: ()
    stage.boot(3)
    links = stage.node(3).finality.term.tree.links.values()
    assert all(link.envelope is None or link.envelope.signatures for link in links), (
        "it serves nothing that nobody takes"
    )


@pytest.mark.parametrize("kind", [Envelope, Acknowledgement])
def test_what_was_lost_is_said_again(kind: type) -> None:
    """RP-75, V8: one header's signatures, or all acknowledgements, are lost to everybody; no view is needed."""
    heights = range(2, 3) if kind is Envelope else range(2, 100)
    stage = forgetful(3, lambda _, message: isinstance(message, kind) and any(is_about(message, h) for h in heights))
    stage.run(6)
    terms = [stage.node(each).finality.term for each in range(4)]
    assert [(term.epoch.number, term.voter.view) for term in terms] == [(0, 0)] * 4
    assert min(term.committed.header.height for term in terms) >= 3


def whole(stage: Leaders) -> list[Any]:
    """Headers that leaders were sent with enough signatures, and certificates."""
    return [
        each
        for each in stage.sent
        if isinstance(each.message, Certificate)
        or (isinstance(each.message, Envelope) and len(each.message.signatures) > 2)
    ]


def test_leaders_are_not_told_again_what_goes_on() -> None:
    """V8, RP-75: unless it stands."""
    stage = Leaders(params=LONG)
    stage.boot()
    stage.run(5)
    assert stage.node(0).finality.term.height >= 4
    stage.sent.clear()
    stage.run(8)
    assert not whole(stage)
    drawn = stage.way
    stage.way = lambda sender, to, message: () if isinstance(message, Acknowledgement) else drawn(sender, to, message)
    stage.run(11.5)
    assert whole(stage)
