"""The authenticated state against a twin that recomputes everything from the definition."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bac.ledger.trie import EMPTY_ROOT, Trie, path_of
from bac.wire.codec import Domain

KEYS = [bytes((table,)) + bytes((number,)) for table in range(3) for number in range(12)]


def naive_root(content: dict[bytes, bytes]) -> bytes:
    """The root by the definition of LE-3, with paths as text and no shared work."""
    paths = {path_of(key).hex(): value for key, value in content.items()}

    def digest(prefix: str) -> bytes | None:
        below = [path for path in paths if path.startswith(prefix)]
        if not below:
            return None
        if len(below) == 1:
            value = sha256(paths[below[0]]).digest()
            return sha256(Domain.STATE_LEAF.prefix + bytes.fromhex(below[0]) + value).digest()
        children = [digest(prefix + digit) for digit in "0123456789abcdef"]
        bitmap = sum(1 << place for place, child in enumerate(children) if child is not None)
        content = bitmap.to_bytes(2, "big") + b"".join(child for child in children if child is not None)
        return sha256(Domain.STATE_BRANCH.prefix + content).digest()

    return digest("") or bytes(32)


def drawn(seed: int, size: int) -> dict[bytes, bytes]:
    generator = random.Random(seed)
    return {
        bytes((generator.randrange(3),)) + generator.randbytes(8): generator.randbytes(generator.randrange(40))
        for _ in range(size)
    }


def test_the_path_of_a_key_is_its_table_and_a_hash() -> None:
    """LE-2."""
    assert path_of(b"\x05abc") == b"\x05" + sha256(b"\x05abc").digest()[:31]
    with pytest.raises(ValueError, match="table"):
        path_of(b"")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 17, 300])
def test_the_root_is_that_of_the_definition(size: int) -> None:
    """LE-3."""
    content = drawn(size, size)
    trie = Trie().updated(dict(content))
    assert trie.root == naive_root(content)
    assert {key: trie.get(key) for key in content} == content
    assert trie.get(b"\x01 not there") is None


def test_the_empty_state_has_the_zero_root() -> None:
    """LE-3."""
    assert Trie().root == EMPTY_ROOT == bytes(32)
    assert Trie().updated({b"\x01a": b"x"}).updated({b"\x01a": None}).root == EMPTY_ROOT
    assert Trie().updated({b"\x01a": None}).root == EMPTY_ROOT


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(KEYS), st.binary(max_size=4)), st.randoms(use_true_random=False))
def test_the_root_does_not_depend_on_history(content: dict[bytes, bytes], generator: random.Random) -> None:
    """LE-3: any order, any batches, with detours over other contents."""
    at_once = Trie().updated(dict(content))
    steps = list(content.items())
    generator.shuffle(steps)
    others: dict[bytes, bytes | None] = {key: b"detour" for key in KEYS if key not in content}
    stepwise = Trie().updated(others)
    for key, value in steps:
        stepwise = stepwise.updated({key: b"wrong"}).updated({key: value})
    stepwise = stepwise.updated(dict.fromkeys(others))
    assert stepwise.root == at_once.root == naive_root(content)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(KEYS), unique=True))
def test_one_change_anywhere_changes_the_root(keys: list[bytes]) -> None:
    """LE-3."""
    content = {key: key for key in keys}
    trie = Trie().updated(dict(content))
    for key in KEYS:
        assert trie.updated({key: b"other"}).root != trie.root
        assert (trie.updated({key: None}).root == trie.root) == (key not in content)


def test_a_large_state_with_batches_of_changes_and_deletions() -> None:
    """LE-4."""
    content = drawn(1, 3000)
    trie = Trie().updated(dict(content))
    generator = random.Random(2)
    for step in range(4):
        changes: dict[bytes, bytes | None] = dict.fromkeys(generator.sample(sorted(content), 400))
        changes |= dict.fromkeys(generator.sample(sorted(content), 100), b"new")
        changes |= drawn(10 + step, 100)
        trie = trie.updated(changes)
        for key, value in changes.items():
            content.pop(key, None)
            if value is not None:
                content[key] = value
    assert trie.root == naive_root(content)


def test_the_items_of_a_table_come_in_the_order_of_their_paths() -> None:
    """LE-2."""
    content = drawn(3, 500)
    trie = Trie().updated(dict(content))
    for table in range(4):
        expected = sorted((item for item in content.items() if item[0][0] == table), key=lambda item: path_of(item[0]))
        assert list(trie.items(table)) == expected


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32))
def test_leaves_begin_at_any_path(start: bytes) -> None:
    """LE-2."""
    content = drawn(4, 60)
    trie = Trie().updated(dict(content))
    start = bytes((start[0] % 4,)) + start[1:]
    assert [leaf.path for leaf in trie.leaves(start)] == sorted(p for key in content if (p := path_of(key)) >= start)


class Versions(RuleBasedStateMachine):
    """LE-4: every version held stays what it was, whatever is made of it later."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: list[tuple[Trie, dict[bytes, bytes]]] = [(Trie(), {})]

    @rule(
        which=st.integers(0, 100),
        changes=st.dictionaries(st.sampled_from(KEYS), st.none() | st.binary(max_size=3), max_size=8),
    )
    def derive(self, which: int, changes: dict[bytes, bytes | None]) -> None:
        trie, content = self.versions[which % len(self.versions)]
        after = {**content, **{key: value for key, value in changes.items() if value is not None}}
        for key, value in changes.items():
            if value is None:
                after.pop(key, None)
        self.versions.append((trie.updated(changes), after))

    @precondition(lambda self: len(self.versions) > 4)
    @rule()
    def forget(self) -> None:
        del self.versions[1]

    @invariant()
    def every_version_is_its_content(self) -> None:
        for trie, content in self.versions:
            assert trie.root == naive_root(content)
            assert {key: trie.get(key) for key in KEYS} == {key: content.get(key) for key in KEYS}


TestVersions = Versions.TestCase
TestVersions.settings = settings(max_examples=15, stateful_step_count=12)
