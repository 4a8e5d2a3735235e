"""`bac reputation` on stores and exports, without any node: explained, foreseen, recomputed, and found out."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace as change

from bac.cli.archive import Export
from bac.finality.site import Block
from bac.ledger.records import Reputation
from bac.types import Hash
from bac.wire.codec import encode
from bac.wire.registry import decode_item
from bac.wire.votes import Certificate
from tests.cli.archived import story, without, write
from tests.cli.console import Console


@pytest.fixture
def town(console: Console) -> Console:
    write(console.directory / "net")
    return console


def record_of(name: str) -> Reputation:
    """As the last state of the chain has it."""
    yard = story().town
    found = dict(yard.post.ledger.reputations())[yard.ids[int(name[1:])]]
    assert isinstance(found, Reputation)
    return found


def test_all_units_are_recomputed_without_any_node(town: Console) -> None:
    """RP-110."""
    row = town.data("reputation", "verify")
    yard = story().town
    assert (row["verdict"], row["epochs"], row["blocks"]) == ("holds", 7, len(yard.blocks))
    assert row["network"] == yard.network.hex()
    assert row["state_root"] == yard.tip.header.state_root.hex()
    assert row["electorates"] == 7


def test_an_export_is_verified_anywhere(town: Console) -> None:
    """RP-110: with the file alone; that of another network is refused where there is one."""
    made = town.data("net", "export", "--out", "chain.bac")
    assert made["epochs"] == 7
    (town.directory / "net").rename(town.directory / "gone")
    row = town.data("reputation", "verify", "--chain", "chain.bac")
    assert (row["verdict"], row["chain"], row["blocks"]) == ("holds", "chain.bac", made["blocks"])
    town.data("net", "init", "net", "--engine", "bac", "--preset", "minimal")
    ran = town("reputation", "verify", "--chain", "chain.bac", "--json")
    assert (ran.status, ran.error["code"]) == (1, "check-failed")
    Path("chain.bac").write_bytes(b"no chain")
    assert town("reputation", "verify", "--chain", "chain.bac", "--json").error["code"] == "usage"


def test_a_withheld_certificate_is_found_out(console: Console) -> None:
    """RP-111: a store from which a duty was removed fails with status 1 and one line that says where."""
    town = story().town
    height = next(
        block.header.height
        for block in town.blocks
        if any(isinstance(decode_item(item), Certificate) for item in block.body.items)
    )
    item = next(item for item in town.blocks[height - 1].body.items if isinstance(decode_item(item), Certificate))
    write(console.directory / "net", alter=without(height, item))
    ran = console("reputation", "verify")
    assert (ran.status, ran.out) == (1, "")
    first, *_ = ran.err.splitlines()
    assert first.startswith("check-failed: the chain does not follow from its facts")
    assert f"block {height} of epoch 0" in first


def test_units_that_somebody_raised_are_found_out(console: Console) -> None:
    """RP-111: a header whose state root commits to other reputations than follow, and all that follows it."""

    def alter(commits: list[tuple[bytes, bytes]]) -> None:
        block = story().town.blocks[-1]
        header = change(block.header, state_root=Hash(b"r" * 32))
        commits[-1] = encode(Block(header, block.body)), commits[-1][1]

    write(console.directory / "net", alter=alter)
    ran = console("reputation", "verify", "--json")
    assert ran.status == 1
    assert "says state_root 7272727272727272" in ran.error["message"]
    assert story().town.tip.header.state_root.hex()[:16] in ran.error["message"]


def test_blocks_that_nobody_confirmed_are_found_out(console: Console) -> None:
    """RP-111: the chain follows from its facts, and its last block bears no proof, or that of another one."""

    def alter(commits: list[tuple[bytes, bytes]]) -> None:
        commits[-1] = commits[-1][0], story().town.proofs[min(story().town.proofs)]

    write(console.directory / "net", alter=alter)
    ran = console("reputation", "verify", "--json")
    assert (ran.status, ran.error["code"]) == (1, "check-failed")


def test_a_record_of_another_electorate_is_found_out(town: Console) -> None:
    """RP-111: boundary records are compared with what was recomputed."""
    yard = story().town
    record = yard.records[2]
    fewer = change(record, electorate=record.electorate[1:])
    chain = tuple(yard.commits())
    records = tuple(encode(each) for each in (*yard.records[:2], fewer, *yard.records[3:]))
    Path("false.bac").write_bytes(msgspec.msgpack.encode(Export(encode(yard.genesis), chain, records)))
    ran = town("reputation", "verify", "--chain", "false.bac", "--json")
    assert ran.status == 1
    assert "the record of epoch 2 names another electorate" in ran.error["message"]


def test_every_cause_has_its_share_its_height_and_its_evidence(town: Console) -> None:
    """RP-114 to RP-117: the shares sum from the units before to those after; who was absent was silent."""
    for name in ("n00", story().forker):
        whole = town.data("reputation", "explain", name, "--epochs", "7")
        for epoch in range(7):
            rows = [row for row in whole if row["epoch"] == epoch]
            (before,) = [row["level_units"] for row in rows if row["step"] == "before"]
            (after,) = [row["level_units"] for row in rows if row["step"] == "after"]
            assert sum(row["change_units"] for row in rows if row["step"] == "cause") == after - before
            voted, votes = [row["level_units"] for row in rows if row["step"] == "votes"]
            assert sum(row["change_units"] or 0 for row in rows) == votes - voted
    rows = town.data("reputation", "explain", story().absent, "--epoch", "1")
    (silence,) = [row for row in rows if row["cause"] == "duties not done"]
    assert silence["change_units"] <= 0
    assert silence["heights"]
    rows = town.data("reputation", "explain", story().forker, "--epoch", "3")
    (proof,) = [row for row in rows if row["cause"] == "proven fault"]
    (evidence,) = proof["evidence"]
    assert proof["change_units"] < -5000
    assert town.data("evidence", "show", evidence[:10])["names"] == [story().forker]


def test_several_epochs_are_explained_at_once(town: Console) -> None:
    rows = town.data("reputation", "explain", "n00", "--epochs", "3")
    assert sorted({row["epoch"] for row in rows}) == [4, 5, 6]
    ran = town("reputation", "explain", "n00", "--epoch", "99", "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")
    assert town("reputation", "explain", "n77", "--json").error["code"] == "not-found"


def test_the_history_ends_with_what_is_on_record(town: Console) -> None:
    """RP-113: epoch by epoch; the forker's fall, the absent one's silence, the newcomer's first units."""
    for name in ("n00", "n03", story().forker):
        rows = town.data("reputation", "history", name)
        assert [row["epoch"] for row in rows] == list(range(7))
        assert rows[-1]["units"] == record_of(name).units
    fall = town.data("reputation", "history", story().forker)[3]
    assert (fall["units"], fall["votes"], len(fall["convictions"])) == (0, 0, 1)
    assert fall["probation_epochs"] > 0
    silent = town.data("reputation", "history", story().absent)[1]
    assert silent["missed"] == silent["offered"] > 0
    newcomer = town.data("reputation", "history", story().newcomer.hex()[:12])
    assert any(row["units"] for row in newcomer)
    assert len(town.data("reputation", "history", "n00", "--last", "2")) == 2


def test_forms(town: Console) -> None:
    """Every form holds the same rows."""
    rows = town.data("reputation", "history", "n00")
    lines = town("reputation", "history", "n00", "-o", "jsonl").out.splitlines()
    csv = town("reputation", "history", "n00", "-o", "csv").out.splitlines()
    table = town("reputation", "history", "n00").out.splitlines()
    assert len(rows) == len(lines) == len(csv) - 1 == len(table) - 1
    assert table[0].split()[:3] == ["EPOCH", "HEIGHT", "UNITS"]


def test_a_network_that_elects_nobody_says_so(console: Console) -> None:
    """One clear error: code, cause, what is unchanged, what to do."""
    console.data("net", "init", "--preset", "minimal", "--engine", "basic-bac")
    words = (
        ("reputation", "list"), ("reputation", "show", "n00"), ("reputation", "explain", "n00"),
        ("reputation", "history", "n00"), ("reputation", "whatif", "n00"), ("reputation", "verify"),
        ("committee", "show"), ("committee", "verify"), ("committee", "stats"),
        ("graph", "show"), ("graph", "export"), ("evidence", "list"), ("evidence", "show", "ab"),
        ("evidence", "verify"), ("net", "export"),
    )  # fmt: skip
    for command in words:
        ran = console(*command, "--json")
        assert (ran.status, ran.error["code"]) == (2, "other-engine"), command
        assert "basic-bac" in ran.error["message"]
        assert ran.error["unchanged"] == "nothing was changed"
        assert "--engine bac" in ran.error["next"]


@pytest.mark.parametrize("gap", [slice(0, 3), slice(9, 12)])
def test_a_store_that_lacks_blocks_is_of_no_use(console: Console, gap: slice) -> None:
    """Where a node has leapt over blocks, another one's store is read; where none is whole, that is said."""

    def alter(commits: list[tuple[bytes, bytes]]) -> None:
        del commits[gap]

    write(console.directory / "net", alter=alter)
    ran = console("reputation", "verify", "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")
    assert "every block" in ran.error["message"]
    write(console.directory / "other", node="n02")
    assert console.data("reputation", "verify", "--net", "other")["chain"] == "other, n02"
    ran = console("reputation", "verify", "--net", "other", "--via", "n01", "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")


def test_a_damaged_store_is_named(town: Console) -> None:
    """NO-8: as at a node's start."""
    last = len(story().town.blocks)
    for number in (5, last):
        with sqlite3.connect("net/nodes/n00/store.sqlite") as connection:
            connection.execute("UPDATE commits SET block = x'00' WHERE number = ?", (number,))
        connection.close()
        ran = town("reputation", "verify", "--json")
        assert (ran.status, ran.error["code"]) == (9, "unfit-store")
        assert f"commit {number}" in ran.error["message"]
