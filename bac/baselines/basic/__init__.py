"""What basic BAC is made of, besides finality: mempool, the ledger as its machine, rotation, proposals."""
