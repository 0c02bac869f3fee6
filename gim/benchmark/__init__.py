"""``gim bench``: how much a running server does, measured over its WebSocket address."""
