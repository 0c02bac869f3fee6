"""Users whose events show that a side has come to rest."""

from __future__ import annotations

from typing import Any

from gim.concurrency.gather import gather
from tests.integration.differential.sockets import Socket, connect
from tests.support.redis.environment import until

ROOM = "markers"
NAMES = ("marker0", "marker1", "marker2")  # one for each node or worker, where there are most
LOGIN, SEND, HISTORY, JOIN, RENAME, APPOINT = 101, 201, 203, 301, 307, 315
EXPIRY = 60.0  # seconds until a message must have expired


class Markers:
    """Members of a chatroom that is renamed from each node in turn.

    A node gets announcements in the order in which they were made. So once each node has got the events
    of all, it has dealt with whatever was announced before, and what it then sent to Redis, as a
    subscription, has arrived there.
    """

    def __init__(self) -> None:
        self._sockets: list[Socket] = []
        self._count = 0
        self.token = ""

    async def begin(self, gateways: list[int]) -> None:
        """Connect to the gateways with these ports.

        Where workers share a port, each gets a marker: a connection goes to the worker with the fewest.
        """
        for number, name in enumerate(NAMES):
            socket = await connect(gateways[number % len(gateways)], "gim.json")
            self._sockets.append(socket)
            self.token = (await self._ask(socket, LOGIN, id=name))["token"]
            await self._ask(socket, JOIN, id=ROOM)
        for name in NAMES[1:]:
            await self._ask(self._sockets[0], APPOINT, id=ROOM, user_id=name, role="admin")

    async def _ask(self, socket: Socket, op: int, **body: Any) -> Any:
        packet = await socket.ask(op, body, seq=op)
        assert packet["body"]["code"] == 0, packet
        return packet["body"]["data"]

    async def rest(self, broadcast: bool) -> None:
        """Return when all nodes have dealt with what was announced before.

        A *broadcast* of the last step is waited for as well: it reaches other nodes within a second.
        """
        for socket in self._sockets:
            self._count += 1
            name = f"round {self._count}"
            await self._ask(socket, RENAME, id=ROOM, name=name)
            await self._all_get({"type": "renamed", "name": name})
        if broadcast:
            await self._all_get({"type": "broadcast"})
        for socket in self._sockets:
            socket.packets.clear()

    async def _all_get(self, fields: dict[str, str]) -> None:
        await gather(
            socket.gets(lambda packet: fields.items() <= packet["body"].items())
            for socket in self._sockets
        )

    async def expire(self) -> None:
        """Return when all messages so far and the keys that hold them have expired: two TTLs from now."""
        for _ in range(2):
            await self._ask(self._sockets[0], SEND, type=2, target_id=NAMES[1], content="canary")
            await until(self._has_expired, "the end of a message", EXPIRY)
        for socket in self._sockets:
            socket.packets.clear()

    async def _has_expired(self) -> bool:
        session_id = f"2:{':'.join(NAMES[:2])}"
        return not (await self._ask(self._sockets[0], HISTORY, session_id=session_id))["items"]

    async def stop(self) -> None:
        for socket in self._sockets:
            await socket.hang_up()
