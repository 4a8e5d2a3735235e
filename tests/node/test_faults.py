"""Real processes under load: killed, paused, cut off. What was reported is kept, nobody contradicts itself."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from bac.node import processes
from tests.node.town import PATIENCE, Town, judge, town, until

NAMES = ["n00", "n01", "n02", "n03"]


def kill_and_restart(made: Town, random: Random) -> None:
    """One kill -9 in the middle of transfers, and the way back."""
    victim = random.choice(NAMES)
    other = random.choice([name for name in NAMES if name != victim])
    made.pay(other, 5)
    before = made.reported(victim)
    processes.kill(made.net.home(victim))
    made.pay(other, 5)
    processes.start(made.net, [victim])
    until(lambda: made.commits(victim) >= 0, f"{victim} answers again")
    after = made.reported(victim)
    assert {number: after.get(number) for number in before} == before, "what it had reported is there, unchanged"
    made.wait_settled(victim)


def run_kills(path: Path, kills: int) -> None:
    random = Random(1)
    with town(path, 4) as made:
        for _ in range(kills):
            kill_and_restart(made, random)
        made.wait_connected(NAMES)
        codes: dict[bytes, str] = {}
        for name in NAMES:
            made.wait_settled(name)
            codes |= made.finals(name, made.accepted)
        assert codes == dict.fromkeys(made.accepted, ""), "nothing lost"
        with made.client("n00") as client:
            paid = client.query("account", owner=made.payer.keys.public)
        assert paid["nonce"] == made.payer.nonce, "nothing twice"
    judge(made.net, NAMES)


def test_ten_kills_under_load_lose_nothing(tmp_path: Path) -> None:
    """NO-4, NO-5, NO-6, NO-21, NO-22."""
    run_kills(tmp_path / "net", 10)


@pytest.mark.long
def test_a_hundred_kills_under_load_lose_nothing(tmp_path: Path) -> None:
    """NO-6, NO-21, NO-22."""
    run_kills(tmp_path / "net", 100)


def test_a_pause_and_a_partition_heal(tmp_path: Path) -> None:
    """NO-15, NO-16, NO-22: the others go on without the frozen one; two halves confirm nothing, and then everything."""
    with town(tmp_path / "net", 4, silence=3.0) as made:
        processes.pause(made.net.home("n03"))
        made.wait_final("n00", made.pay("n00", 5))
        processes.resume(made.net.home("n03"))
        made.wait_final("n03", made.accepted)
        halves = (["n00", "n01"], ["n02", "n03"])
        for half, other in (halves, halves[::-1]):
            for name in half:
                with made.client(name) as client:
                    client.cut([made.net.home(each).identity for each in other])
        ids = made.pay("n01", 3)
        stopped = made.commits("n00")
        made.pay("n00", 3)
        with made.client("n00") as client:
            assert client.final(ids[0]) is None, "no half has a quorum: unknown, it may still happen"
        assert made.commits("n00") - stopped <= 1
        for name in NAMES:
            with made.client(name) as client:
                client.cut([])
        made.wait_final("n02", made.accepted, 2 * PATIENCE)
    judge(made.net, NAMES)
