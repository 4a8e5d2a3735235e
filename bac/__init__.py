"""The BAC network: assembles hashgraph (order), election (who) and shards (where)."""
