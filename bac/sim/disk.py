"""A node's disk: the store of the contract, and the log since the last snapshot."""

from __future__ import annotations

from collections.abc import Iterable

from bac.protocol import SNAPSHOT, Persist


class Disk:
    """Performs `Persist`, and is the `bac.protocol.Store` of one node."""

    def __init__(self) -> None:
        self._records: dict[bytes, bytes] = {}
        self._log: list[tuple[bytes, bytes | None]] = []  # pairs of bytes do not burden the garbage collector

    def get(self, key: bytes) -> bytes | None:
        """As the contract's Store."""
        return self._records.get(key)

    def scan(self, prefix: bytes) -> Iterable[tuple[bytes, bytes]]:
        """As the contract's Store."""
        return [(key, self._records[key]) for key in sorted(self._records) if key.startswith(prefix)]

    @property
    def log(self) -> tuple[Persist, ...]:
        """Everything persisted after the last snapshot, in order."""
        return tuple(Persist(*entry) for entry in self._log)

    def persist(self, effect: Persist) -> None:
        """Performs `effect`."""
        if effect.record is None:
            self._records.pop(effect.key, None)
        else:
            self._records[effect.key] = effect.record
        if effect.key == SNAPSHOT:
            self._log.clear()
        else:
            self._log.append((effect.key, effect.record))

    def wipe(self) -> None:
        """Loses everything."""
        self._records.clear()
        self._log.clear()
