"""A node's disk: one SQLite file that holds exactly what the protocol persisted, and what it committed.

Theory of operation. `stage` notes an effect in memory, where `get` and `scan` see it at once; `flush` writes everything
staged in one transaction of a write-ahead log with ``synchronous=FULL``, so one fsync makes a whole batch of effects
durable, in order, or none of them. The driver sends nothing that depends on a batch before its flush has returned.
A crash at any moment therefore leaves the state after some flush.

Every row carries a CRC-32 of its contents, the log of records since the last snapshot is numbered without gaps, and the
head names format, network, engine and owner: what is damaged, foreign or of another version is refused when it is
opened, with the record at fault, and nothing is repaired by guessing.

Sources: docs/spec/node.md NO-4 to NO-8; https://www.sqlite.org/wal.html.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from zlib import crc32

from bac.protocol import SNAPSHOT, Persist

FORMAT: Final = 1
"""Changes with the tables below; a store of another format is refused."""

_TABLES: Final = """
CREATE TABLE head (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE records (key BLOB PRIMARY KEY, record BLOB NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE log (number INTEGER PRIMARY KEY, key BLOB NOT NULL, record BLOB, sum INTEGER NOT NULL);
CREATE TABLE commits (
  number INTEGER PRIMARY KEY, block BLOB NOT NULL, proof BLOB NOT NULL, sum INTEGER NOT NULL, digest BLOB UNIQUE);
CREATE TABLE outcomes (id BLOB PRIMARY KEY, number INTEGER NOT NULL, code TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX outcomes_by_number ON outcomes (number);
"""


class UnfitStore(Exception):
    """A store that must not be used: damaged, foreign, or of another format. The sentence names what is wrong."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose store it is: network (hash of genesis), name of the engine, identity of the node."""

    network: bytes
    engine: str
    identity: bytes


@dataclass(frozen=True, slots=True)
class Committed:
    """One commit as archived: its number (from 1), block and proof in their encodings."""

    number: int
    block: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction: the number of the commit that decided it; code "" if it took effect."""

    number: int
    code: str


class Store:
    """The store of one node; satisfies `bac.protocol.Store`."""

    def __init__(self, path: Path, owner: Owner) -> None:
        """Opens the file, or makes it.

        Raises:
            UnfitStore: it is damaged, foreign, or of another format.
        """
        self._path = path
        is_new = not path.exists()
        try:
            self._open(owner, is_new=is_new)
        except sqlite3.DatabaseError as error:
            raise UnfitStore(f"{path.name} is damaged: {error}") from error

    def _open(self, owner: Owner, *, is_new: bool) -> None:
        if is_new:  # never readable by others, from its first moment
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        # The flush runs on a thread; the driver awaits it and touches nothing meanwhile.
        self._writer = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._writer.execute("PRAGMA journal_mode=WAL")
        self._writer.execute("PRAGMA synchronous=FULL")
        if not self._writer.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._make(owner)
        self._staged: dict[bytes, bytes | None] = {}
        self._queue: list[Persist | tuple[bytes, bytes, tuple[tuple[bytes, str], ...]]] = []
        self._check_owner(owner)
        self._check_rows()
        self._log_number = _count(self._writer, "SELECT MAX(number) FROM log")
        self._commit_number = _count(self._writer, "SELECT MAX(number) FROM commits")
        # Archived commits are read by clients while the writer may be flushing.
        self._reader = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)

    def _make(self, owner: Owner) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        for statement in filter(None, map(str.strip, _TABLES.split(";"))):
            self._writer.execute(statement)
        head = {"format": str(FORMAT).encode(), **_head_of(owner)}
        self._writer.executemany("INSERT INTO head VALUES (?, ?)", head.items())
        self._writer.execute("COMMIT")

    # ------------------------------------------------------------ judging what was found

    def _check_owner(self, owner: Owner) -> None:
        head = dict(self._writer.execute("SELECT name, value FROM head"))
        if head.get("format") != str(FORMAT).encode():
            found = bytes(head.get("format", b"none")).decode(errors="replace")
            raise UnfitStore(f"{self._path.name} has store format {found}; this is format {FORMAT}")
        for name, value in _head_of(owner).items():
            if head.get(name) != value:
                raise UnfitStore(f"{self._path.name} belongs to another {name}: {_show(head.get(name, b''))}")

    def _check_rows(self) -> None:
        for key, record, total in self._writer.execute("SELECT key, record, sum FROM records"):
            if _sum(key, record) != total:
                raise UnfitStore(f"{self._path.name} is damaged: record {_show(key)}")
        expected = None
        for number, key, record, total in self._writer.execute("SELECT * FROM log ORDER BY number"):
            if number != (number if expected is None else expected):
                raise UnfitStore(f"{self._path.name} is damaged: entry {expected} of the log is missing")
            if _sum(key, record) != total:
                raise UnfitStore(f"{self._path.name} is damaged: entry {number} of the log, {_show(key)}")
            expected = number + 1
        for number, row in enumerate(self._writer.execute("SELECT * FROM commits ORDER BY number"), 1):
            if row[0] != number or _sum(row[1], row[2]) != row[3] or sha256(row[1]).digest() != row[4]:
                raise UnfitStore(f"{self._path.name} is damaged: commit {number}")

    # ------------------------------------------------------------ the contract's store

    def get(self, key: bytes) -> bytes | None:
        """As the contract's Store."""
        if key in self._staged:
            return self._staged[key]
        row = self._writer.execute("SELECT record FROM records WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """As the contract's Store."""
        beyond = _successor(prefix)
        where, bounds = ("key >= ?", (prefix,)) if beyond is None else ("key >= ? AND key < ?", (prefix, beyond))
        found: dict[bytes, bytes | None] = dict(
            self._writer.execute(f"SELECT key, record FROM records WHERE {where}", bounds)  # noqa: S608 (no input)
        )
        found.update({key: record for key, record in self._staged.items() if key.startswith(prefix)})
        for key in sorted(found):
            if (record := found[key]) is not None:
                yield key, record

    @property
    def log(self) -> tuple[Persist, ...]:
        """Everything persisted after the last snapshot, in order; asked for when nothing is staged."""
        assert not self._queue, "the log is read at construction, before anything is staged"
        return tuple(Persist(*row) for row in self._writer.execute("SELECT key, record FROM log ORDER BY number"))

    # ------------------------------------------------------------ writing

    def stage(self, effect: Persist) -> None:
        """Performs `effect` as far as readers see; durable with the next `flush`."""
        self._staged[effect.key] = effect.record
        self._queue.append(effect)

    def stage_commit(self, block: bytes, proof: bytes, outcomes: Iterable[tuple[bytes, str]]) -> None:
        """Archives a commit, in order with the records, and what it decided: (id of a transaction, code)."""
        self._queue.append((block, proof, tuple(outcomes)))

    @property
    def is_staged(self) -> bool:
        """Whether something waits for `flush`."""
        return bool(self._queue)

    def flush(self) -> None:
        """Makes everything staged durable, all of it or nothing; may run on a thread."""
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for each in self._queue:
                if isinstance(each, Persist):
                    self._write(each)
                else:
                    self._archive(*each)
            self._writer.execute("COMMIT")
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._queue.clear()
        self._staged.clear()

    def _write(self, effect: Persist) -> None:
        key, record = effect.key, effect.record
        if record is None:
            self._writer.execute("DELETE FROM records WHERE key = ?", (key,))
        else:
            self._writer.execute("REPLACE INTO records VALUES (?, ?, ?)", (key, record, _sum(key, record)))
        if key == SNAPSHOT:
            self._writer.execute("DELETE FROM log")
        else:
            self._log_number += 1
            self._writer.execute(
                "INSERT INTO log VALUES (?, ?, ?, ?)", (self._log_number, key, record, _sum(key, record))
            )

    def _archive(self, block: bytes, proof: bytes, outcomes: tuple[tuple[bytes, str], ...]) -> None:
        number = self._commit_number + 1
        row = (number, block, proof, _sum(block, proof), sha256(block).digest())
        if not self._writer.execute("INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?, ?)", row).rowcount:
            return  # said again after a restart
        self._commit_number = number
        self._writer.executemany(
            "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?)", ((each, number, code) for each, code in outcomes)
        )

    def close(self) -> None:
        """Lets go of the file; what is staged is forgotten."""
        self._reader.close()
        self._writer.close()

    # ------------------------------------------------------------ the archive

    @property
    def commit_number(self) -> int:
        """The number of the last durable commit; 0 for none."""
        return _count(self._reader, "SELECT MAX(number) FROM commits")

    def commits(self, first: int, limit: int) -> list[Committed]:
        """Up to `limit` commits from number `first` on, ascending."""
        rows = self._reader.execute(
            "SELECT number, block, proof FROM commits WHERE number >= ? ORDER BY number LIMIT ?", (first, limit)
        )
        return [Committed(*row) for row in rows]

    def outcome(self, transaction_id: bytes) -> Outcome | None:
        """What became of a transaction; None while nothing was decided."""
        row = self._reader.execute("SELECT number, code FROM outcomes WHERE id = ?", (transaction_id,)).fetchone()
        return None if row is None else Outcome(*row)

    def outcomes_of(self, number: int) -> list[tuple[bytes, str]]:
        """What commit `number` decided: (id of a transaction, code)."""
        return list(self._reader.execute("SELECT id, code FROM outcomes WHERE number = ?", (number,)))


def _head_of(owner: Owner) -> dict[str, bytes]:
    return {"network": owner.network, "engine": owner.engine.encode(), "identity": owner.identity}


def _sum(first: bytes, second: bytes | None) -> int:
    size = len(first).to_bytes(4, "big")
    return crc32(b"\0" if second is None else b"\1" + second, crc32(first, crc32(size)))


def _count(connection: sqlite3.Connection, query: str) -> int:
    (found,) = connection.execute(query).fetchone()
    return found or 0


def _successor(prefix: bytes) -> bytes | None:
    """The least key above all that start with `prefix`; None if there is none."""
    head = prefix.rstrip(b"\xff")
    return head[:-1] + bytes((head[-1] + 1,)) if head else None


def _show(key: bytes) -> str:
    text = bytes(key)
    return repr(text.decode()) if text.isascii() and text.decode().isprintable() else text.hex()[:32]
