"""The store: exactly what was persisted, in whole batches; nothing damaged or foreign is taken for good."""

from __future__ import annotations

import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.node.store import NOTED_MAX, Committed, Owner, Store, UnfitStore, read_archive
from bac.protocol import SNAPSHOT, Persist
from bac.sim.disk import Disk

OWNER = Owner(b"n" * 32, "echo", b"i" * 32)


def filled(path: Path) -> Path:
    store = Store(path, OWNER)
    for number in range(5):
        store.stage(Persist(b"key %d" % number, b"record %d" % number))
    store.stage(Persist(b"key 1", b"another record"))
    store.stage_commit(b"block", b"proof", [(b"transaction", "")])
    store.stage_commit(b"another block", b"proof", [])
    store.flush()
    store.close()
    return path


def test_what_is_staged_is_seen_and_what_is_not_flushed_is_lost(tmp_path: Path) -> None:
    """NO-5, NO-6."""
    store = Store(tmp_path / "s", OWNER)
    store.stage(Persist(b"a", b"1"))
    store.flush()
    store.stage(Persist(b"a", None))
    store.stage(Persist(b"b", b"2"))
    store.stage_commit(b"block", b"proof", [(b"t", "")])
    assert store.get(b"a") is None
    assert list(store.scan(b"")) == [(b"b", b"2")]
    shutil.copytree(tmp_path, tmp_path / "crashed")  # the disk as it is at this moment
    store.flush()
    assert store.commit_number == 1
    store.close()
    crashed = Store(tmp_path / "crashed" / "s", OWNER)
    assert list(crashed.scan(b"")) == [(b"a", b"1")]
    assert crashed.log == (Persist(b"a", b"1"),)
    assert crashed.outcome(b"t") is None
    crashed.close()


Effects = st.lists(
    st.tuples(
        st.sampled_from([b"", b"a", b"ab", b"b\xff", b"b\xff\xff", b"c", SNAPSHOT]), st.none() | st.binary(max_size=3)
    ),
    max_size=12,
)


@given(st.lists(Effects, max_size=4))
@settings(max_examples=40)
def test_it_answers_as_the_disk_of_the_simulator(batches: list[list[tuple[bytes, bytes | None]]]) -> None:
    """NO-5, NO-6: through flushes and new openings."""
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        disk = Disk()
        for batch in batches:
            store = Store(Path(directory) / "s", OWNER)
            assert store.log == disk.log
            for key, record in batch:
                store.stage(Persist(key, record))
                disk.persist(Persist(key, record))
                for prefix in (b"", b"a", b"b\xff", b"\xff"):
                    assert list(store.scan(prefix)) == list(disk.scan(prefix))
                assert store.get(key) == disk.get(key)
            store.flush()
            assert list(store.scan(b"")) == list(disk.scan(b""))
            store.close()


def test_commits_are_archived_once(tmp_path: Path) -> None:
    """NO-7: one that is reported again after a restart keeps its number."""
    store = Store(filled(tmp_path / "s"), OWNER)
    store.stage_commit(b"block", b"another proof", [(b"transaction", "late")])
    store.flush()
    assert [(each.number, each.block, each.proof) for each in store.commits(1, 10)] == [
        (1, b"block", b"proof"),
        (2, b"another block", b"proof"),
    ]
    found = store.outcome(b"transaction")
    assert found is not None
    assert (found.number, found.code) == (1, "")
    assert store.outcomes_of(1) == ((b"transaction", ""),)
    store.close()


def test_what_became_of_a_transaction_is_found_however_many_there_are(tmp_path: Path) -> None:
    """NO-7: before and after the table has taken the notes, and after a new opening; the first commit counts."""
    store = Store(tmp_path / "s", OWNER)

    def identity(number: int) -> bytes:
        return sha256(number.to_bytes(4, "big")).digest()

    def check() -> None:
        for number in (0, 1, NOTED_MAX, NOTED_MAX + 5):
            found = store.outcome(identity(number))
            assert found is not None
            assert (found.number, found.code) == (2 if number > NOTED_MAX else 1, "odd" if number % 2 else "")
        assert store.outcome(identity(NOTED_MAX + 10)) is None
        assert store.outcome(identity(0)[:16] + bytes(16)) is None, "another one whose note is the same"

    def stage(block: bytes, numbers: range) -> None:
        store.stage_commit(block, b"proof", [(identity(each), "odd" if each % 2 else "") for each in numbers])
        store.flush()

    stage(b"many", range(NOTED_MAX + 1))
    stage(b"few", range(NOTED_MAX, NOTED_MAX + 10))
    check()
    store.close()
    store = Store(tmp_path / "s", OWNER)
    check()
    stage(b"many more", range(2 * NOTED_MAX, 3 * NOTED_MAX))
    check()
    store.close()


def test_a_file_is_bounded_by_what_is_kept_since_the_snapshot(tmp_path: Path) -> None:
    """NO-6: what was overwritten or forgotten goes with the snapshot, whether it comes in the same flush or later."""
    store = Store(tmp_path / "s", OWNER)
    for epoch in range(40):
        for block in range(8):
            store.stage(Persist(b"body %d" % (8 * epoch + block), bytes(4_000)))
            store.stage(Persist(b"vote", bytes(1_000)))
        store.flush()
        assert len(store.log) == (16 if epoch == 0 else 17)
        for block in range(8):
            store.stage(Persist(b"body %d" % (8 * epoch + block), None))
        store.stage(Persist(SNAPSHOT, b"%d" % epoch))
        store.stage(Persist(b"after", b"%d" % epoch))
        store.flush()
        assert store.log == (Persist(b"after", b"%d" % epoch),)
    store.close()
    store = Store(tmp_path / "s", OWNER)
    assert [key for key, _ in store.scan(b"")] == [b"after", SNAPSHOT, b"vote"]
    store.close()
    assert (tmp_path / "s").stat().st_size < 40 * 8 * 4_000 // 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE records SET record = x'00' WHERE key = CAST('key 3' AS BLOB)", "record 'key 3'"),
        ("UPDATE log SET key = x'6b6579' WHERE number = 2", "entry 2 of the log"),
        ("DELETE FROM log WHERE number = 2", "entry 2 of the log is missing"),
        ("DELETE FROM records WHERE number = 4", "entry 4 of the log is missing"),
        ("UPDATE commits SET outcomes = x'90' WHERE number = 1", "commit 1"),
        ("UPDATE commits SET block = x'00' WHERE number = 2", "commit 2"),
        ("DELETE FROM commits WHERE number = 1", "commit 1"),
        ("UPDATE head SET value = x'39' WHERE name = 'format'", "store format 9; this is format 2"),
        ("UPDATE head SET value = x'39' WHERE name = 'identity'", "another identity"),
    ],
)
def test_a_damaged_store_is_refused_and_the_record_named(tmp_path: Path, change: str, says: str) -> None:
    """NO-8."""
    path = filled(tmp_path / "s")
    with sqlite3.connect(path) as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(UnfitStore, match=says):
        Store(path, OWNER)


@pytest.mark.parametrize("owner", [Owner(b"x" * 32, "echo", b"i" * 32), Owner(b"n" * 32, "other", b"i" * 32)])
def test_a_foreign_store_is_refused(tmp_path: Path, owner: Owner) -> None:
    """NO-8."""
    path = filled(tmp_path / "s")
    with pytest.raises(UnfitStore, match="belongs to another"):
        Store(path, owner)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """NO-8: other bytes, and a store whose pages are cut off or overwritten."""
    other = tmp_path / "other"
    other.write_bytes(b"no database at all" * 100)
    with pytest.raises(UnfitStore, match="damaged"):
        Store(other, OWNER)
    path = filled(tmp_path / "s")
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(UnfitStore, match="damaged"):
        Store(path, OWNER)


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """NO-8."""
    assert filled(tmp_path / "s").stat().st_mode & 0o077 == 0


def test_others_read_it_while_it_is_written(tmp_path: Path) -> None:
    """NO-6: records by prefix in the order of their keys, and all commits; what is staged is not there yet."""
    store = Store(tmp_path / "s", OWNER)
    assert read_archive(tmp_path / "s", b"k").last is None
    for number in (2, 1):
        store.stage(Persist(b"k%d" % number, b"record %d" % number))
    store.stage(Persist(b"l", b"other"))
    store.stage_commit(b"block 1", b"proof 1", ())
    store.stage_commit(b"block 2", b"proof 2", ())
    store.flush()
    store.stage_commit(b"block 3", b"proof 3", ())
    found = read_archive(tmp_path / "s", b"k")
    assert found.records == (b"record 1", b"record 2")
    assert found.last == Committed(2, b"block 2", b"proof 2")
    store.flush()
    assert [each.number for each in found.commits] == [1, 2, 3]
    store.close()
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "none", b"k")
    (tmp_path / "other").write_bytes(b"no database at all" * 100)
    with pytest.raises(UnfitStore, match="damaged"):
        read_archive(tmp_path / "other", b"k")
