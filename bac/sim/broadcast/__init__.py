"""Signed echo broadcast: the small protocol that the simulator brings along to be tried on. It is not BAC."""
