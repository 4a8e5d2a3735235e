"""`bac evidence` on stores, without any node: what was ordered, whom it convicts, judged again."""

from __future__ import annotations

from hashlib import sha256

import pytest

from bac.cli.evidence import facts_of
from bac.finality.validity import is_evidence
from bac.wire.evidence import DoubleAcknowledgement, InvalidItem
from tests.cli.archived import Alter, story, without, write
from tests.cli.console import Console
from tests.replica.test_court import double_headers, event_of
from tests.replica.yard import SHARD, Yard


@pytest.fixture
def town(console: Console) -> Console:
    write(console.directory / "net")
    return console


def ordered() -> tuple[int, bytes]:
    """Height and item of the evidence in the story that proves something."""
    return pieces()[0]


def pieces() -> list[tuple[int, bytes]]:
    """Heights and items of all evidence in the story."""
    return [
        (block.header.height, item) for block in story().town.blocks for item in block.body.items if is_evidence(item)
    ]


def test_what_was_proven_is_listed_with_whom_it_convicts(town: Console) -> None:
    """RP-116: the item by its SHA-256, where it was ordered, and its culprits."""
    height, item = ordered()
    row, useless = town.data("evidence", "list")
    assert (useless["deed_epoch"], useless["culprits"], useless["convicted"]) == (5, [], [])
    culprit = story().town.ids[int(story().forker[1:])].hex()
    assert (row["height"], row["evidence"]) == (height, sha256(item).hexdigest())
    assert (row["culprits"], row["convicted"], row["deed_epoch"]) == ([culprit], [culprit], 3)
    assert row["kind"] == "a fork of the hashgraph"
    assert town.data("evidence", "list", "--against", story().forker) == [row]
    assert town.data("evidence", "list", "--against", culprit[:8]) == [row]
    assert town.data("evidence", "list", "--against", story().absent) == []


def test_a_piece_is_shown_with_the_two_things_that_contradict_each_other(town: Console) -> None:
    _, item = ordered()
    row = town.data("evidence", "show", sha256(item).hexdigest()[:6])
    assert row["names"] == [story().forker]
    assert row["facts"]["both follow"] == "the beginning"
    assert row["facts"]["one event"] != row["facts"]["another event"]
    ran = town("evidence", "show", "ffff", "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")


def test_evidence_is_judged_again(town: Console) -> None:
    """RP-116: by the keys on the register; status 1 if a piece convicts nobody, though it was ordered."""
    good, useless = (sha256(item).hexdigest() for _, item in pieces())
    (row,) = town.data("evidence", "verify", good[:8])
    assert (row["verdict"], row["reason"]) == ("holds", None)
    ran = town("evidence", "verify", "--json")
    assert (ran.status, [each["evidence"] for each in ran.data]) == (1, [good, useless])
    assert [each["verdict"] for each in ran.data] == ["holds", "fails"]
    assert "proves nothing" in ran.data[1]["reason"]


def test_evidence_that_was_taken_out_is_missed(console: Console) -> None:
    """RP-111: a store that hides a conviction does not follow from its facts."""
    height, item = ordered()
    hidden: Alter = without(height, item)
    write(console.directory / "net", alter=hidden)
    ran = console("evidence", "list", "--json")
    assert (ran.status, ran.error["code"]) == (1, "check-failed")
    assert f"block {height} of epoch 3" in ran.error["message"]


def test_each_kind_says_what_contradicts_what() -> None:
    """The two headers, the item in its event, the two acknowledgements, by whom as far as that is told."""
    yard = Yard()
    headers = facts_of(double_headers(yard, yard.epoch.committee[0].identity))
    assert headers["one header"].startswith("height 1 ")
    assert headers["one header"] != headers["another header"]
    event = event_of(yard, yard.ids[0], (b"\xc1\xc1",))
    assert facts_of(InvalidItem(SHARD, 0, event, 0))["item"].startswith("0, 2 bytes")
    first = yard.acknowledge(yard.tip, yard.ids[0])
    both = facts_of(DoubleAcknowledgement(SHARD, 0, first, yard.certificate(yard.tip), (yard.tip.header,)))
    assert f"by {yard.ids[0].hex()[:12]}" in both["one acknowledges"]
    assert "signers" in both["another acknowledges"]
