"""Key files: closed to others, whole or not there, and clear about what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.node.identity import identity_of, load_secrets, new_secrets, save_secrets
from bac.node.keyfile import PERSON, RANDOM, Cost, Fault, IdentityProblem, Label, read_label, seal, unseal, write_file
from tests.identity.places import PASSPHRASE, secrets_of

LABEL = Label("node", b"p" * 32)
SEALED = seal(LABEL, b"s" * 96, PASSPHRASE, RANDOM)


def fault_of(data: bytes, kind: str = "node", passphrase: bytes = PASSPHRASE) -> Fault:
    with pytest.raises(IdentityProblem) as caught:
        unseal(data, kind, passphrase)
    assert "\n" not in caught.value.reason
    return caught.value.fault


def test_what_was_sealed_comes_out() -> None:
    assert unseal(SEALED, "node", PASSPHRASE) == (LABEL, b"s" * 96)
    assert read_label(SEALED) == LABEL
    assert b"73" * 96 not in SEALED
    assert seal(LABEL, b"s" * 96, PASSPHRASE, RANDOM) != SEALED, "salt and nonce are fresh"


def test_the_cost_stands_in_the_file_and_a_person_pays_it() -> None:
    sealed = seal(LABEL, b"s" * 96, PASSPHRASE, PERSON)
    fields = json.loads(sealed)
    assert (fields["kdf"], fields["operations"], fields["memory_bytes"]) == ("argon2id", 3, 64 << 20)
    assert unseal(sealed, "node", PASSPHRASE)[1] == b"s" * 96


def test_each_fault_has_its_own_answer() -> None:
    assert fault_of(SEALED, passphrase=b"wrong passphrase") is Fault.LOCKED
    assert fault_of(SEALED, kind="authority") is Fault.WRONG_KIND
    assert fault_of(SEALED[:-40]) is Fault.DAMAGED_FILE
    assert fault_of(b"-----BEGIN CERTIFICATE-----\n") is Fault.FOREIGN_FILE
    assert fault_of(b"") is Fault.FOREIGN_FILE
    assert fault_of(b"[" * 10_000) is Fault.FOREIGN_FILE
    assert fault_of(b"x" * 100_000) is Fault.FOREIGN_FILE
    with pytest.raises(IdentityProblem) as caught:
        seal(LABEL, b"s", b"short")
    assert caught.value.fault is Fault.WEAK


@settings(max_examples=150)
@given(place=st.integers(0, len(SEALED) - 1), value=st.integers(0, 255))
def test_no_altered_byte_goes_unnoticed(place: int, value: int) -> None:
    altered = SEALED[:place] + bytes((value,)) + SEALED[place + 1 :]
    try:
        same = json.loads(altered) == json.loads(SEALED)
    except ValueError:
        same = False
    if same:
        assert unseal(altered, "node", PASSPHRASE)[1] == b"s" * 96
    else:
        assert fault_of(altered) in (Fault.DAMAGED_FILE, Fault.FOREIGN_FILE)


def test_a_file_cannot_ask_for_all_the_memory_there_is() -> None:
    with pytest.raises(ValueError, match="argon2id"):
        Cost(3, 1 << 40)
    fields = json.loads(SEALED)
    fields["memory_bytes"] = 1 << 40
    assert fault_of(json.dumps(fields).encode()) is Fault.DAMAGED_FILE


def test_a_file_is_the_owners_and_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ev.key"
    save_secrets(path, secrets_of(1), PASSPHRASE, RANDOM)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError) as caught:
        save_secrets(path, secrets_of(2), PASSPHRASE, RANDOM)
    assert caught.value.filename == str(path)
    assert load_secrets(path, PASSPHRASE) == secrets_of(1)
    save_secrets(path, secrets_of(2), PASSPHRASE, RANDOM, replace=True)
    assert load_secrets(path, PASSPHRASE) == secrets_of(2)
    assert [each.name for each in tmp_path.iterdir()] == ["ev.key"], "nothing is left beside it"


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ev.key"
    save_secrets(path, secrets_of(1), PASSPHRASE, RANDOM)
    path.chmod(0o644)
    with pytest.raises(IdentityProblem) as caught:
        load_secrets(path, PASSPHRASE)
    assert caught.value.fault is Fault.EXPOSED_FILE


def test_a_name_on_the_file_that_is_not_its_keys_is_found_out(tmp_path: Path) -> None:
    secrets = secrets_of(1)
    joined = secrets.signing + secrets.vrf + secrets.acknowledgement
    write_file(tmp_path / "ev.key", seal(Label("node", b"q" * 32), joined, PASSPHRASE, RANDOM))
    with pytest.raises(IdentityProblem) as caught:
        load_secrets(tmp_path / "ev.key", PASSPHRASE)
    assert caught.value.fault is Fault.DAMAGED_FILE


def test_fresh_secrets_are_fresh() -> None:
    one, other = new_secrets(), new_secrets()
    seeds = {one.signing, one.vrf, one.acknowledgement, other.signing, other.vrf, other.acknowledgement}
    assert len(seeds) == 6
    assert identity_of(one) != identity_of(other)


def test_the_secret_of_a_crashed_write_is_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "ev.key").mkdir()
    with pytest.raises(OSError, match=r"ev\.key"):
        write_file(tmp_path / "ev.key", b"secret", replace=True)
    assert [each.name for each in tmp_path.iterdir()] == ["ev.key"]
