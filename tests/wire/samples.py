"""One or more values of every type that is ever encoded, with whole numbers at the edges of their encodings."""

from __future__ import annotations

import hashlib

from bac import genesis
from bac.types import Hash, Height, Micros, NodeId, Units
from bac.wire import block, claims, event, evidence, header, sync, transactions, transfer, votes
from bac.wire.codec import Message, encode


def some(label: str, size: int = 32) -> bytes:
    """Bytes that follow from a label."""
    return hashlib.shake_256(label.encode()).digest(size)


def some_hash(label: str) -> Hash:
    return Hash(some(label))


def some_id(label: str) -> NodeId:
    return NodeId(some(label))


SIGNATURE = some("signature", 64)
BLS_SIGNATURE = some("bls signature", 96)
TOP = 2**63 - 1

EVENT_HEADER = event.EventHeader(
    epoch=3,
    boundary=some_hash("L2"),
    creator=some_id("leader"),
    self_parent=some_hash("self"),
    other_parents=(some_hash("other"), some_hash("another")),
    time_us=Micros(1_700_000_000_000_000),
    payload_hash=event.payload_hash((b"\x92\x01\x02",)),
    signature=SIGNATURE,
)
FIRST_EVENT = event.Event(
    event.EventHeader(
        0, some_hash("genesis"), some_id("leader"), None, (), Micros(0), event.payload_hash(()), SIGNATURE
    ),
    (),
)
RANK = header.Rank(0, Height(255), some_hash("certified"))
BOUNDARY = header.Boundary(
    next_electorate_root=some_hash("V4"),
    next_committee_hash=some_hash("C4"),
    seed=some_hash("seed5"),
    summary=header.ShardSummary(40, -1, 2**31, -128, 127, -(2**63), -129, TOP, 65_536),
    successor=7,
)
HEADER = header.Header(
    version=1,
    network=some_hash("network"),
    shard=7,
    epoch=3,
    view=0,
    kind=header.Kind.ORDERED,
    height=Height(256),
    parent=some_hash("parent"),
    round=24,
    time_us=Micros(1_700_000_000_123_456),
    transaction_root=some_hash("transactions"),
    evidence_root=some_hash("evidence"),
    state_root=some_hash("state"),
    committee_hash=some_hash("C3"),
    electorate_root=some_hash("V3"),
    justify=RANK,
    boundary=None,
)
OPENING = header.Header(
    1, some_hash("network"), 7, 3, 2**32 - 2, header.Kind.OPENING, Height(TOP), some_hash("parent"), 0, Micros(TOP),
    some_hash("transactions"), some_hash("evidence"), some_hash("state"), some_hash("C3"), some_hash("V3"),
    header.Rank(-1, Height(0), some_hash("L2")), BOUNDARY,
)  # fmt: skip
BALLOT = votes.Ballot(3, 0, Height(256), header.header_hash(HEADER))
ACKNOWLEDGEMENT = votes.Acknowledgement(BALLOT, some_id("voter"), SIGNATURE)
CERTIFICATE = votes.Certificate(BALLOT, b"\x0f", BLS_SIGNATURE)
LIST_CERTIFICATE = votes.Certificate(BALLOT, b"\x07", SIGNATURE * 3)
STATE = votes.State(3, 1, RANK, Micros(1_700_000_000_000_000), some_id("voter"), SIGNATURE)
RETIREMENT = votes.State(3, header.RETIREMENT_VIEW, RANK, Micros(1), some_id("voter"), SIGNATURE)
NEW_VIEW = votes.NewView((STATE,), CERTIFICATE)
CLAIM = claims.Claim(4, claims.Role.CANDIDATE, some_id("voter"), some("proof", 80), SIGNATURE)
CLAIM_LIST = claims.ClaimList(4, some_id("voter"), (claims.claim_id(CLAIM),), SIGNATURE)
PROOF = block.ConfirmationProof((HEADER,), CERTIFICATE, OPENING, CERTIFICATE, None)
MANDATE = transactions.Mandate(
    encode(transactions.Reconfigure(Height(9), some_hash("parent"), some_hash("retirements"), ())), SIGNATURE
)
RESTART = block.Restart(encode(MANDATE), block.InclusionProof(1, 2, (some_hash("statements"),)))
LEADER_SIGNATURE = block.LeaderSignature(some_id("leader"), SIGNATURE)
INCLUSION = block.InclusionProof(2, 5, (some_hash("left"), some_hash("right")))
ENVELOPE = block.Envelope(HEADER, (LEADER_SIGNATURE,), None, PROOF, None)

PLACE = (some_hash("network"), 7, some_id("sender"), some("key"))
POSITION = transactions.Position(some_id("sender"), Micros(5), 10**9, -(10**9), 0, -33)
ADMIT = transactions.Admit(
    some_id("new"), transactions.Kind.VEHICLE, some("vrf"), Micros(2**62), some_hash("credential")
)
ORDERS: tuple[transactions.AuthorityOrder, ...] = (
    ADMIT,
    transactions.Renew(some_id("new"), some("key"), some("vrf"), Micros(2**62), some_hash("credential")),
    transactions.Revoke(some_id("new")),
    transactions.Reconfigure(Height(9), some_hash("parent"), some_hash("retirements"), (some_id("gone"),)),
    transactions.Issue(0, some_id("new"), 10**12),
    transactions.Summon(3),
)
OPERATIONS: tuple[transactions.Operation, ...] = (
    transactions.Transfer(some_id("recipient"), 1_000_000),
    transactions.Leave(),
    transactions.AcknowledgementKey(17, some("bls key", 48), BLS_SIGNATURE),
    transactions.PositionReport(encode(POSITION), (transactions.Witness(some_id("relay"), some("key"), SIGNATURE),)),
    transactions.Order(encode(ADMIT), SIGNATURE),
    transactions.Call(3, b"payload"),
)
TRANSACTIONS = tuple(
    transactions.Transaction(*PLACE, nonce, 1_000, Micros(TOP), operation) for nonce, operation in enumerate(OPERATIONS)
)
SIGNED_TRANSACTION = transactions.SignedTransaction(encode(TRANSACTIONS[0]), SIGNATURE)
ITEM = encode(SIGNED_TRANSACTION)
ITEM_PROOF = block.ItemProof(ITEM, INCLUSION, PROOF)

MEMBER = genesis.GenesisMember(
    identity=some_id("member"),
    kind=transactions.Kind.VEHICLE,
    vrf_key=some("vrf"),
    not_after=Micros(2**62),
    credential=some_hash("credential"),
    endowment=Units(2**15),
    acknowledgement_keys=(genesis.FirstKey(some("first"), SIGNATURE), genesis.FirstKey(some("second"), SIGNATURE)),
)
GENESIS = genesis.Genesis(
    version=1,
    params_digest=some_hash("params"),
    authority=some("authority"),
    time_us=Micros(1_700_000_000_000_000),
    seed=some("seed"),
    shards=(
        genesis.GenesisShard(0, genesis.Scheme.ED25519_LIST, (MEMBER,), (genesis.Balance(some_id("member"), 10**9),)),
    ),
)

SAMPLES: tuple[Message, ...] = (
    SIGNED_TRANSACTION,
    *TRANSACTIONS,
    *ORDERS,
    MANDATE,
    POSITION,
    EVENT_HEADER,
    FIRST_EVENT,
    event.Event(EVENT_HEADER, (b"\x92\x01\x02",)),
    HEADER,
    OPENING,
    BALLOT,
    ACKNOWLEDGEMENT,
    votes.Acknowledgement(BALLOT, some_id("voter"), BLS_SIGNATURE),
    CERTIFICATE,
    LIST_CERTIFICATE,
    votes.Wish(3, 1, Height(128), some_id("voter"), SIGNATURE),
    votes.WishBatch((votes.Wish(3, 1, Height(128), some_id("voter"), SIGNATURE),)),
    STATE,
    RETIREMENT,
    votes.StateAnnouncement(STATE, CERTIFICATE, CLAIM_LIST),
    votes.StateAnnouncement(STATE, None, None),
    NEW_VIEW,
    CLAIM,
    CLAIM_LIST,
    claims.SeedProof(5, some("proof", 80)),
    claims.Departure(3, some_id("leader"), SIGNATURE),
    block.RoundRecord(b"\x0d"),
    block.Body(()),
    block.Body((ITEM, encode(CERTIFICATE), encode(NEW_VIEW))),
    PROOF,
    ENVELOPE,
    block.Envelope(OPENING, (), CERTIFICATE, None, None),
    block.Envelope(OPENING, (), None, None, RESTART),
    block.ConfirmationProof((HEADER, OPENING), CERTIFICATE, OPENING, CERTIFICATE, RESTART),
    block.BoundaryRecord(
        PROOF,
        (
            block.Elector(some_id("voter"), some("ack"), Units(65_536)),
            block.Elector(some_id("w"), some("k", 48), Units(1)),
        ),
        (block.Leader(some_id("leader"), 100),),
    ),
    ITEM_PROOF,
    evidence.DoubleAcknowledgement(7, 3, ACKNOWLEDGEMENT, CERTIFICATE, (HEADER, OPENING)),
    evidence.HiddenCertificate(7, 3, CERTIFICATE, HEADER, STATE),
    evidence.FalseOpening(7, 3, ACKNOWLEDGEMENT, OPENING, encode(NEW_VIEW), INCLUSION),
    evidence.DoubleHeader(7, 3, HEADER, LEADER_SIGNATURE, OPENING, LEADER_SIGNATURE),
    evidence.Fork(7, 3, EVENT_HEADER, FIRST_EVENT.header),
    evidence.InvalidItem(7, 3, event.Event(EVENT_HEADER, (b"\x92\x01\x02",)), 0),
    transfer.BodyPull(some_hash("header"), 2**24),
    transfer.BodyChunk(some_hash("header"), 65_536, 65_540, b"tail"),
    transfer.StatePull(some_hash("root"), some("path")),
    transfer.StateChunk(some_hash("root"), b"chunk"),
    sync.Hello(1, some_hash("network"), some_hash("params"), 7),
    sync.TransactionBatch((ITEM,)),
    sync.EventPull(3, (some_hash("head"),)),
    sync.EventRequest(3, (some_hash("id"),)),
    sync.EventBatch(3, (FIRST_EVENT,)),
    sync.TipPull(3, some_id("leader")),
    sync.TipAnswer(3, some_id("leader"), EVENT_HEADER),
    sync.TipAnswer(3, some_id("leader"), None),
    sync.EnvelopePull(some_hash("header"), Height(9)),
    sync.EnvelopeBatch((ENVELOPE,)),
    sync.RecordPull(7, 0),
    GENESIS,
)
