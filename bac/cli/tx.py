"""`bac tx`: transactions from a draft to their outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bac.cli.beginning import Beginning, read_beginning
from bac.cli.blocks import Commit, block_of, transactions_in
from bac.cli.drafting import Place, draft, parse_coins, parse_identity
from bac.cli.errors import CommandFailed
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.passphrase import PassphraseFile
from bac.cli.place import HERE, Net, Via, account_of, connect, genesis_file, node_identity, secrets_of, transaction_id
from bac.cli.times import SECOND, instant, parse_duration, show_time
from bac.client import Client, Final, Refused
from bac.errors import Rejected
from bac.intake import Intake
from bac.node.keyfile import write_file
from bac.node.requests import BUSY, Receipt
from bac.types import Micros, NodeId
from bac.wire.codec import decode
from bac.wire.transactions import (
    AcknowledgementKey,
    Call,
    DecodedTransaction,
    Leave,
    Operation,
    Order,
    PositionReport,
    Transfer,
    decode_transaction,
)

app = noun("Make, send and follow transactions.")

Genesis = Annotated[Path | None, typer.Option("--genesis", help="Of the network; default that of --net.")]
Shard = Annotated[int, typer.Option("--shard", help="Whose ledger it is for.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long to wait: 10s.")]


class Shown(Row, frozen=True):
    """A transaction as its bytes say."""

    id: str
    operation: str
    sender: str
    recipient: str | None
    amount_micro: int | None
    nonce: int
    fee_micro: int
    expiry: str
    shard: int
    network: str
    size_bytes: int
    is_good: bool | None
    problem: str | None
    file: str | None = None
    commit: int | None = None


class Followed(Row, frozen=True):
    """What became of a transaction: accepted, final, rejected or busy.

    `outcome` is "applied" or the ledger's code, where it is final; `reason` is the node's, where it is rejected.
    """

    WIDE = frozenset({"reason"})

    id: str | None
    state: str
    outcome: str | None
    commit: int | None
    reason: str | None


NEW = Answer("tx.new", Shown)
SHOW = Answer("tx.show", Shown)
SEND = Answer("tx.send", Followed, many=True)
WAIT = Answer("tx.wait", Followed, many=True)


def describe(
    decoded: DecodedTransaction, beginning: Beginning | None, file: Path | None = None, commit: int | None = None
) -> Shown:
    """What a transaction says; judged, if `beginning` is given."""
    transaction = decoded.transaction
    operation = transaction.operation
    transfer = operation if isinstance(operation, Transfer) else None
    problem = None if beginning is None else judge(decoded, beginning)
    return Shown(
        id=decoded.id.hex(), operation=name_of(decoded), sender=transaction.sender.hex(),
        recipient=None if transfer is None else transfer.recipient.hex(),
        amount_micro=None if transfer is None else transfer.amount,
        nonce=transaction.nonce, fee_micro=transaction.fee, expiry=show_time(transaction.expiry),
        shard=transaction.shard, network=transaction.network.hex(), size_bytes=decoded.size,
        is_good=None if beginning is None else problem is None, problem=problem,
        file=None if file is None else str(file), commit=commit,
    )  # fmt: skip


def name_of(decoded: DecodedTransaction) -> str:
    """What is asked for, in a word or two."""
    match decoded.transaction.operation:
        case Transfer():
            return "transfer"
        case Leave():
            return "leave"
        case AcknowledgementKey(epoch):
            return f"acknowledgement key of epoch {epoch}"
        case PositionReport():
            return "position report"
        case Order():
            return f"order: {type(decoded.inner).__name__.lower()}"
        case Call(application):
            return f"call of application {application}"


def judge(decoded: DecodedTransaction, beginning: Beginning) -> str | None:
    """Why the intake of that network would refuse it; None if it would not."""
    shard = decoded.transaction.shard
    intake = Intake(beginning.network, shard, beginning.genesis.authority, beginning.suite(shard), lambda _: None)
    try:
        intake.decoded_transaction(decoded)
    except Rejected as refusal:
        return f"{refusal.code.value}: {refusal.reason}"
    return None


@app.command()
def new(
    key: Annotated[str, typer.Option("--as", help="Who pays and signs: a node of --net, or a key file.")],
    net: Net = HERE,
    to: Annotated[str | None, typer.Option("--to", help="Who gets it: a node, an identity or how it begins.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", help="Coins: 12 or 0.5.")] = None,
    order: Annotated[Path | None, typer.Option("--order", help="Brings in an order that `bac ca` wrote.")] = None,
    fee: Annotated[str | None, typer.Option("--fee", help="Coins; default the least that is taken.")] = None,
    nonce: Annotated[int | None, typer.Option("--nonce", help="Default: the next, as a node knows it.")] = None,
    life: Annotated[str, typer.Option("--for", help="Not executed later than that from now.")] = "10m",
    out: Annotated[Path, typer.Option("--out", help="Where the transaction goes.")] = Path("transaction.bin"),
    genesis: Genesis = None,
    shard: Shard = 0,
    passphrase_file: PassphraseFile = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Make and sign a transaction, and write it to a file. Nothing is sent."""
    beginning = read_beginning(genesis_file(net) if genesis is None else genesis)
    wanted = _operation(beginning, shard, net, to, amount, order)
    offered = None if fee is None else parse_coins(fee)
    expiry = Micros(instant(None) + parse_duration(life))
    keys = beginning.suite(shard).key_pair(secrets_of(net, key, passphrase_file).signing)
    if nonce is None:
        with connect(net, None) as client:
            account = account_of(client, NodeId(keys.public))
        if account is None:
            raise CommandFailed("no-account", f"{key} has no account, and cannot pay")
        nonce = account.nonce
    place = Place(beginning.network, shard, beginning.params)
    data = draft(keys, place, wanted, nonce=nonce, expiry=expiry, fee=offered)
    write_file(out, data, mode=0o644)
    NEW.show(describe(decode_transaction(data), beginning, out), output, as_json)


def _operation(
    beginning: Beginning, shard: int, net: Path, to: str | None, amount: str | None, order: Path | None
) -> Operation:
    if order is not None and to is None and amount is None:
        return decode(Order, order.read_bytes())
    if order is None and to is not None and amount is not None:
        founders = [member.identity.hex() for member in beginning.shard(shard).members]
        return Transfer(node_identity(net, to) or parse_identity(to, founders), parse_coins(amount))
    raise ValueError("give --to and --amount, or --order")


@app.command()
def show(
    transaction: Annotated[str, typer.Argument(help="A file that `bac tx new` wrote, or the id of a confirmed one.")],
    net: Net = HERE,
    genesis: Annotated[
        Path | None, typer.Option("--genesis", help="Judge it by this one; default that of --net.")
    ] = None,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show what a transaction says, and whether its signatures hold."""
    beginning = _beginning(net, genesis)
    if Path(transaction).exists():
        row = describe(decode_transaction(Path(transaction).read_bytes()), beginning, Path(transaction))
    else:
        wanted = transaction_id(transaction)
        with connect(net, via) as client:
            final = client.final(wanted)
        if final is None:
            raise CommandFailed("inconclusive", "this node does not know what became of it: it may still happen")
        row = describe(_found(final), beginning, commit=final.commit)
    SHOW.show(row, output, as_json)


def _beginning(net: Path, genesis: Path | None) -> Beginning | None:
    """The genesis that is named, or that of the network, if there is one."""
    if genesis is None and (net / "genesis").is_file():
        genesis = net / "genesis"
    return None if genesis is None else read_beginning(genesis)


def _found(final: Final) -> DecodedTransaction:
    """The transaction in the block that decides it."""
    block = block_of(Commit(final.commit, final.block, final.proof))
    for decoded in transactions_in(block) if block is not None else ():
        if decoded.id == final.id:
            return decoded
    raise CommandFailed("check-failed", "the block that the node names does not hold the transaction")


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="Transactions that `bac tx new` wrote.")],
    net: Net = HERE,
    is_waiting: Annotated[bool, typer.Option("--wait", help="Until they are final.")] = False,
    timeout: Timeout = "10s",
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Hand transactions to a node. What it accepts is durable there; --wait tells what became of them."""
    patience = parse_duration(timeout) / SECOND
    with connect(net, via) as client:
        rows = [_handed_in(receipt) for receipt in client.submit([file.read_bytes() for file in files])]
        if is_waiting:
            rows = [_follow(client, row, patience) for row in rows]
    SEND.show(rows, output, as_json)
    _fail_for(rows)


@app.command()
def wait(
    transactions: Annotated[list[str], typer.Argument(help="Ids, or files.")],
    net: Net = HERE,
    timeout: Timeout = "10s",
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Wait until transactions are final. Status 6 if one is not in time: it may still happen."""
    patience = parse_duration(timeout) / SECOND
    wanted = [transaction_id(each) for each in transactions]
    with connect(net, via) as client:
        rows = [_awaited(client, each, patience) for each in wanted]
    WAIT.show(rows, output, as_json)
    _fail_for(rows)


def _handed_in(receipt: Receipt) -> Followed:
    state = {"": "accepted", BUSY: "busy"}.get(receipt.code, "rejected")
    reason = f"{receipt.code}: {receipt.reason}" if state == "rejected" else receipt.reason or None
    return Followed(id=receipt.id.hex() or None, state=state, outcome=None, commit=None, reason=reason)


def _follow(client: Client, row: Followed, patience: float) -> Followed:
    """The final answer about what was accepted; the row itself for anything else."""
    if row.state != "accepted" or row.id is None:
        return row
    return _awaited(client, bytes.fromhex(row.id), patience)


def _awaited(client: Client, identity: bytes, patience: float) -> Followed:
    """What became of an accepted transaction."""
    try:
        final = client.wait(identity, patience)
    except Refused as refused:
        reason = f"{refused.code.value}: {refused.reason}"
        return Followed(id=identity.hex(), state="rejected", outcome=None, commit=None, reason=reason)
    outcome = final.code or "applied"
    return Followed(id=final.id.hex(), state="final", outcome=outcome, commit=final.commit, reason=None)


def _fail_for(rows: list[Followed]) -> None:
    """Leaves with the status of the worst row, after all of them were shown."""
    for row in rows:
        if row.state == "rejected" and row.reason is not None:
            code, _, reason = row.reason.partition(": ")
            raise CommandFailed(code, reason)
    if any(row.state == "busy" for row in rows):
        raise CommandFailed("busy", "the node takes no more transactions now")
