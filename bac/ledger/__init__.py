"""The ledger: a deterministic state machine over an authenticated state. See docs/spec/ledger.md."""
