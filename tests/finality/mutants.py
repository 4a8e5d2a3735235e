"""Each rule taken out, by a patch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from bac.errors import Code, Rejected
from bac.finality import confirmation, epochs, finality, recovery, retirement, validity, views, voter
from bac.finality.calls import Calls
from bac.finality.chain import Link
from bac.finality.finality import Finality
from bac.finality.newview import check_new_view, gather
from bac.finality.retirement import Tenure
from bac.finality.views import Views
from bac.finality.watch import Watch
from bac.proofs.electorate import Electorate
from bac.protocol import Persist
from bac.types import Hash
from bac.wire.block import ConfirmationProof
from bac.wire.codec import encode
from bac.wire.header import Rank
from bac.wire.votes import (
    NewView,
    Wish,
)

Patch = pytest.MonkeyPatch


def _answer_from_the_store(patch: Patch) -> None:
    patch.setattr(Finality, "_send_records", lambda self, peer, epoch, count: None)


def _say_more(patch: Patch) -> None:
    """Who wishes for a view of an epoch that is over is wished along with."""
    real = Finality._of_another_epoch

    def answer(self: Finality, sender: Any, message: Any, epoch: int) -> None:
        if isinstance(message, Wish) and epoch < self.term.epoch.number:
            self.site.out.send((sender,), self.site.sign(replace(message, identity=self.site.me)))
        real(self, sender, message, epoch)

    patch.setattr(Finality, "_of_another_epoch", answer)


def _open_anywhere(patch: Patch) -> None:
    patch.setattr(validity.Validity, "_rank_of", lambda self, link: self.top)
    real = check_new_view

    def remember(new_view: NewView, view: int, epoch: Any, scope: Any) -> Rank:
        top = real(new_view, view, epoch, scope)
        patch.setattr(validity.Validity, "top", top, raising=False)
        return top

    patch.setattr(validity, "check_new_view", remember)


def _judge_without(patch: Patch, field: str) -> None:
    """Whatever a header says in one field is believed."""
    real = validity.Validity.judge

    def judge(self: validity.Validity, link: Link) -> Any:
        derived = self._derive_as(link.header, link.parent, link.body.items)  # type: ignore[arg-type, union-attr]
        if derived is not None:
            mended = replace(derived.header, **{field: getattr(link.header, field)})
            return validity.Derived(mended, derived.state) if mended == link.header else None
        return real(self, link)

    patch.setattr(validity.Validity, "judge", judge)


def _across_views(tree: Any, carrier: Link) -> Link | None:
    found: Link | None = tree.get(carrier.header.justify.hash)
    return None if found is None or found.parent is None else found


def _unsigned_ballot(ballot: Any, network: Any, shard: int) -> bytes:
    return encode(replace(ballot, header_hash=Hash(bytes(32))))


MUTANTS: dict[str, Callable[[Patch], None]] = {
    "V1": lambda patch: patch.setattr(voter, "save_vote", lambda record: Persist(b"x", None)),
    "V2": lambda patch: patch.setattr(voter, "ballot_preimage", _unsigned_ballot),
    "V3": lambda patch: patch.setattr(
        voter.Voter, "_continues", lambda self, link, last: last is None or link.header.height > last.header.height
    ),
    "V4": lambda patch: patch.setattr(validity.Validity, "_may_sign", lambda self, header, signers: True),
    "V5": lambda patch: _judge_without(patch, "justify"),
    "V6": _open_anywhere,
    "V7": lambda patch: _judge_without(patch, "state_root"),
    "V8": lambda patch: patch.setattr(Views, "_repeat_acknowledgement", lambda self: None),
    "V9": lambda patch: patch.setattr(Watch, "acknowledgement", lambda self, given, tallies, tree: ()),
    "C1": lambda patch: patch.setattr(confirmation, "find_confirmed", _across_views),
    "C2": lambda patch: patch.setattr(confirmation, "prove", _prove_by_one(confirmation.prove)),
    "R1": lambda patch: patch.setattr(epochs, "_next_timeout_us", lambda timeout_us, view, params: timeout_us),
    "R2": lambda patch: patch.setattr(recovery.Recovery, "_reached", lambda self, confirmed, thirds: 0),
    "R3": lambda patch: patch.setattr(voter.Voter, "enter", lambda self, view: None),
    "R4": lambda patch: patch.setattr(views, "check_new_view", _refuse),
    "R4, claims": lambda patch: patch.setattr(views, "check_new_view", lambda new_view, view, epoch, scope: None),
    "R5": lambda patch: patch.setattr(epochs.Epoch, "proposer", lambda self, view: self.electorate.members[0].identity),
    "R6": lambda patch: patch.setattr(validity.Validity, "open", _open_as_ever(validity.Validity.open)),
    "R7": lambda patch: patch.setattr("bac.ledger.mempool.Mempool.select", _only_once()),
    "R8": lambda patch: patch.setattr(
        "bac.baselines.basic_bac.BasicBac._publish_one",
        _only_the_primary("bac.baselines.basic_bac.BasicBac._publish_one"),
    ),
    "R9": lambda patch: patch.setattr(Finality, "missing_units", lambda self: 4000),
    "R10": lambda patch: patch.setattr(Tenure, "heed", lambda self: None),
    "R10, late": lambda patch: patch.setattr(Calls, "take", _whenever(Calls.take)),
    "R11": lambda patch: patch.setattr(Tenure, "on_new_view", lambda self, sender, new_view: self.voter.enter(1)),
    "R12": lambda patch: patch.setattr(retirement, "gather", lambda announced: gather([*announced][:1])),
    "R13": lambda patch: patch.setattr(validity.Validity, "_check_order", lambda self, order, parent, new_view: None),
    "R13, closed": lambda patch: patch.setattr(
        validity.Validity, "restart", _restart_as_ever(validity.Validity.restart)
    ),
    "R13, flood": lambda patch: patch.setattr(Tenure, "on_new_view", lambda self, sender, new_view: None),
    "R14": lambda patch: patch.setattr(Electorate, "without", lambda self, identities: self),
    "R14, one": lambda patch: patch.setattr(voter.Voter, "_continues", lambda self, link, last: True),
    "R15": lambda patch: patch.setattr(validity, "succeed", _forget_removed(epochs.succeed)),
    "V9, retired": lambda patch: patch.setattr(Watch, "state", lambda self, state, tallies, tree: ()),
    "E1": lambda patch: patch.setattr(
        finality,
        "following",
        lambda epoch, proof, successors, params: _same_electorate(epoch, proof, successors, params),
    ),
    "E2": lambda patch: patch.setattr(
        "bac.baselines.basic.machine.LedgerMachine.ends_epoch", lambda self, state, round_: round_ >= 3
    ),
    "E3": lambda patch: patch.setattr(validity.Validity, "close", _close_with_clock(validity.Validity.close)),
    "E4": lambda patch: patch.setattr("bac.baselines.basic_bac.BasicBac._boundary_proof", lambda self, link: None),
    "E5": _say_more,
    "E7": lambda patch: patch.setattr(epochs, "qualifies", lambda electorate, params: True),
    "E8": _answer_from_the_store,
}


def _prove_by_one(real: Any) -> Callable[..., ConfirmationProof]:
    def prove(tree: Any, block: Link, confirmed: Link, carrier: Link) -> ConfirmationProof:
        proof: ConfirmationProof = real(tree, block, confirmed, carrier)
        return replace(proof, carrier_certificate=proof.certificate)

    return prove


def _refuse(*args: Any) -> Rank:
    raise Rejected(Code.BAD_PROOF, "no new view is good enough")


class _Unclosed:
    """A link that does not know that the epoch's last block is below it."""

    closed = None

    def __init__(self, link: Link) -> None:
        self._link = link

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)


def _open_as_ever(real: Any) -> Callable[..., Any]:
    """An opening above the last block is a last block, too."""
    return lambda self, parent, view, items: real(self, _Unclosed(parent), view, items)


def _whenever(take: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, transaction, epoch: take(self, transaction, 0)


def _restart_as_ever(real: Any) -> Callable[..., Any]:
    """A restart above the last block is a last block, too."""
    return lambda self, parent, items: real(self, _Unclosed(parent), items)


def _forget_removed(real: Any) -> Callable[..., Any]:
    return lambda epoch, draw, params, removed=(): real(epoch, draw, params)


def _only_once() -> Callable[..., tuple[bytes, ...]]:
    """A pool that forgets what it has handed out."""
    from bac.ledger.mempool import Mempool

    real = Mempool.select
    handed: set[bytes] = set()

    def select(self: Mempool, state: Any, items_max: int, bytes_max: int) -> tuple[bytes, ...]:
        chosen = tuple(item for item in real(self, state, items_max, bytes_max) if item not in handed)
        if items_max > 1:
            handed.update(chosen)
        return chosen

    return select


def _only_the_primary(name: str) -> Callable[..., None]:
    from bac.baselines.basic_bac import BasicBac

    real = BasicBac._publish_one

    def publish(self: BasicBac, proposal: Any) -> None:
        if self.finality.term.epoch.leaders()[0] == self.finality.site.me:
            real(self, proposal)

    return publish


def _same_electorate(epoch: Any, proof: Any, successors: Any, params: Any) -> Any:
    kept = epochs.Successors(epoch.electorate, epoch.committee, successors.boundary)
    return epochs.following(epoch, proof, kept, params)


def _close_with_clock(real: Any) -> Callable[..., Any]:
    def close(self: validity.Validity, parent: Link) -> Any:
        derived = real(self, parent)
        return validity.Derived(replace(derived.header, state_root=Hash(bytes(32))), derived.state)

    return close
