"""The words that every layer shares: distinct names for bytes and whole numbers that must not be confused."""

from __future__ import annotations

from typing import NewType

NodeId = NewType("NodeId", bytes)
"""An identity: 32 bytes, the Ed25519 signing key it was registered with first."""

Hash = NewType("Hash", bytes)
"""A SHA-256 value, 32 bytes."""

Micros = NewType("Micros", int)
"""Time in microseconds: of the driver's clock in handlers, of the block in agreed data."""

Units = NewType("Units", int)
"""Voting units, 0 … ``max_units``."""

Height = NewType("Height", int)
"""Height of a block in its shard's chain; genesis is 0."""
