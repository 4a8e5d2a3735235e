"""A node's disk: one SQLite file that holds exactly what the protocol persisted, and what it committed.

Theory of operation. `stage` notes an effect in memory, where `get` and `scan` see it at once; `flush` writes everything
staged in one transaction of a write-ahead log with ``synchronous=FULL``, so one fsync makes a whole batch of effects
durable, in order, or none of them. The driver sends nothing that depends on a batch before its flush has returned.
A crash at any moment therefore leaves the state after some flush.

Each effect has a number. The last record of each key stands in one table, whatever was overwritten or forgotten since
the last snapshot in another; both together, by number, are the log of the contract, and no record is written twice.

What became of a transaction stands with the commit that decided it. Where to look is noted in memory first, and a table
takes many such notes at a time, in their order: single ones would touch a page each. At the start the commits tell what
the table does not have yet.

Every row carries a CRC-32 of its contents, the log has no gaps, and the head names format, network, engine and owner:
what is damaged, foreign or of another version is refused when it is opened, with the record at fault, and nothing is
repaired by guessing.

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

import msgspec

from bac.protocol import SNAPSHOT, Persist

FORMAT: Final = 2
"""Changes with the tables below; a store of another format is refused."""
NOTED_MAX: Final = 8_192
"""Transactions whose commit is noted in memory, before the table takes them."""
WRITER_KIB: Final = 1_024
READER_KIB: Final = 256
"""Pages of the file that SQLite keeps: what one flush touches, what one question does. The system has the others."""
_NOTE_BYTES: Final = 16
"""Of a transaction's id; the commit has all of it."""

_TABLES: Final = """
CREATE TABLE head (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
  key BLOB PRIMARY KEY, record BLOB NOT NULL, number INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE log (number INTEGER PRIMARY KEY, key BLOB NOT NULL, record BLOB, sum INTEGER NOT NULL);
CREATE TABLE commits (
  number INTEGER PRIMARY KEY, block BLOB NOT NULL, proof BLOB NOT NULL, outcomes BLOB NOT NULL, sum INTEGER NOT NULL,
  digest BLOB UNIQUE);
CREATE TABLE notes (id BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""
_LOG: Final = """
SELECT number, key, record, sum FROM log
UNION ALL SELECT number, key, record, sum FROM records WHERE number > ? ORDER BY number
"""

_Outcomes = tuple[tuple[bytes, str], ...]
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(_Outcomes).decode


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
        self._writer.execute(f"PRAGMA cache_size=-{WRITER_KIB}")
        if not self._writer.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._make(owner)
        self._staged: dict[bytes, bytes | None] = {}
        self._queue: list[Persist | tuple[bytes, bytes, _Outcomes]] = []
        self._check_owner(owner)
        self._since = _count(self._writer, "SELECT value FROM head WHERE name = 'since'")
        self._number = max(self._since, self._check_records())
        self._notes = self._check_commits(_count(self._writer, "SELECT MAX(number) FROM notes"))
        self._commit_number = _count(self._writer, "SELECT MAX(number) FROM commits")
        # Archived commits are read by clients while the writer may be flushing.
        self._reader = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)
        self._reader.execute(f"PRAGMA cache_size=-{READER_KIB}")

    def _make(self, owner: Owner) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        for statement in filter(None, map(str.strip, _TABLES.split(";"))):
            self._writer.execute(statement)
        head = {"format": str(FORMAT).encode(), "since": 0, **_head_of(owner)}
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

    def _check_records(self) -> int:
        """The number of the last effect."""
        for key, record, total in self._writer.execute("SELECT key, record, sum FROM records"):
            if _sum(key, record) != total:
                raise UnfitStore(f"{self._path.name} is damaged: record {_show(key)}")
        last = self._since
        for number, key, record, total in self._writer.execute(_LOG, (self._since,)):
            if number != last + 1:
                raise UnfitStore(f"{self._path.name} is damaged: entry {last + 1} of the log is missing")
            if _sum(key, record) != total:
                raise UnfitStore(f"{self._path.name} is damaged: entry {number} of the log, {_show(key)}")
            last = number
        return last

    def _check_commits(self, noted: int) -> dict[bytes, int]:
        """Notes of the commits above number `noted`."""
        notes: dict[bytes, int] = {}
        query = "SELECT number, block, proof, outcomes, sum, digest FROM commits ORDER BY number"
        for place, (number, block, proof, outcomes, total, digest) in enumerate(self._writer.execute(query), 1):
            if number != place or _sum(block, proof, outcomes) != total or sha256(block).digest() != digest:
                raise UnfitStore(f"{self._path.name} is damaged: commit {place}")
            if number > noted:
                _note(notes, _unpack(outcomes), number)
        return notes

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
        return tuple(Persist(key, record) for _, key, record, _ in self._writer.execute(_LOG, (self._since,)))

    # ------------------------------------------------------------ writing

    def stage(self, effect: Persist) -> None:
        """Performs `effect` as far as readers see; durable with the next `flush`."""
        self._staged[effect.key] = effect.record
        self._queue.append(effect)

    def stage_commit(self, block: bytes, proof: bytes, outcomes: Iterable[tuple[bytes, str]]) -> None:
        """Archives a commit, in order with the records, and what it decided: (id of a transaction, code)."""
        self._queue.append((block, proof, tuple(outcomes)))

    @property
    def staged(self) -> int:
        """How many records and commits wait for `flush`."""
        return len(self._queue)

    def flush(self) -> None:
        """Makes everything staged durable, all of it or nothing; may run on a thread."""
        notes: dict[bytes, int] = {}
        snapshots = sum(isinstance(each, Persist) and each.key == SNAPSHOT for each in self._queue)
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for each in self._queue:
                if isinstance(each, Persist):
                    snapshots -= each.key == SNAPSHOT
                    self._write(each, is_logged=not snapshots)
                else:
                    self._archive(*each, notes)
            is_full = len(self._notes) + len(notes) > NOTED_MAX
            if is_full:
                rows = sorted({**notes, **self._notes}.items())
                self._writer.executemany("INSERT OR IGNORE INTO notes VALUES (?, ?)", rows)
            self._writer.execute("COMMIT")
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._notes = {} if is_full else {**notes, **self._notes}
        self._queue.clear()
        self._staged.clear()

    def _write(self, effect: Persist, *, is_logged: bool) -> None:
        """Performs one effect; a record that a later snapshot of the batch covers needs no log."""
        key, record = effect.key, effect.record
        self._number += 1
        write = self._writer.execute
        if key == SNAPSHOT:
            write("DELETE FROM log")
            write("UPDATE head SET value = ? WHERE name = 'since'", (self._number,))
            self._since = self._number
        elif is_logged:
            replaced = "SELECT number, key, record, sum FROM records WHERE key = ? AND number > ?"
            write(f"INSERT INTO log {replaced}", (key, self._since))
        if record is not None:
            write("REPLACE INTO records VALUES (?, ?, ?, ?)", (key, record, self._number, _sum(key, record)))
            return
        write("DELETE FROM records WHERE key = ?", (key,))
        if is_logged and key != SNAPSHOT:
            write("INSERT INTO log VALUES (?, ?, NULL, ?)", (self._number, key, _sum(key, None)))

    def _archive(self, block: bytes, proof: bytes, outcomes: _Outcomes, notes: dict[bytes, int]) -> None:
        number, packed = self._commit_number + 1, _pack(outcomes)
        row = (number, block, proof, packed, _sum(block, proof, packed), sha256(block).digest())
        if not self._writer.execute("INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
            return  # said again after a restart
        self._commit_number = number
        _note(notes, outcomes, number)

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
        note = transaction_id[:_NOTE_BYTES]
        number = self._notes.get(note)  # first: a note leaves the memory after the table has it
        row = self._reader.execute("SELECT number FROM notes WHERE id = ?", (note,)).fetchone()
        number = number if row is None else row[0]
        codes = {} if number is None else dict(self.outcomes_of(number))
        return Outcome(number, codes[transaction_id]) if number is not None and transaction_id in codes else None

    def outcomes_of(self, number: int) -> _Outcomes:
        """What commit `number` decided: (id of a transaction, code)."""
        row = self._reader.execute("SELECT outcomes FROM commits WHERE number = ?", (number,)).fetchone()
        return () if row is None else _unpack(row[0])


@dataclass(frozen=True, slots=True)
class Archive:
    """A store as others read it: the records asked for, the last commit there was then, and all of them, once."""

    records: tuple[bytes, ...]
    last: Committed | None
    commits: Iterator[Committed]


def read_archive(path: Path, prefix: bytes) -> Archive:
    """What a store holds, read by somebody else while its node may be running: records and commits.

    Args:
        path: the file.
        prefix: of the keys of the records asked for; they come in the order of their keys.

    Raises:
        FileNotFoundError: there is no store.
        UnfitStore: it is damaged, or of another format; of commits, when the iterator comes to them.
    """
    if not path.exists():
        raise FileNotFoundError(2, "", str(path))
    try:
        reader = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        (found,) = reader.execute("SELECT value FROM head WHERE name = 'format'").fetchone()
        if found != str(FORMAT).encode():
            raise UnfitStore(f"{path.name} has another store format; this is format {FORMAT}")
        beyond = _successor(prefix)
        records = reader.execute("SELECT record FROM records WHERE key >= ? AND key < ? ORDER BY key", (prefix, beyond))
        last = reader.execute("SELECT number, block, proof FROM commits ORDER BY number DESC LIMIT 1").fetchone()
        found = None if last is None else Committed(*last)
        return Archive(tuple(record for (record,) in records), found, _archived(reader, path))
    except (sqlite3.DatabaseError, TypeError) as error:
        raise UnfitStore(f"{path.name} is damaged: {error}") from error


def _archived(reader: sqlite3.Connection, path: Path) -> Iterator[Committed]:
    query = "SELECT number, block, proof, outcomes, sum FROM commits ORDER BY number"
    try:
        for place, (number, block, proof, outcomes, total) in enumerate(reader.execute(query), 1):
            if number != place or _sum(block, proof, outcomes) != total:
                raise UnfitStore(f"{path.name} is damaged: commit {place}")
            yield Committed(number, block, proof)
    finally:
        reader.close()


def _note(notes: dict[bytes, int], outcomes: _Outcomes, number: int) -> None:
    for identity, _ in outcomes:
        notes.setdefault(identity[:_NOTE_BYTES], number)


def _head_of(owner: Owner) -> dict[str, bytes]:
    return {"network": owner.network, "engine": owner.engine.encode(), "identity": owner.identity}


def _sum(first: bytes, second: bytes | None, third: bytes = b"") -> int:
    total = crc32(first, crc32(len(first).to_bytes(4, "big")))
    if second is None:
        return crc32(b"\0", total)
    return crc32(third, crc32(second, crc32(b"\1" + len(second).to_bytes(4, "big"), total)))


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
