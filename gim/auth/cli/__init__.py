"""The command gim-token."""
