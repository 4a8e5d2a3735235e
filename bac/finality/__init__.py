"""Votes, confirmation, recovery, epochs: when a block is final. It knows no source of blocks."""
