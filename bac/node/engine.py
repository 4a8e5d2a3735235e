"""What a node needs of a protocol besides its handlers. Everything else it leaves to the contract.

An engine makes networks; a member is one node's view of one network. Engines are found by name, or as
``module:attribute``, so that a protocol can run in processes without being known here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from typing import Protocol as Interface

from bac.crypto.batch import Claim
from bac.crypto.cache import Cached
from bac.crypto.keys import NodeSecrets
from bac.crypto.suite import KeyPair
from bac.node.membership import Membership
from bac.protocol import Persist, Protocol, Store
from bac.types import Hash, NodeId

if TYPE_CHECKING:
    from random import Random

NAMED: Final = {"bac": "bac.node.engines:BAC", "basic-bac": "bac.node.engines:BASIC_BAC"}


class Member(Interface):
    """One node's view of its network; made again at every start."""

    @property
    def engine(self) -> str:
        """Name of the engine."""
        ...

    @property
    def network(self) -> Hash:
        """Names the network: hash of genesis."""
        ...

    @property
    def params_digest(self) -> Hash:
        """Of the parameters that genesis asks for."""
        ...

    @property
    def shard(self) -> int:
        """The shard that this node is in."""
        ...

    @property
    def keys(self) -> KeyPair:
        """The node's signing key."""
        ...

    @property
    def identity(self) -> NodeId:
        """The node's own."""
        ...

    @property
    def suite(self) -> Cached:
        """The verifier, whose memory the driver fills ahead."""
        ...

    def membership(self, protocol: Protocol) -> Membership:
        """Who may be connected now; it changes between epochs alone."""
        ...

    def construct(self, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """The protocol object: see `bac.protocol.Construction`."""
        ...

    def encode(self, value: Any) -> bytes:
        """The bytes of a message, block, proof or evidence."""
        ...

    def decode(self, data: bytes) -> Any:
        """The message. Raises Rejected."""
        ...

    def claims(self, message: Any) -> Iterable[Claim]:
        """Signatures that the protocol will ask about when it is given `message`; verified ahead. May be empty."""
        ...

    def read_transaction(self, data: bytes) -> Any:
        """What a client handed in, decoded. Raises Rejected."""
        ...

    def transaction_claims(self, transaction: Any) -> Iterable[Claim]:
        """As `claims`, for what `read_transaction` gave."""
        ...

    def verify_transaction(self, transaction: Any) -> Any:
        """What `on_transaction` takes. Raises Rejected."""
        ...

    def transaction_id(self, transaction: Any) -> bytes:
        """Under which clients ask for what `read_transaction` gave."""
        ...

    def is_ordered(self, transaction: Any) -> bool:
        """Whether blocks decide what `read_transaction` gave; what none will ever decide takes no place for long."""
        ...

    def transaction_place(self, transaction: Any) -> tuple[bytes, int]:
        """(account, nonce) of what `read_transaction` gave: those of an account are executed in the order of nonces."""
        ...

    def outcomes(self, block: Any, protocol: Protocol) -> Iterable[tuple[bytes, str]]:
        """What a committed block decided: (id of a transaction, "" or the code why it had no effect)."""
        ...

    def follows(self, block: Any) -> bool:
        """Asked for each committed block: whether nothing was committed between the one asked about before and it."""
        ...

    def never(self, transaction: Any, protocol: Protocol) -> str:
        """The code why a transaction that no block in sight has decided never will be; "" while it may be."""
        ...

    def ask(self, protocol: Protocol, question: str, arguments: Mapping[str, Any]) -> Any:
        """Answers a client's question about the state in built-in types. Raises ValueError: no such question."""
        ...

    def decides(self, block: bytes, transaction_id: bytes) -> bool:
        """Whether the block, in its encoding, decides this transaction."""
        ...

    def is_proven(self, block: bytes, proof: bytes) -> bool:
        """Whether `proof` shows to anybody that `block` is confirmed, both in their encodings."""
        ...


class Engine(Interface):
    """A protocol by name."""

    @property
    def name(self) -> str:
        """As in ``net.toml``."""
        ...

    def found(self, secrets: Sequence[NodeSecrets], options: Mapping[str, Any]) -> bytes:
        """Genesis of a new network, encoded, whose members hold `secrets`.

        Raises:
            ValueError: what does not fit.
        """
        ...

    def join(self, genesis: bytes, secrets: NodeSecrets) -> Member:
        """The view of the node that holds `secrets`, a member from the beginning or not.

        Raises:
            Rejected: genesis is not one, or of another version or parameters.
        """
        ...


def find_engine(name: str) -> Engine:
    """The engine called `name`.

    Raises:
        ValueError: there is none.
    """
    module, _, attribute = NAMED.get(name, name).partition(":")
    try:
        found: Engine = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"there is no engine {name!r}: {error}") from error
    return found
