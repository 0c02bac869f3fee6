"""One of the two that are compared: gim on one kind of storage, on one or several nodes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec import Struct
from twisted.internet.defer import TimeoutError

from gim.concurrency.gather import gather
from tests.integration.differential.api import Api
from tests.integration.differential.markers import Markers
from tests.integration.differential.members import Members
from tests.integration.differential.received import PUSH, Received, by_user, in_order
from tests.integration.differential.sockets import HungUp, Socket, connect
from tests.integration.differential.steps import ADMINISTRATOR, Step
from tests.integration.differential.symbols import Symbols
from tests.support.redis.environment import until
from tests.support.webhooks.receiver import Hook

LOGIN, LOGOUT = 101, 103
PROTOCOLS = {"0": "gim.json", "1": "gim.proto", "2": "gim.json"}  # by the last character of a device
MARKER = "marker"


class Ports(Struct, frozen=True):
    """Where a node listens. Workers are nodes with the same ports."""

    ws: int
    http: int


class Side:
    """Takes steps, and gathers what the devices get. `begin` starts a run with ids of its own."""

    def __init__(
        self, name: str, nodes: list[Ports], hook: Hook | None = None, hides_overlap: bool = False
    ) -> None:
        """With *hides_overlap*, messages that a login pushes though they are not newer than its ``since``
        do not count."""
        self.name = name
        self._hides_overlap = hides_overlap
        self.nodes = nodes
        self._hook = hook  # gets the webhooks, if there are any
        self.symbols = Symbols("")
        self._devices: dict[str, Socket] = {}
        self._api = Api([node.http for node in nodes])
        self._markers = Markers()
        self._stored: list[tuple[str, str]] = []  # chatroom and id of each message of the last step
        self._has_broadcast = False  # whether the last step was a broadcast to all

    async def start(self) -> None:
        """Connect the markers."""
        await self._markers.begin([node.ws for node in self.nodes])

    async def begin(self, prefix: str) -> None:
        """Hang up all devices and forget all that was said."""
        for device in self._devices.values():
            await device.close()
        await self._markers.rest(broadcast=False)
        self._devices, self.symbols = {}, Symbols(prefix)
        self._api.tokens = {MARKER: self._markers.token}
        if self._hook is not None:
            self._hook.requests.clear()

    async def stop(self) -> None:
        """Drop all connections."""
        for device in self._devices.values():
            await device.hang_up()
        await self._markers.stop()
        await self._api.stop()

    # steps

    async def take(self, step: Step) -> Any:
        """Take a step; return the answers in words, one for each request, or None."""
        self._stored.clear()
        self._has_broadcast = False
        if step.via == "http":
            return await self._request(step)
        if step.via == "expire":
            return await self._markers.expire()
        if step.via in ("open", "close") and step.actor in self._devices:
            await self._devices[step.actor].close()
        if step.via == "open":
            # the other device of the user is at another node
            node = self.nodes[sum(map(ord, step.actor)) % len(self.nodes)]
            self._devices[step.actor] = await connect(node.ws, PROTOCOLS[step.actor[-1]])
        elif step.via != "close" and step.actor in self._devices:
            return await self._say(self._devices[step.actor], step)
        return None

    async def _say(self, device: Socket, step: Step) -> Any:
        body = self.symbols.fill_in(step.body, step.actor)
        if step.via == "text":
            return device.say(body)
        requests = body if step.via == "burst" else [(step.op, body)]
        asked = [device.ask(op, each, seq) for seq, (op, each) in enumerate(requests, 1)]
        try:
            packets = await gather(asked)
        except HungUp:
            return [{"body": {"code": "it is not connected"}}]
        for packet in packets:
            self._learn(step, packet["body"]["data"])
        if packets[0]["body"]["code"] == 0 and step.op in (LOGIN, LOGOUT):
            device.is_logged_in = step.op == LOGIN
            if self._hides_overlap and "since" in body:
                device.since = body["since"]
                del packets[0]["body"]["data"]["missed"]
        return self.symbols.in_words(packets)

    async def _request(self, step: Step) -> Any:
        node = step.node % len(self.nodes)
        path, body = (self.symbols.fill_in(each, step.actor) for each in (step.path, step.body))
        answer = await self._api.ask(node, step.actor, step.method, path, body)
        self._learn(step, answer["data"])
        self._has_broadcast = step.path == "/v1/admin/broadcasts" and answer["code"] == 0
        return self.symbols.in_words([answer])

    def _learn(self, step: Step, data: Any) -> None:
        if not isinstance(data, dict):
            return
        self.symbols.learn(step.actor, data)
        if "token" in data:
            self._api.tokens[data["user"]["id"].removeprefix(self.symbols.prefix)] = data["token"]
        session_id, message_id = data.get("session_id", ""), data.get("id", "")
        if message_id and session_id.startswith("1:") and self.symbols.is_new(message_id):
            self._stored.append((session_id.removeprefix(f"1:{self.symbols.prefix}"), message_id))

    # what the devices get

    async def rest(self, members: Members) -> None:
        """Return when all that the last step caused has reached the devices."""
        await self._markers.rest(self._has_broadcast)
        await gather(
            self._get_push(device, message_id)
            for room, message_id in self._stored
            for name, device in self._devices.items()
            if device.is_logged_in and name[:-2] in members.of(room)
        )
        await gather(device.fence() for device in self._devices.values() if device.close_code is None)

    async def _get_push(self, device: Socket, message_id: str) -> None:
        try:
            await device.gets(lambda packet: message_id in _ids(packet))
        except (HungUp, TimeoutError):
            pass  # the comparison shows it

    def online(self) -> set[str]:
        """Return the users with a device that is logged in, as far as the devices know."""
        devices = self._devices.items()
        return {name[:-2] for name, one in devices if one.is_logged_in and one.close_code is None}

    async def go_offline(self, users: Collection[str]) -> None:
        """Wait until all nodes know that the users are offline."""
        for node in range(len(self.nodes)):
            for user in users:
                path = f"/v1/users/{self.symbols.prefix}{user}"
                await until(lambda node=node, path=path: self._is_offline(node, path), f"{user} to go")

    async def _is_offline(self, node: int, path: str) -> bool:
        data = (await self._api.ask(node, MARKER, "GET", path))["data"]
        return data is None or not data["online"]  # a user may be forgotten as well

    def told(self) -> dict[str, Any]:
        """Return the webhook events of this run in words, in their order, by user."""
        events = self._hook.events() if self._hook is not None else []
        return by_user(self.symbols, events)

    async def counted(self) -> dict[str, int]:
        """Return the numbers of the statistics that do not depend on how many nodes there are."""
        path = "/v1/admin/statistics"
        total = (await self._api.ask(0, ADMINISTRATOR, "GET", path))["data"]["total"]
        return {name: total[name] for name in ("connections", "messages")}

    def received(self) -> Received:
        """Return what the devices got since the last `forget_received`, and how they were closed."""
        return {
            name: in_order(self.symbols, device.packets, device.close_code, device.since)
            for name, device in sorted(self._devices.items())
        }

    def forget_received(self) -> None:
        for name, device in tuple(self._devices.items()):
            device.packets.clear()
            device.since = ""
            if device.close_code is not None:
                del self._devices[name]


def _ids(packet: Any) -> list[str]:
    return [item["id"] for item in packet["body"]["items"]] if packet["op"] == PUSH else []
