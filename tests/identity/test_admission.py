"""Credentials at the door of a node: who shows which, when, and what the authority has published meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from bac.node.admission import Admission, admission_by
from bac.node.authority import LIST_LIFE, Authority, Register
from bac.node.clock import Clock
from bac.node.credential import SECOND, Credential
from bac.node.handshake import Introduction, NotAdmitted
from bac.types import Micros, NodeId
from tests.identity.places import NOW, PASSPHRASE, authority_in, issued, later


class At(Clock):
    """A clock that stands where it is put."""

    def __init__(self, at: Micros) -> None:
        self.at = at

    def now(self) -> Micros:
        return self.at


def shown(credential: Credential, identity: NodeId | None = None, data: bytes | None = None) -> Introduction:
    """An introduction with this credential; of the rest nothing is judged here."""
    who = credential.identity if identity is None else identity
    return Introduction(b"", who, bytes(32), "", Micros(0), credential.der if data is None else data, bytes(64))


def refusal(judge: Admission, introduction: Introduction) -> str | None:
    try:
        judge(introduction)
    except NotAdmitted as refused:
        return refused.code
    return None


def test_a_credential_counts_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    credential = issued(authority_in(tmp_path), days=20)
    clock = At(NOW)
    judge = Admission(tmp_path, clock)
    found = []
    for clock.at in (Micros(NOW - SECOND), NOW, later(20), Micros(later(20) + SECOND), NOW):
        found.append(refusal(judge, shown(credential)))
    assert found == ["not-yet-valid", None, None, "expired", None]


def test_a_renewal_lets_its_owner_in_again(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    old = issued(authority, days=20)
    renewed = authority.renew(old, later(19), later(40))
    judge = Admission(tmp_path, At(later(30)))
    assert (refusal(judge, shown(old)), refusal(judge, shown(renewed))) == ("expired", None)


def test_a_revocation_acts_at_once_and_for_ever(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    bad, good = issued(authority, 1), issued(authority, 2)
    before = (tmp_path / "crl.pem").read_bytes()
    judge = Admission(tmp_path, At(later(1)))
    assert refusal(judge, shown(bad)) is None
    authority.revoke([bad], later(1))
    assert (refusal(judge, shown(bad)), refusal(judge, shown(good))) == ("revoked", None)
    for list_ in (before, b"damaged", foreign_list(tmp_path / "rogue", good)):
        (tmp_path / "crl.pem").unlink()
        (tmp_path / "crl.pem").write_bytes(list_)
        assert (refusal(judge, shown(bad)), refusal(judge, shown(good))) == ("revoked", None)
    (tmp_path / "crl.pem").unlink()
    assert refusal(judge, shown(bad)) == "revoked"


def foreign_list(directory: Path, good: Credential) -> bytes:
    """The list of another authority of the same name, on which `good` stands."""
    authority_in(directory).revoke([good], later(1))
    return (directory / "crl.pem").read_bytes()


def test_a_list_that_is_overdue_revokes_and_refuses_nobody_else(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    bad, good = issued(authority, 1, days=400), issued(authority, 2, days=400)
    authority.revoke([bad], later(1))
    judge = Admission(tmp_path, At(Micros(later(1) + 2 * LIST_LIFE)))
    assert (refusal(judge, shown(bad)), refusal(judge, shown(good))) == ("revoked", None)
    assert Register.open(tmp_path).standing(bad, later(100)) == "revoked", "also for people: revoked comes first"


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\x30\x82" + b"\x00" * 500])
def test_without_a_credential_nobody_enters(tmp_path: Path, data: bytes) -> None:
    credential = issued(authority_in(tmp_path))
    assert refusal(Admission(tmp_path, At(NOW)), shown(credential, data=data)) == "bad-credential"


def test_the_credential_of_another_or_of_another_authority_does_not_help(tmp_path: Path) -> None:
    mine, yours = (issued(authority, 1) for authority in (authority_in(tmp_path / "a"), authority_in(tmp_path / "b")))
    judge = Admission(tmp_path / "a", At(NOW))
    other = issued(Authority.open(tmp_path / "a", PASSPHRASE), 2)
    assert refusal(judge, shown(mine)) is None
    assert refusal(judge, shown(mine, identity=other.identity)) == "stranger"
    assert refusal(judge, shown(yours)) == "stranger"


def test_a_network_without_an_authority_has_no_judge(tmp_path: Path) -> None:
    authority_in(tmp_path / "a")
    assert admission_by(tmp_path, At(NOW)) is None
    assert admission_by(tmp_path / "a", At(NOW)) is not None
