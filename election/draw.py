"""One draw of sortition, made and checked: BAC paper IV.D, Algorithms 2 and 3, with the intervals mended."""

from __future__ import annotations

from dataclasses import dataclass

from election import sortition, vrf
from election.committee import Claim
from election.seed import Role, sortition_input


@dataclass(frozen=True, slots=True)
class Lottery:
    """What all nodes know of one draw.

    Attributes:
        seed: the epoch's seed, 32 bytes.
        role: what is drawn for.
        shard: the shard's id, 1 to 32 bytes.
        epoch: the epoch drawn for.
        tau: units elected on average; at or above the total, every unit is elected.
        total_units: R, the voting units of all in the snapshot that the units are taken from.
    """

    seed: bytes
    role: Role
    shard: bytes
    epoch: int
    tau: int
    total_units: int

    @property
    def alpha(self) -> bytes:
        """The VRF input."""
        return sortition_input(self.seed, self.role, self.shard, self.epoch)


def draw(lottery: Lottery, identity: bytes, secret: bytes, units: int) -> tuple[bytes, Claim | None]:
    """Algorithm 2: the proof μ, and the claim if one of the identity's `units` at least is elected."""
    proof = vrf.prove(secret, lottery.alpha)
    return proof, check_draw(lottery, identity, vrf.public_key(secret), units, proof)


def check_draw(
    lottery: Lottery, identity: bytes, public: vrf.PublicKey | bytes, units: int, proof: bytes
) -> Claim | None:
    """Algorithm 3: the claim that `proof` shows under the identity's registered key, or None if no unit is elected.

    Raises:
        InvalidProof: the proof does not belong to the key and this lottery (`election.vrf`).
    """
    beta = vrf.verify(public, lottery.alpha, proof)
    wins = sortition.select(beta, units, lottery.tau, lottery.total_units)
    return Claim(identity, lottery.role, beta, wins) if wins else None
