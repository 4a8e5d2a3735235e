"""What a node answers about consensus, in real processes of both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bac.cli.statements import agree
from bac.finality.site import Block
from bac.ledger.answers import ReceiptAnswer, check_receipt
from bac.ledger.receipts import Outcome
from bac.node.ledger_engine import BLOCK_BYTES_MAX
from bac.node.ledger_node import node_of
from bac.node.ledger_questions import answer
from bac.wire.codec import decode
from bac.wire.header import header_hash
from bac.wire.transactions import Order, Reconfigure
from tests.finality.scenarios_retirement import GONE, LEFT, call, closed, order_of, summoned
from tests.finality.table import TABLE_PARAMS, Table, seconds
from tests.node.town import Town, town, until


@pytest.mark.parametrize("engine", ["bac", "basic-bac"])
def test_consensus_is_explained_in_plain_values(tmp_path: Path, engine: str) -> None:
    """NO-26: committee, electorate, standing, members, graph, receipts; what does not fit is refused."""
    with town(tmp_path / "net", 4, engine=engine) as made, made.client("n00") as client:
        identities = {home.identity for home in made.net.homes.values()}
        committee = client.query("committee")
        assert {each["identity"] for each in committee["leaders"]} <= identities
        electorate = client.query("electorate")
        assert {each["identity"] for each in electorate["members"]} == identities
        assert electorate["total_units"] == sum(each["units"] for each in electorate["members"])
        me = made.net.home("n00").identity
        standing = client.query("standing", identity=me)
        assert (standing["standing"], standing["kind"]) == ("present", "vehicle")
        assert standing["units"] == next(each["units"] for each in electorate["members"] if each["identity"] == me)
        assert (standing["reputation"] is not None) == (engine == "bac")
        assert client.query("standing", identity=bytes(32)) is None
        assert {each["identity"] for each in client.query("members")} == identities
        assert client.query("evidence") == []
        if engine == "bac":
            until(lambda: bool(client.query("graph")["events"]), "leaders make events")
            graph = client.query("graph")
            ids = {each["id"] for each in graph["events"]}
            assert all(set(each["other_parents"]) <= ids for each in graph["events"])
        else:
            assert client.query("graph") is None
        check_receipt_of_transfer(made)
        for question, arguments in (("nonsense", {}), ("account", {}), ("committee", {"epoch": 1})):
            with pytest.raises(ValueError, match=r"question"):
                client.query(question, **arguments)


def check_receipt_of_transfer(made: Town) -> None:
    """The receipt of a fresh transfer holds against the header that its node shows to be confirmed."""
    for _ in range(5):  # receipts are told within the epoch, which may just have ended
        (identity,) = made.pay("n01", 1)
        (final,) = made.wait_final("n00", [identity])
        with made.client("n00") as client:
            answer = client.query("receipt", id=identity)
        if answer is not None:
            header = decode(Block, final.block, BLOCK_BYTES_MAX).header
            receipt, tip = check_receipt(decode(ReceiptAnswer, answer), header.state_root)
            assert (receipt.transaction, receipt.outcome, tip.height) == (identity, Outcome.APPLIED, header.height)
            return
    pytest.fail("no receipt was told")


def retirements(table: Table, node: int) -> dict[str, Any]:
    ledger = table.term(node).committed.state.ledger
    found: dict[str, Any] = answer(node_of(table.nodes[node]), ledger, "retirements", {})
    return found


def test_who_has_retired_is_told_by_statements() -> None:
    """NO-31, R12: each voter's, and what the epoch stands on; the operator makes of these what nodes make of them."""
    table = summoned()
    told = [retirements(table, node) for node in LEFT]
    shown = agree(told, 0, TABLE_PARAMS)
    assert shown is not None
    assert {*shown.statements} == {table.ids[node] for node in LEFT}
    assert shown.retired_units == told[0]["retired_units"]
    order = order_of(table)
    assert (shown.digest, shown.parent.hash) == (order.retirements, order.parent)
    assert told[0]["orders"] == []


def test_orders_for_the_present_epoch_are_told() -> None:
    """NO-31, R14: one is told until the epoch ends by it; not in the next one, which stands on its parent."""
    table, last = closed()
    order = order_of(table)
    table.hold = lambda sender, receiver, message: True
    call(table, 0, order)
    (told,) = retirements(table, 0)["orders"]
    assert decode(Reconfigure, decode(Order, told).order) == order
    table.hold = lambda sender, receiver, message: sender in GONE or receiver in GONE
    table.pass_time(seconds(3), only=LEFT)
    after = retirements(table, 0)
    assert (after["epoch"], after["base"], after["orders"]) == (1, header_hash(last.header), [])
