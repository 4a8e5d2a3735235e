"""A network's directory whose nodes do not run: real keys, and a chain that the test has written, in a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from bac.crypto.production import Production
from bac.finality.chain import Link, header_hash
from bac.finality.records import save_record
from bac.finality.site import Block
from bac.node.network import FILE
from bac.node.store import Owner, Store
from bac.params import MINIMAL
from bac.types import NodeId
from bac.wire.block import Body, BoundaryRecord, ConfirmationProof
from bac.wire.codec import encode
from tests.replica.test_court import fork_of
from tests.replica.yard import Yard

Alter = Callable[[list[tuple[bytes, bytes]]], None]


class Town(Yard):
    """A yard with real cryptography that keeps the proof of each epoch's last block."""

    def __init__(self, units: tuple[int, ...]) -> None:
        self.proofs: dict[int, bytes] = {}
        self.records: list[BoundaryRecord] = []
        super().__init__(units, MINIMAL, Production("ed25519-list"))

    def add(self, derived: object, items: tuple[bytes, ...]) -> Link:
        validity, epoch = self.validity, self.epoch.number
        link = super().add(derived, items)
        if self.epoch.number > epoch:
            closing = Link(validity.close(link).header, header_hash(validity.close(link).header), parent=link)
            proof = ConfirmationProof(
                (link.header,), self.certificate(link), closing.header, self.certificate(closing), None
            )  # fmt: skip
            self.proofs[link.header.height] = encode(proof)
            self.records.append(BoundaryRecord(proof, self.epoch.electorate.members, self.epoch.committee))
        return link

    def commits(self) -> list[tuple[bytes, bytes]]:
        """Blocks, and the proof of each that has one here."""
        return [(encode(block), self.proofs.get(block.header.height, b"")) for block in self.blocks]


@dataclass(frozen=True, slots=True)
class Story:
    """A chain, and who did what in it: names as in the directory."""

    town: Town
    absent: str
    forker: str
    newcomer: NodeId


@cache
def story() -> Story:
    """Seven epochs: one voter is absent in epoch 1, a leader is convicted of a fork in epoch 3, a newcomer arrives.

    In epoch 5 a fork is ordered that proves nothing: the second event is not signed.
    """
    town = Town((9000, 8000, 7000, 6000, 5000))
    town.live_epoch()
    newcomer, admission = town.admit(9)
    town.live_epoch(absent=[town.ids[1]], items=[admission])
    town.live_epoch(late=[newcomer])
    forker = next(
        leader.identity
        for leader in town.epoch.committee
        if leader.identity not in (town.ids[1], town.epoch.committee[0].identity)
    )
    town.live_epoch(items=[encode(fork_of(town, forker))])
    town.live_epoch(late=[newcomer])
    fork = fork_of(town, town.epoch.committee[0].identity)
    town.live_epoch(late=[newcomer], items=[replace(fork, second=replace(fork.second, signature=bytes(64)))])
    town.live_epoch(late=[newcomer])
    return Story(town, "n01", f"n{town.ids.index(forker):02d}", newcomer)


def write(directory: Path, *, engine: str = "bac", alter: Alter | None = None, node: str = "n00") -> Path:
    """The directory of a network with the chain of the story in the store of `node`, altered or not."""
    told = story()
    lines = [f'engine = "{engine}"']
    founders = told.town.ids[:5]
    for place, identity in enumerate(founders):
        lines += ["", "[[node]]", f'name = "n{place:02d}"', f"identity = {json.dumps(identity.hex())}"]
        (directory / "nodes" / f"n{place:02d}").mkdir(parents=True)
    (directory / FILE).write_text("\n".join(lines) + "\n")
    (directory / "genesis").write_bytes(encode(told.town.genesis))
    commits = told.town.commits()
    if alter is not None:
        alter(commits)
    _store(directory / "nodes" / node / "store.sqlite", told.town, founders[int(node[1:])], commits)
    return directory


def _store(path: Path, town: Town, owner: NodeId, commits: Iterable[tuple[bytes, bytes]]) -> None:
    store = Store(path, Owner(town.network, "bac", owner))
    for block, proof in commits:
        store.stage_commit(block, proof, ())
    for number, record in enumerate(town.records):
        store.stage(save_record(record, number))
    store.flush()
    store.close()


def without(number: int, item: bytes) -> Alter:
    """Takes an item out of the body of block `number` (from 1); the header stays."""

    def alter(commits: list[tuple[bytes, bytes]]) -> None:
        block = story().town.blocks[number - 1]
        items = tuple(each for each in block.body.items if each != item)
        assert len(items) < len(block.body.items)
        commits[number - 1] = encode(Block(block.header, Body(items))), commits[number - 1][1]

    return alter
