"""Judges the credentials of peers: of this network's authority, of who presents them, in time, not revoked.

The signature on a credential is judged once; expiry and revocation every time, so that whoever expires or is revoked
while connected is found out, too. The revocation list is read again when its file changes; what it once revoked stays
revoked. A list older than it should be still revokes and refuses nobody else: nodes go on with the last one that they
have, since membership on the chain binds in any case.

Source: docs/spec/node.md NO-13.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final

from bac.node import credential as credentials
from bac.node.authority import Register
from bac.node.clock import Clock
from bac.node.credential import Credential
from bac.node.handshake import Introduction, NotAdmitted
from bac.node.keyfile import Fault, IdentityProblem
from bac.types import Micros

CERTIFICATE: Final = "ca.pem"
REVOKED: Final = "crl.pem"
REMEMBERED: Final = 4_096


def admission_by(directory: Path, clock: Clock) -> Admission | None:
    """The judge by the authority in `directory`; None if there is none, and membership alone counts."""
    return Admission(directory, clock) if (directory / CERTIFICATE).exists() else None


class Admission:
    """Satisfies the gate's judge of credentials."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        """Reads certificate and revocation list.

        Raises:
            FileNotFoundError: there is no authority here.
            IdentityProblem: as `bac.node.authority.Register.open`.
        """
        self._directory = directory
        self._clock = clock
        self._stamp = (0, 0)
        self._register = Register.open(directory)
        self._revoked: set[int] = set()
        self._known: OrderedDict[bytes, Credential] = OrderedDict()
        self.refresh()

    def __call__(self, introduction: Introduction) -> None:
        """Raises `NotAdmitted` with the code of `bac.node.keyfile.Fault`."""
        self.refresh()
        try:
            credential = self._credential(introduction.credential)
        except IdentityProblem as problem:
            raise NotAdmitted(problem.fault.value) from problem
        now = self._clock.now()
        if credential.identity != introduction.identity:
            raise NotAdmitted(Fault.STRANGER.value)
        if credential.serial in self._revoked:
            raise NotAdmitted(Fault.REVOKED.value)
        if now < credential.not_before:
            raise NotAdmitted(Fault.NOT_YET_VALID.value)
        if now > min(credential.not_after, self._register.authority.not_after):
            raise NotAdmitted(Fault.EXPIRED.value)

    def _credential(self, data: bytes) -> Credential:
        """The credential, whose form and signature hold; judged once."""
        known = self._known.get(data)
        if known is None:
            known = credentials.parse(data)
            # In the middle of its own time: whether that is now is asked every time.
            then = Micros((known.not_before + known.not_after) // 2)
            credentials.verify_form(known, self._register.authority, then)
            self._known[data] = known
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known

    def refresh(self) -> None:
        """Reads a revocation list that has changed; one that is damaged, or not the authority's, changes nothing."""
        try:
            status = (self._directory / REVOKED).stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            revoked = credentials.parse_list((self._directory / REVOKED).read_bytes())
            credentials.check_list(revoked, self._register.authority, Micros(0))
        except (OSError, IdentityProblem):
            return
        self._revoked |= {each.serial_number for each in revoked}
