"""A Lua script that servers run."""

from __future__ import annotations

from hashlib import sha1


class Script:
    """A script: each server gets its source once, and is called with its hash (EVALSHA) after that."""

    __slots__ = ("name", "sha", "source")

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.sha = sha1(source.encode(), usedforsecurity=False).hexdigest()
