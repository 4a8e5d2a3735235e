"""The invariants that hold in every run: one class each."""
