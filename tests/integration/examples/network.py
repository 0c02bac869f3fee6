"""A network between an example and the gateway."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.protocols.portforward import ProxyFactory


class Network(ProxyFactory):
    """Carries connections from a port of its own to the gateway, until it breaks."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self._carried: list[Any] = []
        self._listening = self._listen(0)
        self.entry = self._listening.getHost().port  # `port` is where it leads

    def _listen(self, port: int) -> Any:
        return reactor.listenTCP(port, self, interface="127.0.0.1")  # type: ignore[arg-type]

    def buildProtocol(self, addr: Any) -> Any:
        carried = super().buildProtocol(addr)
        self._carried.append(carried)
        return carried

    async def go_down(self) -> None:
        """End all connections and take no new ones."""
        await self._listening.stopListening()
        for carried in self._carried:
            carried.transport.abortConnection()
        self._carried.clear()

    def come_back(self) -> None:
        """Take connections at the same port again."""
        self._listening = self._listen(self.entry)
