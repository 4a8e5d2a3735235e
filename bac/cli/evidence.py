"""`bac evidence`: what was proven against whom, read from the blocks and judged again, offline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import typer

from bac.cli.archive import Beginning, Chain, File, From, Step, beginning_of, open_chain, walk
from bac.cli.errors import Exit
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.place import HERE, Net
from bac.cli.prefixes import choose
from bac.errors import Rejected
from bac.finality.validity import is_evidence
from bac.types import NodeId
from bac.wire.event import event_id
from bac.wire.evidence import (
    AnyEvidence,
    DoubleAcknowledgement,
    DoubleHeader,
    FalseOpening,
    Fork,
    HiddenCertificate,
    InvalidItem,
    SignedBallot,
)
from bac.wire.header import header_hash
from bac.wire.registry import decode_item
from bac.wire.votes import Acknowledgement

app = noun("What was proven, and against whom.")

KINDS: Mapping[type, str] = {
    DoubleAcknowledgement: "two acknowledgements of one view",
    HiddenCertificate: "a certificate hidden from recovery",
    FalseOpening: "a false opening acknowledged",
    DoubleHeader: "two headers of one height signed",
    Fork: "a fork of the hashgraph",
    InvalidItem: "an item invalid by itself",
}


class EvidenceRow(Row, frozen=True):
    """A piece of evidence as ordered.

    `deed_epoch` is that of the deed, `epoch` and `height` say where it was ordered; `culprits` are those whom it
    convicts by itself, `convicted` those against whom it was the first to prove the deed.
    """

    WIDE = frozenset({"index", "size_bytes"})

    evidence: str
    kind: str
    deed_epoch: int
    epoch: int
    height: int
    index: int
    culprits: list[str]
    convicted: list[str]
    size_bytes: int


class FactsRow(Row, frozen=True):
    """A piece of evidence with what it shows."""

    evidence: str
    kind: str
    deed_epoch: int
    epoch: int
    height: int
    culprits: list[str]
    names: list[str]
    convicted: list[str]
    facts: dict[str, str]
    size_bytes: int


class JudgedRow(Row, frozen=True):
    """A piece of evidence, judged again: its signatures, by the keys on the register, and whom they convict."""

    evidence: str
    kind: str
    epoch: int
    height: int
    culprits: list[str]
    verdict: str
    reason: str | None


LIST = Answer("evidence.list", EvidenceRow, many=True)
SHOW = Answer("evidence.show", FactsRow)
VERIFY = Answer("evidence.verify", JudgedRow, many=True)

Prefix = Annotated[str, typer.Argument(help="How the SHA-256 of the evidence begins.")]


@dataclass(frozen=True, slots=True)
class Piece:
    """One item of evidence: where it stands, whom it convicts by itself, and whom it was the first to convict."""

    item: bytes
    epoch: int
    height: int
    index: int
    evidence: AnyEvidence
    culprits: tuple[NodeId, ...]
    convicted: tuple[NodeId, ...]

    @property
    def digest(self) -> str:
        """What reputations name it by."""
        return sha256(self.item).hexdigest()

    @property
    def kind(self) -> str:
        """In words."""
        return KINDS[type(self.evidence)]


def pieces(chain: Chain, beginning: Beginning) -> Iterator[Piece]:
    """All evidence in the order of the chain, each judged by the court of the epoch that ordered it.

    Raises:
        CommandFailed: `check-failed`, as `walk`.
    """
    for step in walk(chain, beginning):
        for index, item in enumerate(step.block.body.items):
            if is_evidence(item):
                with suppress(Rejected):  # what is no encoding of any
                    yield _judge(item, index, step, beginning)


def _judge(item: bytes, index: int, step: Step, beginning: Beginning) -> Piece:
    """Raises Rejected for what is no evidence at all."""
    evidence: AnyEvidence = decode_item(item)
    header, docket = step.block.header, step.replay.machine.docket
    court = step.replay.machine.court(header.epoch, docket.electorate, docket.boundary)
    found = court.convict(item, header.epoch, beginning.params.evidence_epochs)
    digest = sha256(item).digest()
    first = [each.identity for each in docket.convictions if (each.height, each.evidence) == (header.height, digest)]
    return Piece(
        item, header.epoch, header.height, index, evidence, tuple(identity for identity, _ in found), tuple(first)
    )


@app.command("list")
def list_(
    who: Annotated[str | None, typer.Option("--against", help="Only against this node or identity.")] = None,
    net: Net = HERE,
    via: From = None,
    chain: File = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """List all evidence that was ordered, the newest last; offline."""
    opened = open_chain(net, via, chain)
    found = list(pieces(opened, beginning_of(opened)))
    if who is not None:
        wanted = {identity.hex() for identity, name in opened.names.items() if name == who} or {who.lower()}
        found = [each for each in found if any(_is(one, wanted) for one in each.culprits)]
    LIST.show([_row(each) for each in found], output, as_json)


def _is(identity: NodeId, wanted: set[str]) -> bool:
    return any(identity.hex().startswith(prefix) for prefix in wanted)


@app.command()
def show(
    which: Prefix,
    net: Net = HERE,
    via: From = None,
    chain: File = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show one piece of evidence: the deed, and the two things that cannot both be honest."""
    opened = open_chain(net, via, chain)
    piece = choose({each.digest: each for each in pieces(opened, beginning_of(opened))}, which, "evidence")
    names = [opened.names.get(each, each.hex()[:12]) for each in piece.culprits]
    row = _row(piece)
    SHOW.show(
        FactsRow(
            evidence=row.evidence, kind=row.kind, deed_epoch=row.deed_epoch, epoch=row.epoch, height=row.height,
            culprits=row.culprits, names=names, convicted=row.convicted, facts=facts_of(piece.evidence),
            size_bytes=row.size_bytes,
        ),
        output, as_json,
    )  # fmt: skip


@app.command()
def verify(
    which: Annotated[list[str] | None, typer.Argument(help="How hashes begin; default all that there is.")] = None,
    net: Net = HERE,
    via: From = None,
    chain: File = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Judge evidence again, offline, by signatures and the keys on the register. Status 1 if one convicts nobody."""
    opened = open_chain(net, via, chain)
    found = {each.digest: each for each in pieces(opened, beginning_of(opened))}
    chosen = [*found.values()] if not which else [choose(found, each, "evidence") for each in which]
    rows = [
        JudgedRow(
            evidence=each.digest, kind=each.kind, epoch=each.epoch, height=each.height,
            culprits=[one.hex() for one in each.culprits], verdict="holds" if each.culprits else "fails",
            reason=None if each.culprits else "it proves nothing, or its deed is too old",
        )
        for each in chosen
    ]  # fmt: skip
    VERIFY.show(rows, output, as_json)
    if any(row.verdict == "fails" for row in rows):
        raise typer.Exit(Exit.CHECK_FAILED)


def _row(piece: Piece) -> EvidenceRow:
    return EvidenceRow(
        evidence=piece.digest, kind=piece.kind, deed_epoch=piece.evidence.epoch, epoch=piece.epoch,
        height=piece.height, index=piece.index, culprits=[each.hex() for each in piece.culprits],
        convicted=[each.hex() for each in piece.convicted], size_bytes=len(piece.item),
    )  # fmt: skip


def facts_of(evidence: AnyEvidence) -> dict[str, str]:
    """The two things that cannot both be honest."""
    match evidence:
        case DoubleAcknowledgement():
            return {"one acknowledges": _ballot(evidence.first), "another acknowledges": _ballot(evidence.second)}
        case HiddenCertificate():
            hidden, state = evidence.header.justify, evidence.state
            return {
                "acknowledged": f"{header_hash(evidence.header).hex()[:16]} on a certificate of height {hidden.height}",
                "claimed later": f"in view {state.view} nothing above height {state.high.height}",
            }
        case FalseOpening():
            return {
                "acknowledges": _ballot(evidence.acknowledgement),
                "stands on": f"height {evidence.opening.justify.height}, which its new view does not show",
            }
        case DoubleHeader():
            return {
                "one header": f"height {evidence.first.height} {header_hash(evidence.first).hex()[:16]}",
                "another header": f"height {evidence.second.height} {header_hash(evidence.second).hex()[:16]}",
            }
        case Fork():
            parent = evidence.first.self_parent
            return {
                "one event": event_id(evidence.first).hex()[:16],
                "another event": event_id(evidence.second).hex()[:16],
                "both follow": "the beginning" if parent is None else parent.hex()[:16],
            }
        case InvalidItem():
            item = evidence.event.payload[evidence.index]
            return {
                "event": event_id(evidence.event.header).hex()[:16],
                "item": f"{evidence.index}, {len(item)} bytes, {sha256(item).hexdigest()[:16]}",
            }


def _ballot(signed: SignedBallot) -> str:
    ballot = signed.ballot
    by = signed.voter.hex()[:12] if isinstance(signed, Acknowledgement) else "a certificate's signers"
    return f"{ballot.header_hash.hex()[:16]} at height {ballot.height} in view {ballot.view}, by {by}"
