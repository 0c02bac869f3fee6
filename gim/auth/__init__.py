"""Authentication: login tokens and their keys, tokens of the HTTP API, and the tool ``gim-token``."""
