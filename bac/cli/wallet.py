"""`bac wallet`: coins of an account, as one node has confirmed them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from bac.cli.blocks import Commit, block_of, transactions_in
from bac.cli.chain import commits
from bac.cli.errors import CommandFailed
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.place import HERE, Net, Via, account_of, connect, owner_of
from bac.cli.times import show_time
from bac.types import NodeId
from bac.wire.transactions import Transfer

app = noun("Coins of an account.")

Who = Annotated[str, typer.Argument(help="A node's name, an identity or how it begins, or a key file.")]


class Account(Row, frozen=True):
    """An account: what it holds, and the nonce of its next transaction."""

    owner: str
    balance_micro: int
    next_nonce: int
    commit: int


class Movement(Row, frozen=True):
    """A confirmed transaction that the account sent, or a transfer to it.

    `asked_micro` is what the transaction asks to be moved, negative for what leaves.
    """

    WIDE = frozenset({"fee_micro", "other", "nonce"})

    commit: int
    time: str
    direction: str
    asked_micro: int | None
    fee_micro: int
    other: str | None
    nonce: int
    transaction: str


BALANCE = Answer("wallet.balance", Account)
HISTORY = Answer("wallet.history", Movement, many=True)


@app.command()
def balance(who: Who, net: Net = HERE, via: Via = None, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Show what an account holds."""
    owner = owner_of(net, who)
    with connect(net, via) as client:
        count = int(client.query("status")["commits"])
        found = account_of(client, owner)
    if found is None:
        raise CommandFailed("no-account", f"{who} has no account", next_="whoever sends it coins opens one")
    row = Account(owner=owner.hex(), balance_micro=found.coins, next_nonce=found.nonce, commit=count)
    BALANCE.show(row, output, as_json)


@app.command()
def history(
    who: Who,
    net: Net = HERE,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 20,
    blocks: Annotated[int, typer.Option("--blocks", min=1, help="How many blocks to look back.")] = 1_000,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show what came and went, the newest first."""
    owner = owner_of(net, who)
    with connect(net, via) as client:
        count = int(client.query("status")["commits"])
        first = max(1, count - blocks + 1)
        found = commits(client, first, count - first + 1) if count else []
    rows = [row for commit in found for row in movements(commit, owner)]
    warnings = [f"only the last {blocks} blocks were looked at"] if first > 1 else []
    HISTORY.show(rows[::-1][:limit], output, as_json, warnings)


def movements(commit: Commit, owner: NodeId) -> Iterator[Movement]:
    """The rows of one block."""
    block = block_of(commit)
    if block is None:
        return
    for decoded in transactions_in(block):
        transaction = decoded.transaction
        transfer = transaction.operation if isinstance(transaction.operation, Transfer) else None
        is_out = transaction.sender == owner
        if not is_out and (transfer is None or transfer.recipient != owner):
            continue
        other = transaction.sender if not is_out else transfer.recipient if transfer is not None else None
        yield Movement(
            commit=commit.number, time=show_time(block.header.time_us), direction="out" if is_out else "in",
            asked_micro=None if transfer is None else -transfer.amount if is_out else transfer.amount,
            fee_micro=transaction.fee if is_out else 0, other=None if other is None else other.hex(),
            nonce=transaction.nonce, transaction=decoded.id.hex(),
        )  # fmt: skip
