"""A coverage-guided fuzz target for everything that reads bytes from outside.

``python -m tests.wire.fuzz -runs=100000 CORPUS`` (libFuzzer's options). Any exception but `Rejected` ends the run.
"""

from __future__ import annotations

import importlib
import sys

from bac.crypto.standin import StandIn
from bac.errors import Rejected
from bac.genesis import load_genesis
from bac.intake import Intake
from bac.params import DEFAULT
from bac.types import Hash
from bac.wire.codec import encode
from bac.wire.event import Event
from bac.wire.header import Header
from bac.wire.registry import decode_item, decode_message
from bac.wire.signed import Signed
from bac.wire.transactions import decode_transaction

INTAKE = Intake(Hash(bytes(32)), 0, bytes(32), StandIn(bytes(32), "bls"), lambda identity: identity)


def take(data: bytes) -> None:
    """One message through the whole intake; raises Rejected, or what must never be raised."""
    message = decode_message(data)
    assert encode(message) == data
    match message:
        case Event():
            INTAKE.event(message)
        case Header():
            INTAKE.header(message)
        case Signed():
            INTAKE.signed(message)


def one_input(data: bytes) -> None:
    """Every reader of bytes."""
    for read in (take, decode_item, decode_transaction, INTAKE.transaction, lambda each: load_genesis(each, DEFAULT)):
        try:
            read(data)
        except Rejected:
            continue


if __name__ == "__main__":
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
