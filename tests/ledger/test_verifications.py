"""Transactions are judged once, remembered in bounded number, and forgotten with the epochs."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bac.errors import Code, Rejected
from bac.intake import Intake
from bac.ledger import verifications
from bac.ledger.verifications import Verifications


class Counting:
    """An intake that takes everything but rubbish, and notes what it was asked about."""

    def __init__(self) -> None:
        self.judged: list[bytes] = []

    def transaction(self, data: bytes) -> Any:
        self.judged.append(data)
        if data == b"rubbish":
            raise Rejected(Code.MALFORMED, "rubbish")
        return data


def make() -> tuple[Verifications, Counting]:
    intake = Counting()
    return Verifications(cast(Intake, intake)), intake


def test_what_is_good_is_judged_once() -> None:
    verify, intake = make()
    for _ in range(2):
        verify(b"good")
        with pytest.raises(Rejected):
            verify(b"rubbish")
    assert intake.judged == [b"good", b"rubbish", b"rubbish"]


def test_it_is_remembered_in_its_epoch_and_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the bound has dropped some of the old ones meanwhile."""
    verify, intake = make()
    verify(b"0")
    verify(b"1")
    verify.turn()
    verify(b"2")
    monkeypatch.setattr(verifications, "REMEMBERED", 3)
    verify(b"3")
    assert intake.judged == [b"0", b"1", b"2", b"3"]
    for known in (b"1", b"2", b"3"):
        verify(known)
    assert len(intake.judged) == 4
    verify.turn()
    verify(b"2")
    verify(b"3")
    assert len(intake.judged) == 4
    verify(b"1")
    assert intake.judged[4:] == [b"1"]
    for _ in range(2):
        verify.turn()
    assert len(verify) == 0
