"""Nodes as processes, and their clients."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from bac.client import Client, Final, Refused, TimedOut, Unreachable
from bac.node import network, processes
from bac.node.network import load
from bac.node.requests import BUSY
from bac.types import Micros
from tests.node.town import PATIENCE, id_of, town, until


def test_a_client_is_answered_final_rejected_or_unknown(tmp_path: Path) -> None:
    """NO-17, NO-18, NO-19: one network, everything that a client does."""
    with town(tmp_path / "net", 4) as made, made.client("n00") as client:
        (identity,) = made.pay("n00", 1)
        (final,) = made.wait_final("n03", [identity])
        member = made.net.member(made.net.home("n03"))
        assert final.is_proven(member)
        forged = final.proof[:-1] + bytes((final.proof[-1] ^ 1,))
        assert not Final(bytes(32), "", final.commit, final.block, final.proof).is_proven(member)
        assert not Final(identity, "", final.commit, final.block, forged).is_proven(member)

        later = made.payer.transfer(made.payer.keys.public, fee=20_000)
        made.payer.nonce -= 1
        cheap = made.payer.transfer(made.payer.keys.public, fee=1)
        made.payer.nonce -= 1
        assert [receipt.code for receipt in client.submit([cheap, b"nonsense"])] == ["fee-too-low", "malformed"]
        assert client.final(id_of(later)) is None, "unknown: it may still happen"
        with pytest.raises(TimedOut):
            client.wait(id_of(later), 0.1)

        too_much = made.payer.transfer(made.net.home("n00").identity, amount=10**15)
        (receipt,) = client.submit([too_much])
        (refused,) = made.wait_final("n02", [receipt.id])
        assert refused.code == "insufficient-balance", "final, and without effect"

        with made.client("n01") as follower:
            notices = follower.follow(1, with_blocks=True)
            seen = [next(notices) for _ in range(2)]
            assert [notice.commit for notice in seen] == [1, 2]
            assert sha256(seen[0].block).digest() == made.reported("n01")[1]
            ids = made.pay("n00", 3)
            decided: set[bytes] = set()
            while not decided >= set(ids):
                decided |= {each for each, _ in next(notices).outcomes}

        with pytest.raises(ValueError, match="no question"):
            client.query("nonsense")
        with pytest.raises(ValueError, match="numbered from 1"):
            client.query("commits", first=0)
        with pytest.raises(ValueError, match="arguments that do not fit"):
            client.query("commits", nonsense=0)
        socket = made.net.home("n00").path / "control.sock"
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_of_two_with_one_nonce_one_is_final_and_the_other_rejected(tmp_path: Path) -> None:
    """NO-18: what was accepted and lost its nonce to another is not waited for in vain."""
    with town(tmp_path / "net", 4) as made:
        rivals = []
        for name, fee in (("n00", 20_000), ("n01", 40_000)):
            with made.client(name) as client:
                (receipt,) = client.submit([made.payer.transfer(made.net.home(name).identity, fee=fee)])
            assert receipt.code == ""
            rivals.append((name, receipt.id))
            made.payer.nonce = 0
        refused: list[bytes] = []
        for name, identity in rivals:
            with made.client(name) as client, suppress(Refused):
                client.wait(identity, PATIENCE)
                continue
            with made.client(name) as client, pytest.raises(Refused, match="nonce-used"):
                client.wait(identity, PATIENCE)
            refused.append(identity)
        assert len(refused) == 1


def test_who_submits_too_much_is_told_busy(tmp_path: Path) -> None:
    """NO-20: each transaction is answered, none is lost silently."""
    with town(tmp_path / "net", 4, pool_transactions=20) as made, made.client("n00") as client:
        transfers = [made.payer.transfer(made.payer.keys.public) for _ in range(100)]
        receipts = client.submit(transfers)
        accepted = [receipt.id for receipt in receipts if receipt.code == ""]
        assert len(receipts) == 100
        assert {receipt.code for receipt in receipts} == {"", BUSY}
        assert [receipt.id for receipt in receipts] == [id_of(each) for each in transfers]
        made.wait_final("n00", accepted)


def test_verbs_do_what_they_say(tmp_path: Path) -> None:
    """NO-21: stop, start, pause, status, logs; a damaged store keeps its node down and is named in the log."""
    with town(tmp_path / "net", 4) as made:
        net, home = load(made.net.path), made.net.home("n03")
        assert net == made.net
        processes.pause(home)
        assert next(processes.status(net, ["n03"])).is_paused
        processes.resume(home)
        processes.stop(net, ["n03"])
        status = next(processes.status(net, ["n03"]))
        assert (status.pid, status.report) == (None, None)
        with pytest.raises(processes.NotRunning):
            processes.kill(home)
        with pytest.raises(Unreachable):
            Client(home.path)
        assert '"event": "stopped"' in processes.logs(home, 1)[0]
        data = bytearray(home.store.read_bytes())
        data[4096:] = bytes(len(data) - 4096)
        home.store.write_bytes(bytes(data))
        processes.start(net, ["n03"])
        until(lambda: "unfit store" in "".join(processes.logs(home, 1)), "the damage is named")
        until(lambda: processes.pid_of(home) is None, "it does not run")


def test_nodes_in_the_foreground_end_with_ctrl_c_and_leave_nothing(tmp_path: Path) -> None:
    """NO-21."""
    net = network.init(tmp_path / "net", nodes=4, now=Micros(0))
    words = [sys.executable, "-m", "bac.node", str(net.path), *net.homes, "--stay"]
    parent = subprocess.Popen(words)
    try:
        processes.wait_for_pids(net, net.homes, PATIENCE)
        processes.wait(net, PATIENCE)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(PATIENCE) == 0
    finally:
        parent.kill()
        parent.wait()
        processes.down(net)
    assert all(processes.pid_of(home) is None for home in net.homes.values())
    assert all('"event": "stopped"' in processes.logs(home, 1)[0] for home in net.homes.values())


def test_no_node_outlives_its_parent(tmp_path: Path) -> None:
    """NO-21: not even when the parent is killed."""
    net = network.init(tmp_path / "net", nodes=2, now=Micros(0), options={"params": "minimal"}, spares=2)
    words = [sys.executable, "-m", "bac.node", str(net.path), "n00", "n01", "--stay"]
    parent = subprocess.Popen(words)
    try:
        processes.wait_for_pids(net, ["n00", "n01"], PATIENCE)
        processes.wait(net, PATIENCE)
    finally:
        parent.kill()
        parent.wait()
    until(lambda: all(processes.pid_of(net.home(name)) is None for name in ("n00", "n01")), "they end")


def test_a_network_is_made_once_and_read_back(tmp_path: Path) -> None:
    """NO-21."""
    net = network.init(tmp_path / "net", nodes=4, spares=1, now=Micros(7), settings={"ban": 3.5})
    assert list(net.homes) == ["n00", "n01", "n02", "n03", "n04"]
    assert (net.spares, net.settings.ban) == (("n04",), 3.5)
    assert {net.member(home).identity for home in net.homes.values()} == {home.identity for home in net.homes.values()}
    with pytest.raises(FileExistsError):
        network.init(tmp_path / "net", nodes=4, now=Micros(7))
    with pytest.raises(ValueError, match="0 nodes are called 'x'"):
        net.home("x")
    with pytest.raises(ValueError, match="5 nodes are called 'n0'"):
        net.home("n0")
    with pytest.raises(ValueError, match="no engine"):
        network.init(tmp_path / "other", nodes=4, now=Micros(7), engine="nonsense")
    assert not (tmp_path / "other").exists()
