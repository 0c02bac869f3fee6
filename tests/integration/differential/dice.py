"""Random steps: few users, devices and chatrooms, so that things meet; some inputs are not valid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.integration.differential.ingredients import DEVICES, ROLES, USERS, Ingredients
from tests.integration.differential.steps import ADMINISTRATOR, Step

UNHURRIED = (105, 201, 203, 205, 209, 211, 305)
MAX_BROADCASTS = 5  # of a sequence: Redis takes a hundred a minute
MAX_NODES = 6  # a multiple of how many nodes or workers there may be
STEPS_PER_TTL = 80  # they must take less than the TTL
BAD_PACKETS = (
    "",
    "[]",
    "{}",
    '{"op":0}',
    '{"op":102}',
    '{"op":207,"seq":1}',
    '{"op":999,"seq":5}',
    '{"op":105,"seq":9007199254740992}',
    '{"op":105,"body":"x","seq":4}',
    '{"op":201,"seq":77,"body":{"type":2,"target_id":"~bob","content":"\\ud83d"}}',
)


class Dice(Ingredients):
    """Draws steps. The steps depend on the seed alone."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._broadcasts = 0
        self._ways: list[Callable[[], Iterator[Step]]] = [
            *[self._ask] * 24,
            *[self._over_http] * 10,
            *[self._as_administrator] * 7,
            *[self._moderate] * 4,
            *[self._burst] * 3,
            *[self._come_back] * 3,
            self._bad_packet,
        ]

    def steps(self, count: int, expiring: bool = False) -> list[Step]:
        """Return *count* steps or some more: the devices log in, then anything happens.

        With *expiring*, all messages expire now and then.
        """
        steps: list[Step] = []
        for device in DEVICES[:7]:
            steps += self._log_in(device)
        while len(steps) < count:
            before = len(steps)
            steps += self.pick(self._ways)()
            if expiring and before // STEPS_PER_TTL < len(steps) // STEPS_PER_TTL:
                steps.append(Step("expire", ""))
        return steps

    # connections

    def _log_in(self, device: str) -> Iterator[Step]:
        yield Step("open", device)
        yield Step("ask", device, 101, body=self.login(device))

    def _come_back(self) -> Iterator[Step]:
        device = self.pick(DEVICES)
        yield Step("close", device)
        if self.random.random() < 0.9:
            yield from self._log_in(device)

    def _bad_packet(self) -> Iterator[Step]:
        yield Step("text", self.pick(DEVICES), body=self.pick(BAD_PACKETS))

    # requests over WebSocket

    def _ask(self) -> Iterator[Step]:
        device = self.pick(DEVICES)
        op, body = self._request(device)
        yield Step("ask", device, op, body=self.spoilt(body))
        if op == 103 and self.random.random() < 0.8:
            yield Step("ask", device, 101, body=self.login(device))

    def _moderate(self) -> Iterator[Step]:
        """A member gets a role, and then acts on another member."""
        device, room, other = self.pick(DEVICES), self.room(), self.user()
        members = f"/v1/admin/chatrooms/{room}/members"
        yield Step("ask", device, 301, body={"id": room})
        role = {"role": self.pick(ROLES)}
        yield self._http(ADMINISTRATOR, "PUT", f"{members}/~{device.partition('.')[0]}", role)
        yield self._http(ADMINISTRATOR, "PUT", f"{members}/{other}", {})
        member = {"id": room, "user_id": other}
        requests: list[tuple[int, dict[str, Any]]] = [
            (307, {"id": room, "name": self.name()}),
            (309, {"id": room}),
            (311, member),
            (313, member | {"seconds": self.seconds()}),
            (313, member | {"seconds": self.seconds()}),
            (315, member | {"role": self.role()}),
            (315, member | {"role": self.role()}),
        ]
        for _ in range(self.random.randint(1, 3)):
            op, body = self.pick(requests)
            yield Step("ask", device, op, body=body)

    def _burst(self) -> Iterator[Step]:
        """Several requests at once, of those whose pushes do not depend on the moment."""
        device, requests = self.pick(DEVICES), []
        while len(requests) < self.random.randint(2, 6):
            op, body = self._request(device)
            if op in UNHURRIED:
                requests.append([op, body])
        yield Step("burst", device, body=requests)

    def _request(self, device: str) -> tuple[int, dict[str, Any]]:
        user = device.partition(".")[0]
        session = {"session_id": self.session(user)}
        marked = self.message_of_session(user)
        room = {"id": self.room()}
        named = {"name": self.name()} if self.random.random() < 0.3 else {}
        member = room | {"user_id": self.user()}
        choices: list[tuple[int, int, dict[str, Any]]] = [
            (3, 101, self.login(device)),
            (1, 103, {}),
            (1, 105, {}),
            (20, 201, self.send(user)),
            (6, 203, session | self.history()),
            (6, 205, self.sessions()),
            (5, 209, marked),
            (5, 211, marked),
            (8, 301, room | named),
            (4, 303, room),
            (3, 305, room | self.listing(1000, "<members>")),
            (2, 307, room | {"name": self.name()}),
            (1, 309, room),
            (4, 311, member),
            (5, 313, member | {"seconds": self.seconds()}),
            (6, 315, member | {"role": self.role()}),
        ]
        weights = [weight for weight, *_ in choices]
        _, op, body = self.random.choices(choices, weights)[0]
        return op, body

    # requests over HTTP

    def _http(self, actor: str, method: str, path: str, body: Any = None) -> Step:
        if isinstance(body, dict) and method != "GET":
            body = self.spoilt(body)
        return Step("http", actor, 0, method, path, body, self.random.randrange(MAX_NODES))

    def _over_http(self) -> Iterator[Step]:
        user = self.pick(USERS)
        room, session = f"/v1/chatrooms/{self.room()}/members", f"/v1/sessions/{self.session(user)}"
        actor = user if self.random.random() < 0.97 else ""
        choices: list[tuple[str, str, Any]] = [
            ("POST", "/v1/login", {"id": f"~{user}", "name": self.name()}),
            ("GET", f"/v1/users/{self.pick([self.user(), '~none'])}", None),
            ("POST", "/v1/messages", self.send(user)),
            ("POST", "/v1/messages", self.send(user)),
            ("POST", "/v1/messages", self.send(user)),
            ("GET", "/v1/sessions", self.sessions()),
            ("GET", f"{session}/messages", self.history()),
            ("POST", f"{session}/read", {"message_id": self.message()}),
            ("PUT", f"{room}/me", {"name": self.name()}),
            ("PUT", f"{room}/me", {}),
            ("DELETE", f"{room}/me", None),
            ("GET", room, self.listing(1000, "<members>")),
        ]
        yield self._http(actor, *self.pick(choices))

    def _as_administrator(self) -> Iterator[Step]:
        user, room = self.user(), self.room()
        chatroom, person = f"/v1/admin/chatrooms/{room}", f"/v1/admin/users/{user}"
        member = f"{chatroom}/members/{user}"
        marked = self.message_of_session(user[1:])
        recalled = f"/v1/admin/sessions/{marked['session_id']}/messages/{marked['message_id']}"
        choices: list[tuple[int, str, str, Any]] = [
            (6, "POST", "/v1/admin/messages", self.send("") | self.sender()),
            (2, "POST", f"{chatroom}/broadcasts", self.said()),
            (2, "DELETE", recalled, None),
            (1, "GET", f"{person}/connections", None),
            (1, "DELETE", f"{person}/connections", None),
            (1, "DELETE", f"{person}/connections/<key>", None),
            (1, "PUT", f"{person}/ban", {"seconds": self.pick([1000, 0])}),
            (1, "GET", f"{person}/ban", None),
            (2, "DELETE", f"{person}/ban", None),
            (4, "PUT", chatroom, self.created()),
            (2, "PATCH", chatroom, {"name": self.name()}),
            (1, "DELETE", chatroom, None),
            (5, "PUT", member, self.pick([{}, {"role": self.role()}])),
            (2, "DELETE", member, None),
            (2, "PUT", f"{member}/mute", {"seconds": self.seconds()}),
            (2, "DELETE", f"{member}/mute", None),
        ]
        if self._broadcasts < MAX_BROADCASTS and self.random.random() < 0.05:
            self._broadcasts += 1
            choices = [(1, "POST", "/v1/admin/broadcasts", {"content": self.content() or "all"})]
        _, method, path, body = self.random.choices(choices, [weight for weight, *_ in choices])[0]
        yield self._http(ADMINISTRATOR, method, path, body)
        if path.endswith("/ban") and method == "PUT" and self.random.random() < 0.7:
            yield self._http(ADMINISTRATOR, "DELETE", path)
        if path.startswith(person) and method in ("PUT", "DELETE") and self.random.random() < 0.8:
            for device in (f"{user[1:]}.0", f"{user[1:]}.1"):
                yield from self._log_in(device)
