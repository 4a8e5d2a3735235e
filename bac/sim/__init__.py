"""The simulator: seeds in, verdicts out. One of the two drivers of `bac.protocol`."""
