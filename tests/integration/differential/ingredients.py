"""What random requests hold; some of it is not valid."""

from __future__ import annotations

from random import Random
from typing import Any

USERS = ("ann", "bob", "cat", "dan")
DEVICES = (*(f"{user}.{n}" for user in USERS for n in range(2)), "ann.2")
ROOMS = ("r", "r", "r", "s", "s", "t")
ROLES = ("owner", "admin", "member")
BAD_IDS = ("", ".", "..", "a b", "~a:b", "~a/b", "~" + "x" * 64, "~\u202e", "~none")
BAD_VALUES: tuple[Any, ...] = (None, "", 0, -1, 1.5, 2**31, True, [], {}, "x", "x" * 1200)
CONTENTS = ("hi", "ho", "é" * 11, "x" * 20, "x" * 21, "☺", '"\\\n\x7f', "")


class Ingredients:
    """Draws the parts of requests. They depend on the seed alone."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pick = self.random.choice

    def login(self, device: str) -> dict[str, Any]:
        user = device.partition(".")[0]
        point = {"since": self.message(), "epoch": self.pick(["<epoch>"] * 4 + ["x"])}
        body: dict[str, Any] = {"id": f"~{user}"} | (point if self.random.random() < 0.5 else {})
        if self.random.random() < 0.2:
            body["name"] = self.name()
        return body

    def user(self) -> str:
        return f"~{self.pick(USERS)}"

    def room(self) -> str:
        return f"~{self.pick(ROOMS)}"

    def name(self) -> str:
        if self.random.random() < 0.85:
            return self.pick(["Ann", "Bób ☺", "N" * 64])
        return self.pick(["", "system", "a\nb", "n" * 65])

    def message(self) -> str:
        back, shift = min(int(self.random.expovariate(0.4)), 60), self.pick(["", "", "", "+1", "-1"])
        ends = ["0" * 32, "f" * 32, "x"]
        return self.pick(ends) if self.random.random() < 0.1 else f"<message:{back}{shift}>"

    def message_of_session(self, user: str) -> dict[str, Any]:
        if self.random.random() < 0.3:
            return {"session_id": self.session(user), "message_id": self.message()}
        back = min(int(self.random.expovariate(0.3)), 60)
        return {"session_id": f"<session:{back}>", "message_id": f"<message:{back}>"}

    def session(self, user: str) -> str:
        if self.random.random() < 0.2:
            return f"<session:{self.random.randrange(9)}>"
        if self.random.random() < 0.5:
            return f"1:{self.room()}"
        pair = [f"~{user}", self.pick([f"~{other}" for other in USERS if other != user] + ["."])]
        self.random.shuffle(pair)
        return "2:" + ":".join(pair)

    def content(self) -> str:
        return self.pick(CONTENTS) if self.random.random() < 0.15 else f"c{self.random.randrange(9)}"

    def send(self, user: str) -> dict[str, Any]:
        kind = self.pick([1, 2])
        others = [other for other in USERS if other != user] * 4 + [user]
        target = self.room() if kind == 1 else f"~{self.pick(others)}"
        return {"type": kind, "target_id": target} | self.said()

    def said(self) -> dict[str, Any]:
        body: dict[str, Any] = {"content": self.content()}
        if self.random.random() < 0.2:
            body["category"] = self.pick(["picture", "picture", "text", "a b"])
        if self.random.random() < 0.3:
            body["request_id"] = f"q{self.random.randrange(3)}"
        return body

    def page(self, most: int) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self.random.random() < 0.7:
            body["count"] = self.pick([1, 1, 2, 2, 3, 5, most, most + 1, 0])
        return body

    def listing(self, most: int, cursor: str) -> dict[str, Any]:
        body = self.page(most)
        if self.random.random() < 0.5:
            body["cursor"] = self.pick([cursor] * 12 + ["", "zz", "<members>"])
        return body

    def sessions(self) -> dict[str, Any]:
        body = self.listing(200, "<sessions>")
        if self.random.random() < 0.4:
            body["session_type"] = self.pick([1, 2, 2, 3])
        return body

    def history(self) -> dict[str, Any]:
        body = self.page(100)
        if self.random.random() < 0.6:
            body["message_id"] = self.message()
        return body

    def seconds(self) -> int:
        return self.pick([0, 0, 1000, 1000, 1000, 31_536_000, 31_536_001])

    def role(self) -> str:
        return self.pick([*ROLES, *ROLES, "king"])

    def spoilt(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body, seldom with a field that is missing or wrong."""
        if not body or self.random.random() > 0.06:
            return body
        field = self.pick(list(body))
        how = self.random.random()
        if how < 0.3:
            return {name: value for name, value in body.items() if name != field}
        return body | {field: self.pick(BAD_IDS if how < 0.6 else BAD_VALUES)}

    def sender(self) -> dict[str, Any]:
        return {"sender_id": self.user()} if self.random.random() < 0.7 else {}

    def created(self) -> dict[str, Any]:
        return {"name": self.name()} | ({"owner_id": self.user()} if self.random.random() < 0.5 else {})
