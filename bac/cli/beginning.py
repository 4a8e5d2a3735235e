"""Genesis as the command reads it: which network, which parameters, whose authority."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bac.cli.errors import CommandFailed
from bac.crypto.production import Production
from bac.genesis import Genesis, GenesisShard, network_id
from bac.params import PRESETS, Params
from bac.types import Hash
from bac.wire.codec import decode


@dataclass(frozen=True, slots=True)
class Beginning:
    """A genesis, read."""

    genesis: Genesis
    params: Params
    network: Hash

    def shard(self, number: int) -> GenesisShard:
        """A shard of the network; CommandFailed `not-found` if there is none of that number."""
        for shard in self.genesis.shards:
            if shard.shard == number:
                return shard
        raise CommandFailed("not-found", f"the network has no shard {number}")

    def suite(self, number: int) -> Production:
        """The cryptography of a shard."""
        return Production(self.shard(number).scheme.suite_name)


def read_beginning(path: Path) -> Beginning:
    """The genesis in a file.

    Raises:
        CommandFailed: `wrong-params`, no preset has the digest that it names.
        Rejected: it is no genesis.
        FileNotFoundError: there is no such file.
    """
    genesis = decode(Genesis, path.read_bytes())
    for params in PRESETS.values():
        if params.digest() == genesis.params_digest:
            return Beginning(genesis, params, network_id(genesis))
    raise CommandFailed("wrong-params", f"{path} asks for parameters that are no preset of this version")
