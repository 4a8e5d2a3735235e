"""The command `bac`: one module per noun, over the same functions that programs call."""
