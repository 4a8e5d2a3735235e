"""Questions that clients ask a node, and the answers, in built-in types. The control socket and HTTP wrap this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bac.node.driver import World
from bac.node.engine import Member
from bac.node.peers import Peers
from bac.node.settings import Settings
from bac.protocol import Protocol

COMMITS_MAX = 256


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers questions about one node."""

    name: str
    member: Member
    protocol: Protocol
    world: World
    peers: Peers
    settings: Settings

    def answer(self, about: str, arguments: Mapping[str, Any]) -> Any:
        """The answer; what the node itself does not know is asked of the engine.

        Raises:
            ValueError: no such question, or arguments that do not fit it.
        """
        known: dict[str, Callable[..., Any]] = {
            "status": self._status,
            "transaction": self._transaction,
            "commits": self._commits,
            "peers": self._peers,
            "settings": lambda: dict(self.settings.rows()),
        }
        if about not in known:
            return self.member.ask(self.protocol, about, arguments)
        try:
            return known[about](**arguments)
        except TypeError as error:
            raise ValueError(f"arguments that do not fit the question {about!r}: {error}") from error

    def _status(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "engine": self.member.engine,
            "identity": self.member.identity,
            "network": self.member.network,
            "shard": self.member.shard,
            "time_us": self.world.clock.now(),
            "commits": self.world.store.commit_number,
            "waiting_inputs": len(self.world.inbox),
            "is_member": self.member.identity in self.member.membership(self.protocol).keys,
            "peers_known": len(self.peers.known),
            "peers_kept": sum(peer.is_kept for peer in self.peers.known.values()),
            "peers_connected": sum(peer.is_connected for peer in self.peers.known.values()),
            "peers_heard": sum(peer.inbound is not None for peer in self.peers.known.values()),
            "applicants": sum(peer.is_applicant for peer in self.peers.known.values()),
            "tally": dict(self.world.tally + self.peers.tally),
            "health": self._health(),
        }

    def _health(self) -> dict[str, Any] | None:
        """Whether a quorum is there, and the authority's last restart of the shard; None: the engine cannot tell."""
        try:
            found: dict[str, Any] = self.member.ask(self.protocol, "health", {})
        except ValueError:
            return None
        return found

    def _transaction(self, id: bytes) -> dict[str, Any]:  # noqa: A002 (the word of the surface)
        """*final* with block and proof, *rejected*: it never will be, or *unknown*: it may still happen."""
        outcome = self.world.store.outcome(id)
        if outcome is None:
            waiting = self.world.places.find(id)
            code = "" if waiting is None else self.member.never(waiting, self.protocol)
            return {"state": "rejected", "code": code} if code else {"state": "unknown"}
        (commit,) = self.world.store.commits(outcome.number, 1)
        return {
            "state": "final",
            "code": outcome.code,
            "commit": commit.number,
            "block": commit.block,
            "proof": commit.proof,
        }

    def _commits(self, first: int = 1, limit: int = COMMITS_MAX) -> list[dict[str, Any]]:
        if not 1 <= limit <= COMMITS_MAX or first < 1:
            raise ValueError(f"commits are numbered from 1, and asked for by at most {COMMITS_MAX}")
        found = self.world.store.commits(first, limit)
        return [{"commit": each.number, "block": each.block, "proof": each.proof} for each in found]

    def _peers(self) -> list[dict[str, Any]]:
        return [
            {
                "identity": peer.identity,
                "address": peer.introduction.address,
                "is_applicant": peer.is_applicant,
                "kept": peer.is_kept,
                "connected": peer.is_connected,
                "heard": peer.inbound is not None,
                "waiting_bytes": peer.waiting_bytes,
                "tally": dict(peer.tally),
            }
            for peer in self.peers.known.values()
        ]
