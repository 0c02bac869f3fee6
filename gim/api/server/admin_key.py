"""The administrator's key, as requests show it."""

from __future__ import annotations

from hmac import compare_digest

from twisted.web.iweb import IRequest

from gim.api.decoding import header_of


class AdminKey:
    """What ``X-API-Key`` must hold."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def opens(self, request: IRequest) -> bool:
        """Say whether a request shows the key. Takes the same time for every wrong one of a length."""
        return compare_digest(header_of(request, "x-api-key").encode("latin-1"), self._key)
