"""The chain as a node's store or an exported file holds it, for verbs that trust neither and ask nobody.

All is recomputed from genesis (`bac.replica.replay`); that the blocks are confirmed is shown by the proofs, judged by
the electorates found on the way.

Source: docs/spec/replica.md RP-110 to RP-113.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from bac.cli.blocks import BLOCK_BYTES_MAX
from bac.cli.errors import CommandFailed
from bac.cli.place import home_of, open_network
from bac.crypto.production import Production
from bac.errors import Code, Rejected
from bac.finality.site import Block
from bac.genesis import Genesis, GenesisShard, load_genesis
from bac.node.network import Home, Network
from bac.node.store import Archive, UnfitStore, read_archive
from bac.params import PRESETS, Params
from bac.proofs.confirmation import verify_confirmation
from bac.proofs.electorate import Electorate
from bac.replica.ground import Ground, lay
from bac.replica.replay import EpochAccount, Replay
from bac.types import Hash, NodeId
from bac.wire.block import BoundaryRecord, ConfirmationProof
from bac.wire.codec import decode

ENGINE: Final = "bac"
_RECORD: Final = b"r"
File = Annotated[Path | None, typer.Option("--chain", help="An export instead of a network's store.")]
From = Annotated[str | None, typer.Option("--via", help="The store of this node; default the first that is whole.")]


class Export(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="bac-chain/1"):
    """What an exported file holds: genesis, blocks with their proofs, and boundary records, all encoded, in order."""

    genesis: bytes
    blocks: tuple[tuple[bytes, bytes], ...]
    boundaries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain to be replayed, once.

    Attributes:
        source: what it was read from.
        genesis: encoded.
        count: of the blocks, as far as it is known beforehand.
        commits: blocks with their proofs, in order.
        boundaries: the records of its epochs, as far as the source has them, encoded.
        names: names of identities, where a network's directory tells them.
    """

    source: str
    genesis: bytes
    count: int
    commits: Iterable[tuple[bytes, bytes]]
    boundaries: tuple[bytes, ...]
    names: dict[NodeId, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One block replayed: the replay after it, and the account of the epoch that it ends, if it ends one."""

    replay: Replay
    block: Block
    account: EpochAccount | None


def open_chain(net: Path, via: str | None, file: Path | None) -> Chain:
    """The chain in `file`, or in the store of a node of the network.

    Raises:
        CommandFailed: `not-found`; `other-engine`, the network elects nobody; `usage`, not an export.
        UnfitStore: as `read_archive`.
    """
    if file is not None:
        return _read(file, net / "genesis")
    network = elected(net)
    homes = [home_of(network, via)] if via is not None else list(network.homes.values())
    genesis = network.genesis
    names = {home.identity: home.name for home in network.homes.values()}
    for home in homes:
        found = _from_store(home)
        if found is not None and found.last is not None:
            commits = ((each.block, each.proof) for each in found.commits)
            return Chain(f"{net}, {home.name}", genesis, found.last.number, commits, found.records, names)
    who = "no node of the network has" if via is None else f"{homes[0].name} has not"
    cause = "nothing is confirmed yet, or blocks were leapt over by who was away"
    advice = "--via NODE, of one that was there all the time; or --chain FILE"
    raise CommandFailed("not-found", f"{who} every block of the chain", cause, advice)


def elected(net: Path) -> Network:
    """The network in the directory; CommandFailed `other-engine` if its protocol elects nobody."""
    network = open_network(net)
    if network.engine_name != ENGINE:
        raise CommandFailed(
            "other-engine", f"{net} runs {network.engine_name}, which has no elections and no reputations",
            "committees, duties, evidence and reputations are of the engine bac",
        )  # fmt: skip
    return network


def _from_store(home: Home) -> Archive | None:
    """What the node has; None if it has not all blocks: who leaps ahead does not fetch those between."""
    if not home.store.exists():
        return None
    found = read_archive(home.store, _RECORD)
    if found.last is None:
        return None
    try:
        is_whole = _block(found.last.block).header.height == found.last.number
    except Rejected as refusal:
        raise UnfitStore(f"{home.store.name} is damaged: commit {found.last.number}") from refusal
    return found if is_whole else None


def _read(file: Path, genesis: Path) -> Chain:
    """An export; where there is a network, it must be of that network."""
    try:
        export = msgspec.msgpack.decode(file.read_bytes(), type=Export)
    except msgspec.DecodeError as error:
        raise CommandFailed("usage", f"{file} is no exported chain", next_="bac net export DIR --out FILE") from error
    if genesis.exists() and genesis.read_bytes() != export.genesis:
        raise CommandFailed(
            "check-failed", f"{file} has another genesis than {genesis}", next_="--net DIR, another one"
        )
    return Chain(str(file), export.genesis, len(export.blocks), export.blocks, export.boundaries, {})


def export_of(opened: Chain) -> bytes:
    """The file of a chain."""
    return msgspec.msgpack.encode(Export(opened.genesis, tuple(opened.commits), opened.boundaries))


# ---------------------------------------------------------------- replaying


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a chain begins with."""

    genesis: Genesis
    shard: GenesisShard
    params: Params
    suite: Production
    ground: Ground

    def replay(self) -> Replay:
        """At the beginning."""
        return Replay(self.ground, self.params, self.suite, self.genesis.authority)


def params_of(genesis: bytes) -> Params:
    """The parameters that an encoded genesis asks for; the preset `default` where it asks for unknown ones."""
    known = {params.digest(): params for params in PRESETS.values()}
    return known.get(Hash(decode(Genesis, genesis).params_digest), PRESETS["default"])


def beginning_of(opened: Chain) -> Beginning:
    """Raises CommandFailed `check-failed`: its genesis is not one."""
    try:
        params = params_of(opened.genesis)
        genesis = load_genesis(opened.genesis, params)
    except Rejected as refusal:
        raise failed(opened, refusal) from refusal
    shard = genesis.shards[0]
    return Beginning(genesis, shard, params, Production(shard.scheme.suite_name), lay(genesis, shard, params))


def walk(opened: Chain, beginning: Beginning) -> Iterator[Step]:
    """Block by block, each found to follow; at the end of each epoch, and of all, found to be confirmed.

    Raises:
        CommandFailed: `check-failed`; the sentence says where the chain breaks.
    """
    replay = beginning.replay()
    last: tuple[Block, bytes] | None = None
    try:
        for block_data, proof in _watched(opened):
            block = _block(block_data)
            electorate = replay.epoch.electorate
            account = replay.add(block)
            last = None if account is not None else (block, proof)
            if account is not None:
                _confirm(block, proof, electorate, replay)
                _match(opened, account)
            yield Step(replay, block, account)
        if last is not None:
            _confirm(*last, replay.epoch.electorate, replay)
    except Rejected as refusal:
        raise failed(opened, refusal) from refusal


def _watched(opened: Chain) -> Iterable[tuple[bytes, bytes]]:
    """The commits; a person at a terminal sees how far it is."""
    if not sys.stderr.isatty():
        return opened.commits
    from rich.console import Console  # as costly to import as the rest
    from rich.progress import track

    console = Console(stderr=True)
    return track(opened.commits, "replaying", opened.count, console=console, transient=True)


def accounts(opened: Chain, beginning: Beginning) -> Iterator[EpochAccount]:
    """The accounts of its epochs; raises as `walk`."""
    return (step.account for step in walk(opened, beginning) if step.account is not None)


def failed(opened: Chain, refusal: Rejected) -> CommandFailed:
    """What is said of a chain that does not hold."""
    return CommandFailed(
        "check-failed", f"the chain does not follow from its facts: {refusal.reason}", f"read from {opened.source}",
        next_="--via NODE compares another node's store; one that says otherwise was altered",
    )  # fmt: skip


def _confirm(block: Block, proof: bytes, electorate: Electorate, replay: Replay) -> None:
    shown = verify_confirmation(decode(ConfirmationProof, proof), block.header.epoch, electorate, replay.scope)
    if shown != block.header:
        raise Rejected(Code.BAD_PROOF, f"the proof of block {block.header.height} shows another block")


def _match(opened: Chain, account: EpochAccount) -> None:
    """Compares the boundary record of the epoch, if the source has it, with what was recomputed."""
    if account.number >= len(opened.boundaries):
        return
    record = decode(BoundaryRecord, opened.boundaries[account.number])
    for name, said, found in (
        ("electorate", record.electorate, account.successors.electorate.members),
        ("committee", record.committee, account.successors.committee),
    ):
        if said != found:
            raise Rejected(Code.BAD_PROOF, f"the record of epoch {account.number} names another {name} than follows")


def _block(data: bytes) -> Block:
    return decode(Block, data, BLOCK_BYTES_MAX)
