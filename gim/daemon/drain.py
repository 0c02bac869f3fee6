"""Taking leave of all clients of this process when it stops."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from gim.chat.chat import Chat
from gim.gateway.factory import GatewayFactory

CLOSING_TIME = 2.0  # seconds that the last clients have for the closing handshake
DROPPING_TIME = 1.5  # seconds after which no connection that was dropped is waited for
HURRY_TIME = 0.1  # seconds that the kernel has for the last bytes at a second stop signal


class ClientDrain:
    """Closes the connections of a gateway, and writes what waits to be pushed to them before."""

    def __init__(self, chat: Chat, gateway: GatewayFactory, clock: IReactorTime) -> None:
        self._chat = chat
        self._gateway = gateway
        self._clock = clock

    async def run(self, duration: float, shares: Sequence[float] = ()) -> None:
        """Close all connections evenly over *duration* seconds, or by the *shares* of a `Draining`.
        `CLOSING_TIME` later drop what remains. Return when the last one is gone, or `DROPPING_TIME` after
        that."""
        if duration == 0:
            self._chat.flush()
        closed = self._gateway.drain(duration, shares)
        patience = duration + CLOSING_TIME
        dropping = self._clock.callLater(patience, self._gateway.abort_all)
        closed.addTimeout(patience + DROPPING_TIME, self._clock, lambda _value, _timeout: None)
        await closed
        if dropping.active():
            dropping.cancel()
        self._chat.flush()  # ends the intervals

    def hurry(self) -> None:
        """Close what is left now, and wait for no client's answer."""
        self._gateway.finish_draining()
        self._clock.callLater(HURRY_TIME, self._gateway.abort_all)
