"""Every cap of a node in one value, so that it can be printed (`rows`) and no queue is without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bac.types import Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one node may use, and what it grants each peer. Times are in seconds.

    Attributes:
        batch_inputs: inputs handled between two flushes of the store.
        pool_transactions: clients' transactions that wait or are not decided; a client is told "busy" beyond.
        queue_bytes: received bytes that wait, per peer; the reader waits, then drops, beyond.
        queue_frames: the same in frames.
        out_bytes: bytes that wait to be sent to a connected peer; the oldest are dropped beyond.
        away_bytes: the same for a peer that is away.
        frame_bytes: most bytes of one frame.
        write_bytes: bytes of one write, of as many frames as fit.
        peer_bytes_rate: received bytes per second, per peer; the reader slows down beyond.
        peer_frames_rate: the same in frames.
        burst: seconds of either rate that a quiet peer may use at once.
        strikes: rejected messages of one peer within `strike_window` before it is banned for `ban`.
        strike_window: see `strikes`.
        ban: see `strikes`.
        dial_timeout: for dialling, opening a stream, the handshake.
        retry_min: first wait before another dial; doubles up to `retry_max`.
        retry_max: see `retry_min`.
        ping: between two pings.
        silence: without an answer to pings for so long, a peer is given up and dialled again.
        links: peers up to whose number all are linked.
        neighbours: peers besides the leaders to whom a link is kept where there are more.
        spare_links: links to others, opened on demand; the least recently used makes room.
        dial_every: between two such links, after a first few.
        idle: such a link is closed when nothing was sent for so long.
        applicants: peers with a credential that are no members; the oldest makes room for a new one.
        applicant_bytes_rate: received bytes per second, per applicant.
        applicant_frames_rate: the same in frames.
        applicant_out_bytes: bytes that wait to be sent to an applicant.
        strangers: inbound streams that have not said who they are.
        control_clients: connections of the control socket.
        control_bytes: most bytes of one request.
        subscriber_frames: answers that wait for one slow subscriber before it is cut off.
        clock_rate: how many seconds the node's clock counts in one of the machine's.
        clock_began_us: µs since 1970, by the machine's clock, when the node's showed
        clock_origin_us: this. All nodes of a network have these three in common.
    """

    batch_inputs: int = 512
    pool_transactions: int = 1_024
    queue_bytes: int = 8 << 20
    queue_frames: int = 4_096
    out_bytes: int = 16 << 20
    away_bytes: int = 64 << 10
    frame_bytes: int = 4 << 20
    write_bytes: int = 60_000
    peer_bytes_rate: int = 16 << 20
    peer_frames_rate: int = 4_000
    burst: int = 2
    strikes: int = 200
    strike_window: float = 10.0
    ban: float = 30.0
    dial_timeout: float = 5.0
    retry_min: float = 0.1
    retry_max: float = 2.0
    ping: float = 2.0
    silence: float = 8.0
    links: int = 40
    neighbours: int = 8
    spare_links: int = 8
    dial_every: float = 4.0
    idle: float = 30.0
    applicants: int = 8
    applicant_bytes_rate: int = 64 << 10
    applicant_frames_rate: int = 32
    applicant_out_bytes: int = 1 << 20
    strangers: int = 64
    control_clients: int = 64
    control_bytes: int = 4 << 20
    subscriber_frames: int = 1_024
    clock_rate: float = 1.0
    clock_began_us: int = 1
    clock_origin_us: int = 1

    def __post_init__(self) -> None:
        for each in fields(self):
            if getattr(self, each.name) <= 0:
                raise ValueError(f"{each.name} must be positive")

    def rows(self) -> Mapping[str, int | float]:
        """Name and value of every cap."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Settings:
        """The settings that a table of ``net.toml`` asks for; what it does not name has its default.

        Raises:
            ValueError: an unknown name, or a value of another kind.
        """
        kinds = {each.name: str(each.type) for each in fields(cls)}
        for name, value in table.items():
            if name not in kinds:
                raise ValueError(f"there is no setting {name!r}")
            if type(value) not in {"int": (int,), "float": (int, float)}[kinds[name]]:
                raise ValueError(f"setting {name!r} must be of type {kinds[name]}, not {value!r}")
        return cls(**table)


def micros(seconds: float) -> Micros:
    """Seconds as whole µs."""
    return Micros(round(seconds * 1_000_000))
