"""What a node answers about consensus, in real processes of both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from bac.finality.site import Block
from bac.ledger.answers import ReceiptAnswer, check_receipt
from bac.ledger.receipts import Outcome
from bac.node.ledger_engine import BLOCK_BYTES_MAX
from bac.wire.codec import decode
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
