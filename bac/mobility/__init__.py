"""Readers of real traces: the edge where degrees become centimetres, once."""
