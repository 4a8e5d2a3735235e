"""A light client: from a recent checkpoint along the boundaries, and from a confirmed header down to what it asks for.

Theory of operation. An electorate certifies the header that names the next electorate, so whoever knows one can follow
the boundary records to the present without a single block. Where to begin is the client's own trust: old keys may have
been sold with the car, and whoever holds more than two thirds of an old electorate's keys can sign another history from
there. So a client begins at a checkpoint younger than W epochs, that came with its software or is signed by the
authority; genesis will do for a young network only. Acknowledgement keys are erased one epoch after their use, which
makes the danger smaller and the checkpoint's age no less necessary.

A client that has slept is where it would be with a checkpoint of the time at which it fell asleep: beyond W epochs it
begins anew.

The client's clock is an argument. It judges nothing but the age of what the client trusts.

Sources: docs/spec/ledger.md LE-28, LE-29; docs/spec/wire.md WI-18 for the proof of confirmation.
"""

from __future__ import annotations

from typing import ClassVar

from bac.errors import Code, Rejected
from bac.ledger.answers import ReceiptAnswer, StateAnswer, check_receipt, check_state
from bac.ledger.disclosure import Disclosed
from bac.ledger.receipts import Receipt
from bac.ledger.records import RECONFIGURED_KEY, Account, R, Reconfigured, Tip, account_key, unpack
from bac.params import Params
from bac.proofs.certificate import Scope
from bac.proofs.confirmation import verify_confirmation, verify_item, verify_record
from bac.proofs.electorate import Electorate
from bac.protocol import Verifier
from bac.types import Micros, NodeId
from bac.wire.block import BoundaryRecord, ConfirmationProof, ItemProof
from bac.wire.codec import U64, Bytes64, Domain, HashField, TimeField
from bac.wire.header import Header
from bac.wire.signed import Signed, preimage

EPOCHS_KEPT = 64
"""Of how many epochs a client remembers the electorate: proofs from before must be asked for again."""


class Checkpoint(Signed, frozen=True, tag=85):
    """The electorate of `epoch`, by its root, as of block time `time_us`; signed by the authority."""

    DOMAIN: ClassVar[Domain] = Domain.AUTHORITY

    epoch: U64
    electorate_root: HashField
    time_us: TimeField
    signature: Bytes64


def check_checkpoint(checkpoint: Checkpoint, scope: Scope, authority: bytes, verifier: Verifier) -> None:
    """Judges the authority's signature on a checkpoint that did not come with the software.

    Raises:
        Rejected: `BAD_SIGNATURE`.
    """
    if not verifier.verify(authority, preimage(checkpoint, scope.network, scope.shard), checkpoint.signature):
        raise Rejected(Code.BAD_SIGNATURE, "the checkpoint is not signed by the authority")


class LightClient:
    """Follows one shard.

    Attributes:
        epoch: the last one whose electorate is known.
        boundary: the last boundary header followed; None at the checkpoint.
    """

    def __init__(
        self, checkpoint: Checkpoint, electorate: Electorate, scope: Scope, params: Params, now: Micros
    ) -> None:
        """Begins at a checkpoint that the caller trusts.

        Raises:
            Rejected: `STALE_CHECKPOINT`, or `BAD_PROOF` for another electorate than the checkpoint's.
        """
        self._params = params
        self._trusted_us = checkpoint.time_us
        self.require_fresh(now)
        if electorate.root != checkpoint.electorate_root:
            raise Rejected(Code.BAD_PROOF, "not the electorate of the checkpoint")
        self.epoch = checkpoint.epoch
        self.boundary: Header | None = None
        self._scope = scope
        self._electorates = {checkpoint.epoch: electorate}

    def require_fresh(self, now: Micros) -> None:
        """Judges whether what the client trusts is young enough; to be asked before answers are believed after a pause.

        Raises:
            Rejected: `STALE_CHECKPOINT`, the last boundary followed (or the checkpoint) is older than W epochs.
        """
        if now - self._trusted_us > self._params.checkpoint_epochs * self._params.epoch_us:
            raise Rejected(
                Code.STALE_CHECKPOINT, f"older than {self._params.checkpoint_epochs} epochs: get a newer one"
            )

    def follow(self, record: BoundaryRecord, now: Micros) -> Header:
        """Takes the record of the last block of `epoch`, and moves on to the next.

        Raises:
            Rejected: as `require_fresh` and `verify_record`; nothing changed.
        """
        self.require_fresh(now)
        header, following = verify_record(record, self.epoch, self._electorates[self.epoch], self._scope)
        self.epoch += 1
        self.boundary = header
        self._trusted_us = header.time_us
        self._electorates[self.epoch] = following
        self._electorates.pop(self.epoch - EPOCHS_KEPT, None)
        return header

    def confirmed(self, proof: ConfirmationProof) -> Header:
        """The header that is shown to be confirmed, of an epoch that the client remembers.

        Raises:
            Rejected: `UNKNOWN_EPOCH`, or as `verify_confirmation`.
        """
        epoch = proof.path[0].epoch
        return verify_confirmation(proof, epoch, self._electorate(epoch), self._scope)

    def item(self, proof: ItemProof) -> Header:
        """The confirmed header of the block that holds the item (a transaction). What became of it says its receipt.

        Raises:
            Rejected: `UNKNOWN_EPOCH`, or as `verify_item`.
        """
        epoch = proof.confirmation.path[0].epoch
        return verify_item(proof, epoch, self._electorate(epoch), self._scope)

    def state(self, answer: StateAnswer) -> tuple[Header, Disclosed]:
        """What the answer shows of the state after a confirmed header.

        Raises:
            Rejected: as `confirmed`; `BAD_PROOF`.
        """
        header = self.confirmed(answer.confirmation)
        return header, check_state(answer, header.state_root)

    def account(self, answer: StateAnswer, identity: NodeId) -> Account | None:
        """An account, with the answers to its last nonces; None where the answer shows that there is none.

        It is the account after the block of the answer's confirmation, which need not be the last: `state` tells which.

        Raises:
            Rejected: as `state`.
        """
        return self._record(answer, account_key(identity), Account)

    def reconfigured(self, answer: StateAnswer) -> Reconfigured | None:
        """The last restart by the authority, which says whether it was an act of trust.

        Raises:
            Rejected: as `state`.
        """
        return self._record(answer, RECONFIGURED_KEY, Reconfigured)

    def receipt(self, answer: ReceiptAnswer) -> tuple[Receipt, Tip]:
        """A receipt, and the block that it belongs to.

        Raises:
            Rejected: as `confirmed`; `BAD_PROOF`.
        """
        return check_receipt(answer, self.confirmed(answer.confirmation).state_root)

    def _record(self, answer: StateAnswer, key: bytes, kind: type[R]) -> R | None:
        shown = self.state(answer)[1].get(key)
        return None if shown is None else unpack(kind, shown)

    def _electorate(self, epoch: int) -> Electorate:
        electorate = self._electorates.get(epoch)
        if electorate is None:
            raise Rejected(Code.UNKNOWN_EPOCH, f"the electorate of epoch {epoch} is not known here")
        return electorate
