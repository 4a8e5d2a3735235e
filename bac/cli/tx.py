"""`bac tx`: transactions from a draft to their outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bac.cli.beginning import Beginning, read_beginning
from bac.cli.drafting import Place, draft, parse_coins, parse_identity
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.passphrase import PassphraseFile, passphrase
from bac.cli.times import instant, parse_duration, show_time
from bac.errors import Rejected
from bac.intake import Intake
from bac.node.identity import load_secrets
from bac.node.keyfile import write_file
from bac.types import Micros
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

Genesis = Annotated[Path, typer.Option("--genesis", help="Of the network that it is for.")]
Shard = Annotated[int, typer.Option("--shard", help="Whose ledger it is for.")]


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
    file: str | None


NEW = Answer("tx.new", Shown)
SHOW = Answer("tx.show", Shown)


def describe(data: bytes, beginning: Beginning | None, file: Path | None = None) -> Shown:
    """What a transaction says; judged, if `beginning` is given. Raises Rejected: it is none."""
    decoded = decode_transaction(data)
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
        file=None if file is None else str(file),
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


def _operation(to: str | None, amount: str | None, order: Path | None, known: list[str]) -> Operation:
    if order is not None and to is None and amount is None:
        return decode(Order, order.read_bytes())
    if order is None and to is not None and amount is not None:
        return Transfer(parse_identity(to, known), parse_coins(amount))
    raise ValueError("give --to and --amount, or --order")


@app.command()
def new(
    key: Annotated[Path, typer.Option("--key", help="Key file of who pays and signs.")],
    genesis: Genesis,
    nonce: Annotated[int, typer.Option("--nonce", help="How many transactions the account has made before.")],
    to: Annotated[str | None, typer.Option("--to", help="Who gets it: an identity, or how a founder's begins.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", help="Coins: 12 or 0.5.")] = None,
    order: Annotated[Path | None, typer.Option("--order", help="Brings in an order that `bac ca` wrote.")] = None,
    fee: Annotated[str | None, typer.Option("--fee", help="Coins; default the least that is taken.")] = None,
    life: Annotated[str, typer.Option("--for", help="Not executed later than that from now.")] = "10m",
    out: Annotated[Path, typer.Option("--out", help="Where the transaction goes.")] = Path("transaction.bin"),
    shard: Shard = 0,
    passphrase_file: PassphraseFile = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Make and sign a transaction, and write it to a file. Nothing is sent."""
    beginning = read_beginning(genesis)
    founders = [member.identity.hex() for member in beginning.shard(shard).members]
    wanted = _operation(to, amount, order, founders)
    offered = None if fee is None else parse_coins(fee)
    expiry = Micros(instant(None) + parse_duration(life))
    keys = beginning.suite(shard).key_pair(load_secrets(key, passphrase(passphrase_file, str(key))).signing)
    place = Place(beginning.network, shard, beginning.params)
    data = draft(keys, place, wanted, nonce=nonce, expiry=expiry, fee=offered)
    write_file(out, data, mode=0o644)
    NEW.show(describe(data, beginning, out), output, as_json)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A transaction that `bac tx new` wrote.")],
    genesis: Annotated[Path | None, typer.Option("--genesis", help="Judge it as the nodes of this network do.")] = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show what a transaction says, and whether its signatures hold."""
    beginning = None if genesis is None else read_beginning(genesis)
    SHOW.show(describe(file.read_bytes(), beginning, file), output, as_json)
