"""A client of one node: submits, asks, waits, follows; what it is told can be verified.

An answer is *final* (with the block and its proof), *rejected* (it will never happen by what this node knows), or
*unknown* (it may still happen: ask again, or submit the same bytes again).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bac.errors import Code, Rejected
from bac.node.engine import Member
from bac.node.framing import Misframed, Reader, frame
from bac.node.requests import (
    Answer,
    Answered,
    Cut,
    Failed,
    Notice,
    Query,
    Receipt,
    Request,
    Stop,
    Submit,
    Submitted,
    Subscribe,
    decode_answer,
    encode,
)
from bac.types import NodeId

ANSWER_BYTES_MAX = 64 << 20


class Unreachable(Exception):
    """The node does not answer: it is down, or it ended the connection."""


class TimedOut(Exception):
    """The node did not answer in time; what was asked may still happen."""


class Refused(Rejected):
    """A transaction that was accepted will never be executed; the code says why: its nonce was used by another, say."""

    def __init__(self, transaction_id: bytes, code: str) -> None:
        super().__init__(Code(code), "the transaction was accepted, and can never be executed")
        self.id = transaction_id


@dataclass(frozen=True, slots=True)
class Final:
    """A transaction that is decided for good; `code` is "" if it took effect, else why it had none."""

    id: bytes
    code: str
    commit: int
    block: bytes
    proof: bytes

    def is_proven(self, member: Member) -> bool:
        """Whether the proof shows that the block is confirmed, and the block decides this transaction so."""
        return member.is_proven(self.block, self.proof) and member.decides(self.block, self.id)


class Client:
    """One connection to the control socket of a node. Not for several threads at once."""

    def __init__(self, directory: Path, timeout: float = 10.0) -> None:
        """Connects to the node whose directory this is.

        Raises:
            Unreachable: no node is listening there.
        """
        self._timeout = timeout
        self._reader = Reader(ANSWER_BYTES_MAX)
        self._answers: Iterator[tuple[int, bytes]] = iter(())
        self._number = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                self._socket.connect(f"/proc/self/fd/{descriptor}/control.sock")
            finally:
                os.close(descriptor)
        except OSError as error:
            self._socket.close()
            raise Unreachable(f"no node answers in {directory}: {error}") from error

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def settimeout(self, timeout: float) -> None:
        """From now on the node has `timeout` seconds for each answer."""
        self._timeout = timeout
        self._socket.settimeout(timeout)

    def fileno(self) -> int:
        """For `select`: when there is something to `receive`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    # ------------------------------------------------------------ asking

    def submit(self, transactions: Sequence[bytes]) -> tuple[Receipt, ...]:
        """Hands in transactions; what became of each at this node, in order. What is accepted is durable there."""
        answer = self._ask(Submit(self._next(), tuple(transactions)))
        if not isinstance(answer, Submitted):
            raise Unreachable(f"a strange answer: {answer}")
        return answer.receipts

    def send(self, transactions: Sequence[bytes]) -> None:
        """As `submit`, without waiting: `receive` gives the answers, in any order among themselves."""
        self._write(Submit(self._next(), tuple(transactions)))

    def query(self, about: str, **arguments: Any) -> Any:
        """The answer of `bac.node.query`. Raises ValueError where the node does."""
        return self._value(self._ask(Query(self._next(), about, arguments)))

    def final(self, transaction_id: bytes) -> Final | None:
        """The final answer about a transaction; None while there is none."""
        try:
            return self._look_up(transaction_id)
        except Refused:
            return None

    def _look_up(self, transaction_id: bytes) -> Final | None:
        found = self.query("transaction", id=transaction_id)
        if found["state"] == "rejected":
            raise Refused(transaction_id, found["code"])
        if found["state"] != "final":
            return None
        return Final(transaction_id, found["code"], found["commit"], found["block"], found["proof"])

    def wait(self, transaction_id: bytes, timeout: float) -> Final:
        """The final answer about a transaction, when there is one.

        Raises:
            Refused: it was accepted, and never will be executed.
            TimedOut: it is still unknown.
        """
        deadline = time.monotonic() + timeout
        pause = 0.005
        while (found := self._look_up(transaction_id)) is None:
            if time.monotonic() > deadline:
                raise TimedOut("the transaction is not decided yet; it may still happen")
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        return found

    def follow(self, first: int = 0, *, with_blocks: bool = False) -> Iterator[Notice]:
        """Every commit from number `first` on (0: from the next on), as it becomes durable; takes the connection."""
        self.subscribe(first, with_blocks=with_blocks)
        while True:
            answer = self.receive()
            if isinstance(answer, Notice):
                yield answer

    def subscribe(self, first: int = 0, *, with_blocks: bool = False) -> int:
        """Begins to follow; the number of the last commit so far. `receive` gives the notices."""
        return int(self._value(self._ask(Subscribe(self._next(), first, with_blocks))))

    def cut(self, identities: Sequence[NodeId]) -> None:
        """Cuts the node's links to these peers, and mends all others."""
        self._value(self._ask(Cut(self._next(), tuple(identities))))

    def stop(self) -> None:
        """Asks the node to end."""
        self._value(self._ask(Stop(self._next())))

    # ------------------------------------------------------------ the connection

    def receive(self) -> Answer:
        """The next value that the node says. Raises Unreachable, TimedOut."""
        while True:
            try:
                for _, content in self._answers:
                    answer: Answer = decode_answer(content)
                    return answer
                data = self._socket.recv(1 << 18)
            except TimeoutError as error:
                raise TimedOut(f"no answer in {self._timeout:g} s") from error
            except (OSError, Misframed, msgspec.DecodeError) as error:
                raise Unreachable(f"the connection failed: {error}") from error
            if not data:
                raise Unreachable("the node ended the connection")
            self._answers = self._reader.feed(data)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _write(self, request: Request) -> None:
        try:
            self._socket.sendall(frame(0, encode(request)))
        except TimeoutError as error:
            raise TimedOut(f"the node took nothing for {self._timeout:g} s") from error
        except OSError as error:
            raise Unreachable(f"the connection failed: {error}") from error

    def _ask(self, request: Request) -> Answer:
        self._write(request)
        while True:
            answer = self.receive()
            if not isinstance(answer, Notice) and answer.number in {request.number, 0}:
                return answer

    @staticmethod
    def _value(answer: Answer) -> Any:
        match answer:
            case Failed(_, _, reason):
                raise ValueError(reason)
            case Answered(_, value):
                return value
            case _:
                raise Unreachable(f"a strange answer: {answer}")
