"""Random steps: few users, devices and chatrooms, so that things meet; some inputs are not valid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.integration.differential.steps import ADMINISTRATOR, Step

USERS = ("ann", "bob", "cat", "dan")
DEVICES = tuple(f"{user}.{n}" for user in USERS for n in range(2))  # .0 speaks JSON, .1 Protobuf
ROOMS = ("r", "r", "r", "s", "s", "t")
ROLES = ("owner", "admin", "member")
UNHURRIED = (105, 201, 203, 205, 209, 211, 305)
MAX_BROADCASTS = 5  # of a sequence: Redis takes a hundred a minute
BAD_IDS = ("", ".", "..", "a b", "~a:b", "~a/b", "~" + "x" * 64, "~\u202e", "~none")
BAD_VALUES: tuple[Any, ...] = (None, "", 0, -1, 1.5, 2**31, True, [], {}, "x", "x" * 1200)
CONTENTS = ("hi", "ho", "é" * 11, "x" * 20, "x" * 21, "☺", '"\\\n\x7f', "")
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


class Dice:
    """Draws steps. The steps depend on the seed alone."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._pick = self._random.choice
        self._broadcasts = 0
        self._ways: list[Callable[[], Iterator[Step]]] = [
            *[self._ask] * 24,
            *[self._over_http] * 10,
            *[self._as_administrator] * 7,
            *[self._burst] * 3,
            *[self._come_back] * 3,
            self._bad_packet,
        ]

    def steps(self, count: int) -> list[Step]:
        """Return *count* steps or some more: the devices log in, then anything happens."""
        steps: list[Step] = []
        for device in DEVICES[:-1]:
            steps += self._log_in(device)
        while len(steps) < count:
            steps += self._pick(self._ways)()
        return steps

    # connections

    def _log_in(self, device: str) -> Iterator[Step]:
        yield Step("open", device)
        yield Step("ask", device, 101, body=self._login(device))

    def _login(self, device: str) -> dict[str, Any]:
        user = device.partition(".")[0]
        point = {"since": self._message(), "epoch": self._pick(["<epoch>"] * 4 + ["x"])}
        body: dict[str, Any] = {"id": f"~{user}"} | (point if self._random.random() < 0.5 else {})
        if self._random.random() < 0.2:
            body["name"] = self._name()
        return body

    def _come_back(self) -> Iterator[Step]:
        device = self._pick(DEVICES)
        yield Step("close", device)
        if self._random.random() < 0.9:
            yield from self._log_in(device)

    def _bad_packet(self) -> Iterator[Step]:
        yield Step("text", self._pick(DEVICES), body=self._pick(BAD_PACKETS))

    # what requests hold

    def _user(self) -> str:
        return f"~{self._pick(USERS)}"

    def _room(self) -> str:
        return f"~{self._pick(ROOMS)}"

    def _name(self) -> str:
        if self._random.random() < 0.85:
            return self._pick(["Ann", "Bób ☺", "N" * 64])
        return self._pick(["", "system", "a\nb", "n" * 65])

    def _message(self) -> str:
        back, shift = min(int(self._random.expovariate(0.4)), 60), self._pick(["", "", "", "+1", "-1"])
        ends = ["0" * 32, "f" * 32, "x"]
        return self._pick(ends) if self._random.random() < 0.1 else f"<message:{back}{shift}>"

    def _message_of_session(self, user: str) -> dict[str, Any]:
        if self._random.random() < 0.3:
            return {"session_id": self._session(user), "message_id": self._message()}
        back = min(int(self._random.expovariate(0.3)), 60)
        return {"session_id": f"<session:{back}>", "message_id": f"<message:{back}>"}

    def _session(self, user: str) -> str:
        if self._random.random() < 0.2:
            return f"<session:{self._random.randrange(9)}>"
        if self._random.random() < 0.5:
            return f"1:{self._room()}"
        pair = [f"~{user}", self._pick([f"~{other}" for other in USERS if other != user] + ["."])]
        self._random.shuffle(pair)
        return "2:" + ":".join(pair)

    def _content(self) -> str:
        return self._pick(CONTENTS) if self._random.random() < 0.15 else f"c{self._random.randrange(9)}"

    def _send(self, user: str) -> dict[str, Any]:
        kind = self._pick([1, 2])
        others = [other for other in USERS if other != user] * 4 + [user]
        target = self._room() if kind == 1 else f"~{self._pick(others)}"
        return {"type": kind, "target_id": target} | self._said()

    def _said(self) -> dict[str, Any]:
        body: dict[str, Any] = {"content": self._content()}
        if self._random.random() < 0.2:
            body["category"] = self._pick(["picture", "picture", "text", "a b"])
        if self._random.random() < 0.3:
            body["request_id"] = f"q{self._random.randrange(3)}"
        return body

    def _page(self, most: int) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self._random.random() < 0.7:
            body["count"] = self._pick([1, 1, 2, 2, 3, 5, most, most + 1, 0])
        return body

    def _list(self, most: int, cursor: str) -> dict[str, Any]:
        body = self._page(most)
        if self._random.random() < 0.5:
            body["cursor"] = self._pick([cursor] * 12 + ["", "zz", "<members>"])
        return body

    def _sessions(self) -> dict[str, Any]:
        body = self._list(200, "<sessions>")
        if self._random.random() < 0.4:
            body["session_type"] = self._pick([1, 2, 2, 3])
        return body

    def _history(self) -> dict[str, Any]:
        body = self._page(100)
        if self._random.random() < 0.6:
            body["message_id"] = self._message()
        return body

    def _seconds(self) -> int:
        return self._pick([0, 0, 1000, 1000, 1000, 31_536_000, 31_536_001])

    def _role(self) -> str:
        return self._pick([*ROLES, *ROLES, "king"])

    def _spoilt(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body, seldom with a field that is missing or wrong."""
        if not body or self._random.random() > 0.06:
            return body
        field = self._pick(list(body))
        how = self._random.random()
        if how < 0.3:
            return {name: value for name, value in body.items() if name != field}
        return body | {field: self._pick(BAD_IDS if how < 0.6 else BAD_VALUES)}

    # requests over WebSocket

    def _ask(self) -> Iterator[Step]:
        device = self._pick(DEVICES)
        op, body = self._request(device)
        yield Step("ask", device, op, body=self._spoilt(body))
        if op == 103 and self._random.random() < 0.8:
            yield Step("ask", device, 101, body=self._login(device))

    def _burst(self) -> Iterator[Step]:
        """Several requests at once, of those whose pushes do not depend on the moment."""
        device, requests = self._pick(DEVICES), []
        while len(requests) < self._random.randint(2, 6):
            op, body = self._request(device)
            if op in UNHURRIED:
                requests.append([op, body])
        yield Step("burst", device, body=requests)

    def _request(self, device: str) -> tuple[int, dict[str, Any]]:
        user = device.partition(".")[0]
        session = {"session_id": self._session(user)}
        marked = self._message_of_session(user)
        room = {"id": self._room()}
        named = {"name": self._name()} if self._random.random() < 0.3 else {}
        member = room | {"user_id": self._user()}
        choices: list[tuple[int, int, dict[str, Any]]] = [
            (3, 101, self._login(device)),
            (1, 103, {}),
            (1, 105, {}),
            (20, 201, self._send(user)),
            (6, 203, session | self._history()),
            (6, 205, self._sessions()),
            (5, 209, marked),
            (5, 211, marked),
            (8, 301, room | named),
            (4, 303, room),
            (3, 305, room | self._list(1000, "<members>")),
            (2, 307, room | {"name": self._name()}),
            (1, 309, room),
            (3, 311, member),
            (3, 313, member | {"seconds": self._seconds()}),
            (4, 315, member | {"role": self._role()}),
        ]
        weights = [weight for weight, *_ in choices]
        _, op, body = self._random.choices(choices, weights)[0]
        return op, body

    # requests over HTTP

    def _http(self, actor: str, method: str, path: str, body: Any = None) -> Step:
        if isinstance(body, dict) and method != "GET":
            body = self._spoilt(body)
        return Step("http", actor, 0, method, path, body, self._random.randrange(2))

    def _over_http(self) -> Iterator[Step]:
        user = self._pick(USERS)
        room, session = f"/v1/chatrooms/{self._room()}/members", f"/v1/sessions/{self._session(user)}"
        actor = user if self._random.random() < 0.97 else ""
        choices: list[tuple[str, str, Any]] = [
            ("POST", "/v1/login", {"id": f"~{user}", "name": self._name()}),
            ("GET", f"/v1/users/{self._pick([self._user(), '~none'])}", None),
            ("POST", "/v1/messages", self._send(user)),
            ("POST", "/v1/messages", self._send(user)),
            ("POST", "/v1/messages", self._send(user)),
            ("GET", "/v1/sessions", self._sessions()),
            ("GET", f"{session}/messages", self._history()),
            ("POST", f"{session}/read", {"message_id": self._message()}),
            ("PUT", f"{room}/me", {"name": self._name()}),
            ("PUT", f"{room}/me", {}),
            ("DELETE", f"{room}/me", None),
            ("GET", room, self._list(1000, "<members>")),
        ]
        yield self._http(actor, *self._pick(choices))

    def _as_administrator(self) -> Iterator[Step]:
        user, room = self._user(), self._room()
        chatroom, person = f"/v1/admin/chatrooms/{room}", f"/v1/admin/users/{user}"
        member = f"{chatroom}/members/{user}"
        marked = self._message_of_session(user[1:])
        recalled = f"/v1/admin/sessions/{marked['session_id']}/messages/{marked['message_id']}"
        choices: list[tuple[int, str, str, Any]] = [
            (6, "POST", "/v1/admin/messages", self._send("") | self._sender()),
            (2, "POST", f"{chatroom}/broadcasts", self._said()),
            (2, "DELETE", recalled, None),
            (1, "GET", f"{person}/connections", None),
            (1, "DELETE", f"{person}/connections", None),
            (1, "DELETE", f"{person}/connections/<key>", None),
            (1, "PUT", f"{person}/ban", {"seconds": self._pick([1000, 0])}),
            (1, "GET", f"{person}/ban", None),
            (2, "DELETE", f"{person}/ban", None),
            (4, "PUT", chatroom, self._created()),
            (2, "PATCH", chatroom, {"name": self._name()}),
            (1, "DELETE", chatroom, None),
            (5, "PUT", member, self._pick([{}, {"role": self._role()}])),
            (2, "DELETE", member, None),
            (2, "PUT", f"{member}/mute", {"seconds": self._seconds()}),
            (2, "DELETE", f"{member}/mute", None),
        ]
        if self._broadcasts < MAX_BROADCASTS and self._random.random() < 0.05:
            self._broadcasts += 1
            choices = [(1, "POST", "/v1/admin/broadcasts", {"content": self._content() or "all"})]
        _, method, path, body = self._random.choices(choices, [weight for weight, *_ in choices])[0]
        yield self._http(ADMINISTRATOR, method, path, body)
        if path.endswith("/ban") and method == "PUT" and self._random.random() < 0.7:
            yield self._http(ADMINISTRATOR, "DELETE", path)
        if path.startswith(person) and method in ("PUT", "DELETE") and self._random.random() < 0.8:
            for device in (f"{user[1:]}.0", f"{user[1:]}.1"):
                yield from self._log_in(device)

    def _sender(self) -> dict[str, Any]:
        return {"sender_id": self._user()} if self._random.random() < 0.7 else {}

    def _created(self) -> dict[str, Any]:
        return {"name": self._name()} | (
            {"owner_id": self._user()} if self._random.random() < 0.5 else {}
        )
