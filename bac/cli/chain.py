"""`bac chain`: what a node has confirmed, and proofs of it that need not trust the node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bac.cli.blocks import BlockRow, Commit, block_of, row_of
from bac.cli.errors import CommandFailed, Exit
from bac.cli.lightproof import Proof, collect_boundaries
from bac.cli.lightproof import verify as verify_proof
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.place import HERE, Net, Via, connect, judge_of, transaction_id
from bac.client import Client
from bac.errors import Rejected
from bac.node.engine import Member
from bac.node.keyfile import write_file

app = noun("Confirmed blocks, and proofs about them.")

BATCH = 64


class Proven(Row, frozen=True):
    """A proof, written."""

    transaction: str
    outcome: str
    commit: int
    block: str
    file: str
    size_bytes: int


class Verdict(Row, frozen=True):
    """What a proof shows."""

    file: str
    verdict: str
    transaction: str | None
    block: str | None
    reason: str | None


HEAD = Answer("chain.head", BlockRow)
SHOW = Answer("chain.show", BlockRow)
LIST = Answer("chain.list", BlockRow, many=True)
PROVE = Answer("chain.prove", Proven)
VERIFY = Answer("chain.verify", Verdict, many=True)


def commits(client: Client, first: int, limit: int) -> list[Commit]:
    """Commits from number `first` on."""
    found: list[Commit] = []
    while len(found) < limit:
        asked = min(BATCH, limit - len(found))
        batch = client.query("commits", first=first + len(found), limit=asked)
        found += [Commit(each["commit"], each["block"], each["proof"]) for each in batch]
        if len(batch) < asked:
            break
    return found


def last_commit(client: Client) -> int:
    """How much the node has confirmed; CommandFailed `not-found` for nothing yet."""
    count = int(client.query("status")["commits"])
    if not count:
        raise CommandFailed("not-found", "nothing is confirmed yet", next_="bac net wait")
    return count


@app.command()
def head(net: Net = HERE, via: Via = None, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Show the last confirmed block."""
    with connect(net, via) as client:
        (commit,) = commits(client, last_commit(client), 1)
    HEAD.show(row_of(commit), output, as_json)


@app.command()
def show(
    which: Annotated[str, typer.Argument(help="Number of the commit, or how the hash of the block begins.")],
    net: Net = HERE,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show one confirmed block."""
    with connect(net, via) as client:
        count = last_commit(client)
        if which.isdecimal() and 1 <= int(which) <= count:
            row = row_of(commits(client, int(which), 1)[0])
        else:
            row = _by_hash(client, which, count)
    SHOW.show(row, output, as_json)


def _by_hash(client: Client, prefix: str, count: int) -> BlockRow:
    """The one block whose hash begins so, looked for from the newest on."""
    found = []
    for last in range(count, 0, -BATCH):
        first = max(1, last - BATCH + 1)
        rows = (row_of(each) for each in commits(client, first, last - first + 1))
        found += [row for row in rows if row.hash.startswith(prefix.lower())]
    if len(found) != 1:
        code = "ambiguous" if found else "not-found"
        raise CommandFailed(code, f"{len(found) or 'no'} blocks begin with {prefix}", next_="bac chain list")
    return found[0]


@app.command("list")
def list_(
    net: Net = HERE,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    before: Annotated[int | None, typer.Option("--before", help="Only commits below this number.")] = None,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """List confirmed blocks, the newest first."""
    with connect(net, via) as client:
        count = int(client.query("status")["commits"])
        last = count if before is None else min(count, before - 1)
        first = max(1, last - limit + 1)
        found = commits(client, first, last - first + 1) if last >= first else []
    LIST.show([row_of(each) for each in reversed(found)], output, as_json)


@app.command()
def prove(
    transaction: Annotated[str, typer.Argument(help="Id of the transaction, or its file.")],
    net: Net = HERE,
    out: Annotated[Path, typer.Option("--out", help="Where the proof goes.")] = Path("proof.bin"),
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Write a proof that a transaction is final: anybody can verify it, offline."""
    wanted = transaction_id(transaction)
    with connect(net, via) as client:
        final = client.final(wanted)
        if final is None:
            raise CommandFailed("not-found", f"{transaction} is not final at this node", next_="bac tx wait")
        block = block_of(Commit(final.commit, final.block, final.proof))
        boundaries = () if block is None else collect_boundaries(client, block.header.epoch)
        network = bytes(client.query("status")["network"])
    parts = (final.id, final.code, final.commit, final.block, final.proof, boundaries)
    data = msgspec.msgpack.encode(Proof(network, *parts))
    write_file(out, data, mode=0o644)
    row = Proven(
        transaction=final.id.hex(), outcome=final.code or "applied", commit=final.commit,
        block=row_of(Commit(final.commit, final.block, final.proof)).hash, file=str(out), size_bytes=len(data),
    )  # fmt: skip
    PROVE.show(row, output, as_json)


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Proofs that `bac chain prove` wrote.")],
    net: Net = HERE,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Verify by genesis alone that a confirmed block holds a transaction; no node is asked. Status 1 if one fails."""
    member = judge_of(net)
    rows = [_judge(member, file) for file in files]
    VERIFY.show(rows, output, as_json)
    if any(row.verdict != "holds" for row in rows):
        raise typer.Exit(Exit.CHECK_FAILED)


def _judge(member: Member, file: Path) -> Verdict:
    try:
        proof = msgspec.msgpack.decode(file.read_bytes(), type=Proof)
    except msgspec.DecodeError:
        return Verdict(file=str(file), verdict="fails", transaction=None, block=None, reason="not a proof")
    try:
        verify_proof(proof, member)
    except Rejected as refusal:
        reason: str | None = f"{refusal.code.value}: {refusal.reason}"
    else:
        reason = None
    return Verdict(
        file=str(file), verdict="holds" if reason is None else "fails", transaction=proof.transaction.hex(),
        block=row_of(Commit(proof.commit, proof.block, proof.proof)).hash, reason=reason,
    )  # fmt: skip
