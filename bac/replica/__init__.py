"""BAC 2.0: leaders order by a hashgraph, the reputed are elected, every voter confirms (docs/spec/replica.md)."""
