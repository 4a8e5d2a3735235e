"""Comparison protocols, behind the same contract."""
