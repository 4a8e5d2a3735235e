"""Membership that changes, in real processes: who comes, who goes, who is thrown out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bac.client import Client
from bac.node import network, processes
from bac.node.authority import revoke_order
from bac.node.credential import parse
from bac.node.network import Home, Network
from bac.node.newcomer import sign
from tests.node.town import PATIENCE, Town, authority_of, now, town, until

NAMES = ["n00", "n01", "n02", "n03"]


def ask(home: Home, question: str, **arguments: Any) -> Any:
    with Client(home.path, PATIENCE) as client:
        return client.query(question, **arguments)


def units(made: Town, name: str, identity: bytes) -> int:
    standing = ask(made.net.home(name), "standing", identity=identity)
    return 0 if standing is None else int(standing["units"])


def knows(made: Town, name: str, identity: bytes) -> bool:
    return identity in [peer["identity"] for peer in ask(made.net.home(name), "peers")]


def test_who_is_in_no_genesis_joins_votes_and_leaves(tmp_path: Path) -> None:
    """NO-23, NO-24, NO-27: through any node, with a credential; in the end nobody lets it in as a member."""
    path = tmp_path / "net"
    ca = authority_of(path)
    with town(path, 4, engine="bac", params="minimal", ca=ca) as made:
        home = processes.join(made.net, now(), ca, via="n02", timeout=PATIENCE)
        until(lambda: ask(home, "status")["is_member"], "it sees itself as a member")
        until(lambda: units(made, "n00", home.identity) > 0, "it earns units")
        grown = network.load(path)
        processes.wait(grown, PATIENCE, [*NAMES, home.name])
        ids = made.pay("n00", 5)
        with Client(home.path, PATIENCE) as client:
            assert {client.wait(each, PATIENCE).code for each in ids} == {""}, "it has executed what came after it"
        assert processes.leave(grown, home, now(), PATIENCE) == ""
        until(lambda: not ask(home, "status")["is_member"], "the next epoch is without it")
        processes.stop(grown, [home.name])
        assert processes.present(network.load(path)) == NAMES, "it is not started with the others any more"
        until(lambda: not knows(made, "n01", home.identity), "it is forgotten")
        made.wait_final("n03", made.pay("n01", 5))


def test_who_is_revoked_on_the_chain_is_thrown_out_at_the_boundary(tmp_path: Path) -> None:
    """NO-23: whatever its credential says, which is still good here."""
    path = tmp_path / "net"
    ca = authority_of(path)
    with town(path, 5, params="minimal", ca=ca) as made:
        home = made.net.home("n04")
        order = revoke_order(parse(home.credential.read_bytes()))
        member = made.net.member(made.net.home("n00"))
        with made.client("n00") as client:
            (receipt,) = client.submit([sign(member, ca.order(order, member.network, 0), nonce=0, now=now())])
        made.wait_final("n01", [receipt.id])
        until(lambda: not any(knows(made, name, home.identity) for name in NAMES), "all have thrown it out")
        tallies = [ask(made.net.home(name), "status")["tally"] for name in NAMES]
        assert all(tally["expelled: revoked"] >= 1 for tally in tallies)
        until(lambda: ask(made.net.home("n00"), "status")["tally"].get("not admitted: revoked", 0) > 0, "and kept out")
        made.wait_final("n03", made.pay("n01", 5))


def test_without_an_authority_for_credentials_the_chain_alone_admits(tmp_path: Path) -> None:
    """NO-24, NO-27: a stranger until its admission acts."""
    with town(tmp_path / "net", 4, params="minimal") as made:
        home = processes.join(made.net, now(), None, timeout=PATIENCE)
        until(lambda: knows(made, "n00", home.identity), "it is let in")
        until(lambda: ask(home, "status")["is_member"], "it follows")


def test_nobody_joins_where_nobody_runs(tmp_path: Path) -> None:
    """NO-27."""
    net: Network = network.init(tmp_path / "net", nodes=4, now=now())
    with pytest.raises(processes.NotRunning):
        processes.join(net, now(), None)
    assert list(network.load(net.path).homes) == NAMES
