"""The verbs of a running network, on four real processes. A test leaves the network as it found it: four nodes run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bac.cli.times import now
from bac.node import processes
from bac.node.credential import parse
from bac.node.network import Network, init, load
from tests.cli.console import Console, Ran
from tests.cli.test_terminal import terminal

COMMAND = [sys.executable, "-c", "from bac.cli.main import main; main()"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a running network."""
    directory = tmp_path_factory.mktemp("town")
    network = init(directory / "net", nodes=4, spares=1, now=now(), options={"params": "minimal"})
    try:
        processes.up(network)
        processes.wait(network, 60, commits=2)
        yield directory
    finally:
        processes.down(network)


@pytest.fixture
def town(console: Console, place: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.chdir(place)
    return console


def sent(town: Console, amount: str, file: str, *words: str) -> Ran:
    Path(file).unlink(missing_ok=True)
    made = town.data("tx", "new", "--as", "n00", "--to", "n01", "--amount", amount, "--out", file)
    assert made["is_good"] is True
    return town("tx", "send", file, *words, "--json")


def test_a_transfer_from_draft_to_proof(town: Console) -> None:
    before = town.data("wallet", "balance", "n01")
    ran = sent(town, "1.5", "t.bin", "--wait", "--timeout", "60s")
    (row,) = ran.data
    assert (ran.status, row["state"], row["outcome"]) == (0, "final", "applied")
    assert town.data("tx", "wait", "t.bin")[0] == row
    shown = town.data("tx", "show", row["id"])
    assert (shown["amount_micro"], shown["commit"]) == (1_500_000, row["commit"])
    assert town.data("wallet", "balance", "n01")["balance_micro"] >= before["balance_micro"] + 1_500_000
    (moved,) = town.data("wallet", "history", "n01")
    assert (moved["direction"], moved["asked_micro"], moved["transaction"]) == ("in", 1_500_000, row["id"])
    assert town.data("wallet", "history", "n00")[0]["asked_micro"] == -1_500_000
    block = town.data("chain", "show", str(row["commit"]))
    assert block["transactions"] == 1
    proven = town.data("chain", "prove", row["id"], "--out", "t.proof")
    assert (proven["block"], proven["outcome"]) == (block["hash"], "applied")
    assert town("tx", "send", "t.bin", "--json").error["code"] == "nonce-used"


def test_what_the_ledger_refuses_is_final_and_says_why(town: Console) -> None:
    (row,) = sent(town, "999999999", "much.bin", "--wait", "--timeout", "60s").data
    assert (row["state"], row["outcome"]) == ("final", "insufficient-balance")


def test_a_proof_is_verified_without_any_node_and_an_altered_one_fails(town: Console) -> None:
    assert sent(town, "2", "p.bin", "--wait", "--timeout", "60s").status == 0
    town.data("chain", "prove", "p.bin", "--out", "p.proof")
    shutil.copytree("net", "copy", ignore=shutil.ignore_patterns("*.sock", "store*", "pid"))
    (row,) = town.data("chain", "verify", "p.proof", "--net", "copy")
    assert row["verdict"] == "holds"
    data = bytearray(Path("p.proof").read_bytes())
    for place in range(90, len(data), max(1, len(data) // 24)):
        altered = bytearray(data)
        altered[place] ^= 1
        Path("altered.proof").write_bytes(altered)
        ran = town("chain", "verify", "altered.proof", "--net", "copy", "--json")
        assert (ran.status, ran.data[0]["verdict"]) == (1, "fails"), place
    town.data("net", "init", "other", "--preset", "minimal")
    ran = town("chain", "verify", "p.proof", "--net", "other", "--json")
    assert (ran.status, ran.data[0]["reason"]) == (1, "wrong-network: made for another network")


def test_what_is_not_decided_in_time_may_still_happen(town: Console) -> None:
    ran = town("tx", "wait", "ab" * 32, "--timeout", "1ms", "--json")
    assert (ran.status, ran.error["code"]) == (6, "timeout")
    ran = town("tx", "show", "ab" * 32, "--json")
    assert (ran.status, ran.error["code"]) == (3, "inconclusive")
    ran = town("chain", "prove", "ab" * 32, "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")


def test_the_chain_is_read_by_number_and_by_prefix(town: Console) -> None:
    head = town.data("chain", "head")
    rows = town.data("chain", "list", "--limit", "3", "--before", str(head["commit"] + 1))
    assert [row["commit"] for row in rows] == [head["commit"] - place for place in range(len(rows))]
    assert rows[0]["hash"] == head["hash"]
    assert rows[0]["parent"] == rows[1]["hash"]
    assert town.data("chain", "show", rows[1]["hash"][:10])["commit"] == rows[1]["commit"]
    assert town.data("chain", "show", "1", "--via", "n02")["height"] == 1
    assert town("chain", "show", "ffffffffffff", "--json").error["code"] == "not-found"
    assert town("chain", "head", "--via", "nobody", "--json").error["code"] == "not-found"


def test_a_killed_node_comes_back_with_what_it_had_confirmed(town: Console) -> None:
    had = town.data("chain", "head", "--via", "n03")
    (row,) = town.data("node", "kill", "n03")
    assert (row["state"], row["pid"]) == ("stopped", None)
    assert town.data("status")["state"] == "partly up"
    ran = town("chain", "head", "--via", "n03", "--json")
    assert (ran.status, ran.error["code"]) == (5, "unreachable")
    ran = town("node", "pause", "n03", "--json")
    assert (ran.status, ran.error["code"]) == (5, "not-running")
    (row,) = town.data("node", "start", "n03")
    assert row["state"] == "running"
    assert town.data("chain", "show", str(had["commit"]), "--via", "n03")["hash"] == had["hash"]


def test_a_paused_node_is_passed_over_and_goes_on(town: Console) -> None:
    (row,) = town.data("node", "pause", "n00")
    assert row["state"] == "paused"
    assert town("chain", "head", "--json").status == 0, "another node answers"
    ran = town("chain", "head", "--via", "n00", "--json")
    assert (ran.status, ran.error["cause"]) == (5, "it is paused")
    (row,) = town.data("node", "resume", "n00")
    assert row["state"] != "paused"
    (row,) = town.data("node", "stop", "n02")
    assert row["state"] == "stopped"
    assert town.data("node", "start", "n02")[0]["state"] == "running"


def test_a_spare_member_joins_and_then_a_new_one_that_leaves_again(town: Console) -> None:
    (row,) = town.data("node", "add", "--via", "n01")
    assert (row["name"], row["state"]) == ("n04", "running")
    (row,) = town.data("node", "add", "--timeout", "60s")
    assert (row["name"], row["state"]) == ("n05", "running")
    assert town.data("status")["nodes"] == 6
    (row,) = town.data("node", "stop", "n05", "--leave", "--timeout", "60s")
    assert row["state"] == "stopped"
    ran = town("node", "stop", "n05", "--leave", "--json")
    assert (ran.status, ran.error["code"]) == (5, "unreachable")


def test_logs_are_read_as_rows(town: Console) -> None:
    rows = town.data("node", "logs", "n00", "--last", "1000")
    assert rows[0]["event"] == "started"
    assert json.loads(rows[0]["facts"])["address"]
    assert all(row["node"] == "n00" and row["time"] for row in rows)


def test_top_shows_pages_without_a_terminal_and_leaves_the_network_running(town: Console) -> None:
    ran = town("top", "--looks", "2", "--interval", "100ms")
    assert ran.status == 0
    assert ran.out.count("NODE  STATE") == 2
    assert ran.out.startswith("net  basic-bac  ")
    assert town.data("status")["running"] >= 4
    assert len(town("top", "--json").data) == 6


def test_top_at_a_terminal_ends_with_q_or_ctrl_c(town: Console, place: Path) -> None:
    with terminal(place, "top", "--interval", "50ms") as shown:
        shown.until(b"q leaves")
        shown.type("q")
        shown.until(b"\x1b[?1049l")
        assert shown.process.wait(60) == 0
    with terminal(place, "top") as shown:
        shown.until(b"q leaves")
        shown.process.send_signal(signal.SIGINT)
        shown.until(b"interrupted")
        assert shown.process.wait(60) == 130
    assert town.data("status")["running"] >= 4


# ---------------------------------------------------------------- networks of their own


def test_before_there_is_a_network_each_verb_says_so(console: Console) -> None:
    for words in (("chain", "head"), ("net", "status"), ("node", "list"), ("wallet", "balance", "n00"), ("top",)):
        ran = console(*words, "--json")
        assert (ran.status, ran.error["code"]) == (4, "not-found")
        assert "bac net init" in ran.error["next"]


def test_a_network_is_made_once(console: Console) -> None:
    public = console.data("ca", "init")["authority_key"]
    made = console.data("net", "init", "--preset", "minimal", "--spares", "1", "--ca", "ca")
    assert len(console.data("ca", "list")) == 5, "every node has a credential"
    home = load(Path("net")).home("n00")
    before = parse(home.credential.read_bytes())
    console.data("ca", "issue", "--renew", "n00", "--for", "2y", "--out", str(home.path))
    assert parse(home.credential.read_bytes()).not_after > before.not_after
    assert (made["nodes"], made["spares"], made["engine"], made["authority"]) == (4, 1, "bac", public)
    ran = console("net", "init", "--json")
    assert (ran.status, ran.error["code"]) == (2, "exists")
    assert console.data("net", "status")["state"] == "down"
    for words in (("chain", "head"), ("net", "wait")):
        ran = console(*words, "--json")
        assert (ran.status, ran.error["code"]) == (5, "unreachable")
    for secret in ("net/passphrase", "net/nodes/n00/node.key"):
        assert Path(secret).stat().st_mode & 0o777 == 0o600
    console.data("id", "new", "ev1")
    (issued,) = console.data("ca", "issue", "ev1.csr", "--genesis", "net/genesis")
    made = console.data("tx", "new", "--as", "n00", "--nonce", "0", "--order", issued["order_file"])
    assert (made["operation"], made["is_good"]) == ("order: admit", True)


def test_a_revoked_node_is_expelled_and_kept_out(console: Console) -> None:
    console.data("net", "init", "--preset", "minimal")
    network = load(Path("net"))
    at_the_ca = ("--ca", "net/ca", "--passphrase-file", "net/passphrase")
    try:
        assert console.data("up", "--timeout", "60s")["running"] == 4
        assert {row["standing"] for row in console.data("ca", "list", "--ca", "net/ca")} == {"valid"}
        assert console.data("ca", "revoke", "n03", *at_the_ca)["revoked"] == 1
        until(lambda: [row["peers"] for row in console.data("node", "list")] == [2, 2, 2, 0])
        console.data("node", "kill", "n03")
        console.data("node", "start", "n03")
        until(lambda: tally(network, "n00").get("not admitted: revoked", 0) > 0)
        assert tally(network, "n00")["expelled: revoked"] >= 1
        assert [row["peers"] for row in console.data("node", "list")] == [2, 2, 2, 0]
    finally:
        processes.down(network)


def tally(network: Network, name: str) -> dict[str, int]:
    """What a node has counted."""
    (status,) = processes.status(network, [name])
    return {} if status.report is None else dict(status.report["tally"])


def test_up_and_down_leave_no_process_and_may_be_said_twice(console: Console) -> None:
    network = init(Path("net"), nodes=4, now=now(), options={"params": "minimal"})
    try:
        for _ in range(2):
            state = console.data("up", "--timeout", "60s")
            assert (state["state"], state["nodes"], state["running"], state["spares"]) == ("up", 4, 4, 0)
        state = console.data("net", "wait", "--commits", "2", "--timeout", "60s")
        assert state["commits_min"] >= 2
        rows = console.data("node", "list")
        assert all(row["peers"] == 3 and row["memory_bytes"] > 2**20 for row in rows)
        for _ in range(2):
            state = console.data("down")
            assert (state["state"], state["running"]) == ("down", 0)
        assert not [row["pid"] for row in rows if alive(row["pid"])]
        assert [row["state"] for row in console.data("node", "list")] == ["stopped"] * 4
    finally:
        processes.down(network)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_start_that_fails_leaves_nothing_running(console: Console) -> None:
    network = init(Path("net"), nodes=4, now=now(), options={"params": "minimal"})
    (network.home("n01").store).write_bytes(b"not a store" * 100)
    try:
        ran = console("up", "--timeout", "60s", "--json")
        assert (ran.status, ran.error["code"]) == (5, "unreachable")
        assert "n01 has ended" in ran.error["cause"]
        assert console.data("net", "status")["running"] == 0
    finally:
        processes.down(network)


def test_staying_up_ends_with_ctrl_c_and_no_orphan(console: Console) -> None:
    network = init(Path("net"), nodes=4, now=now(), options={"params": "minimal"})
    homes = list(network.homes.values())
    with subprocess.Popen([*COMMAND, "up", "--stay"], stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            until(lambda: all(processes.pid_of(home) is not None for home in homes))
        finally:
            os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 130
    until(lambda: all(processes.pid_of(home) is None for home in homes))


def until(holds: Callable[[], bool]) -> None:
    """Returns when `holds`; gives up after a minute."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
