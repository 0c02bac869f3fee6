"""Users, chatrooms and messages for the pages of the console: some would do harm to a careless page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from tests.support.daemon_process import PATIENCE

KEY = "a-key-for-the-console-of-these-tests"
HARM = "<img src=x onerror=alert(1)>"
HARMFUL_ID = "<svg|onload=alert(1)>"
RIGHT_TO_LEFT = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}"
LONG_ID = "w" * 64


class Backend:
    """Sends requests with the administrator's key. Each call blocks: make it in the browser's thread."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; return the data of the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, {"X-API-Key": KEY}, method=method)
        with urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)["data"]

    def fill(self) -> None:
        """Make four users, a chatroom of them, and messages, all with names and contents that do harm."""
        for user in ("ann", "bob", HARMFUL_ID, LONG_ID):
            self.call("POST", "/v1/login", {"id": user, "name": HARM})
        self.call("PUT", "/v1/admin/chatrooms/news", {"name": HARM, "owner_id": "ann"})
        for member in ("bob", HARMFUL_ID, LONG_ID):
            self.call("PUT", f"/v1/admin/chatrooms/news/members/{quote(member)}", {})
        for kind, target in ((1, "news"), (2, "bob"), (2, HARMFUL_ID), (2, LONG_ID)):
            for content in (HARM, RIGHT_TO_LEFT, "two\nlines", "long " * 100):
                self.send(kind, "ann", target, content)

    def send(self, kind: int, sender: str, target: str, content: str) -> None:
        """Send a message, to a chatroom with the kind 1, to a user with 2."""
        message = {"type": kind, "sender_id": sender, "target_id": target, "content": content}
        self.call("POST", "/v1/admin/messages", message)
