"""The command ``gim-token``."""
