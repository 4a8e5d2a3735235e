"""Attacks on real nodes: connected peers notice nothing, and a newcomer gets in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bac.node import processes
from bac.node.framing import Kind
from bac.node.handshake import Refusal
from bac.node.identity import new_secrets
from bac.wire.codec import decode, encode
from bac.wire.sync import TransactionBatch
from tests.node.attacker import behaving, flooding, idle_connections, misbehave, throw_garbage
from tests.node.town import Town, town, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
NAMES = ["n00", "n01", "n02", "n03"]
NEWCOMER_SECONDS = 20.0


def disconnections(made: Town) -> int:
    """How often one of the four lost another of them."""
    honest = {made.net.home(name).identity.hex()[:16] for name in NAMES}
    lines = [line for name in NAMES for line in processes.logs(made.net.home(name), 10_000)]
    return sum('"disconnected"' in line and any(each in line for each in honest) for line in lines)


def seen_by(made: Town, name: str, other: str) -> dict[str, Any]:
    """What a node knows of a peer."""
    identity = made.net.home(other).identity
    with made.client(name) as client:
        return next((each for each in client.query("peers") if each["identity"] == identity), {})


def test_raw_connections_hold_up_nobody(tmp_path: Path) -> None:
    """NO-9, NO-11, NO-15: garbage, and a thousand idle connections; the newcomer joins through the attacked node."""
    with town(tmp_path / "net", 4, spares=1) as made, idle_connections(made.net.home("n00"), 1_000):
        throw_garbage(made.net.home("n00"), 64)
        newcomer = processes.add(made.net, via="n00")
        processes.wait(made.net, NEWCOMER_SECONDS, [*NAMES, newcomer])
        made.wait_final(newcomer, made.pay("n00", 20))
        assert disconnections(made) == 0


def test_a_loud_member_that_never_reads_delays_itself_alone(tmp_path: Path) -> None:
    """NO-9, NO-10, NO-11: valid messages as fast as they go, from who reads nothing that it is sent."""
    with town(tmp_path / "net", 5, spares=2, peer_frames_rate=200) as made:
        net = made.net
        message = encode(TransactionBatch((made.payer.transfer(net.home("n00").identity),)))
        made.payer.nonce -= 1
        sent, answers = [0], list[tuple[int, bytes]]()
        loud = partial(misbehave, net.secrets(net.home("n06")), net.home("n00"), flooding(message, sent), answers)
        with behaving(loud):
            until(lambda: seen_by(made, "n00", "n06").get("tally", {}).get("slowed down", 0) > 0, "it is slowed down")
            made.pay("n00", 50)
            newcomer = processes.add(net, via="n00")
            processes.wait(net, NEWCOMER_SECONDS, [*NAMES, newcomer])
            made.wait_final("n01", made.accepted)
            made.wait_final(newcomer, made.pay("n00", 5))  # it need not have the blocks from before it came
        assert sent[0] > 0
        assert answers[0][0] == Kind.WELCOME
        assert disconnections(made) == 0


def test_a_stranger_is_refused_by_name(tmp_path: Path) -> None:
    """NO-12, NO-13: who is no member is told so, and nothing that it says is read."""
    with town(tmp_path / "net", 4) as made:
        sent, answers = [0], list[tuple[int, bytes]]()
        stranger = partial(misbehave, new_secrets(), made.net.home("n00"), flooding(b"x" * 100, sent), answers)
        with behaving(stranger):
            until(lambda: bool(answers), "the stranger is answered")
            kind, content = answers[0]
            assert kind == Kind.REFUSED
            assert decode(Refusal, content).code == "stranger"
            made.wait_final("n01", made.pay("n00", 5))
        with made.client("n00") as client:
            status = client.query("status")
        assert status["tally"]["not admitted: stranger"] >= 1
        assert status["peers_known"] == 3
