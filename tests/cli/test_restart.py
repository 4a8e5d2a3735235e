"""`bac ca reconfigure` on seven real processes of BAC 2.0, of which three are killed."""

from __future__ import annotations

from pathlib import Path

from bac.client import Client
from bac.node import processes
from bac.node.network import load
from tests.cli.console import Console
from tests.cli.test_network import sent, until


def test_a_shard_that_lost_three_of_seven_goes_on(console: Console) -> None:
    """NO-31, R10 to R15: refused while it confirms, and below the share without trust; then it confirms again."""
    console.data("net", "init", "--nodes", "7", "--preset", "minimal")
    network = load(Path("net"))
    homes = network.homes
    try:
        processes.up(network)
        processes.wait(network, 60, commits=2)
        ran = console("ca", "reconfigure", "--json")
        assert (ran.status, ran.error["code"]) == (8, "not-at-a-standstill")
        for name in ("n04", "n05", "n06"):
            processes.kill(homes[name])
        processes.pause(homes["n03"])
        ran = console("ca", "reconfigure", "--timeout", "20s", "--json")
        assert (ran.status, ran.error["code"]) == (8, "too-few-left")
        ran = console("ca", "reconfigure", "--remove", "n04", "--remove", "n05", "--remove", "n06", "--json")
        assert (ran.status, ran.error["code"]) == (8, "too-few-retired")
        missing = console.data("status")["missing_units"]
        with Client(homes["n00"].path) as client:
            silent = {each["identity"]: each["units"] for each in client.query("retirements")["members"]}
        assert missing == sum(silent[homes[name].identity] for name in ("n03", "n04", "n05", "n06"))
        processes.resume(homes["n03"])
        ran = console("ca", "reconfigure", "--remove", "n00", "--json")
        assert (ran.status, ran.error["code"]) == (2, "has-retired")
        rows = console.data("ca", "reconfigure")
        assert [row["removed"] for row in rows][-1] == ["n04", "n05", "n06"]
        assert rows[-1]["grounds"] == "statements"
        (row,) = sent(console, "1.5", "t.bin", "--wait", "--timeout", "30s").data
        assert (row["state"], row["outcome"]) == ("final", "applied")
        state = console.data("status")
        assert state["restarted"] == f"epoch {rows[-1]['epoch']}, by statements of retirement"
        with Client(homes["n00"].path) as client:
            voters = {each["identity"] for each in client.query("electorate")["members"]}
            assert voters == {homes[name].identity for name in ("n00", "n01", "n02", "n03")}
        console.data("chain", "prove", "t.bin", "--out", "t.proof")
        (row,) = console.data("chain", "verify", "t.proof")
        assert row["verdict"] == "holds"
        for words in (("reputation", "verify"), ("committee", "verify", "--all")):
            assert console(*words, "--json").status == 0
        assert console("node", "start", "n04").status == 0
        height = console.data("chain", "head")["height"]
        until(lambda: head(homes["n04"].path) >= height)
    finally:
        processes.down(network)


def head(path: Path) -> int:
    """The height that a node has confirmed."""
    with Client(path) as client:
        return int(client.query("head")["height"])
