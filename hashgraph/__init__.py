"""Orders signed events by virtual voting: the weighted hashgraph (Baird 2016, with fork handling and coin rounds)."""
