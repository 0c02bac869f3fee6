"""Reads what the servers have, without the libraries: over HTTP."""

from __future__ import annotations

import json
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.clients.account import Stored
from tests.support.redis.environment import HOST

PAGE = 100  # messages
BUSY_PAUSE = 0.5  # seconds after a 429
TIMEOUT = 20.0  # seconds


async def read_history(port: int, session: str, user: str) -> list[Stored]:
    """Return all messages of a session, oldest first; none when it is not known or the user not in it."""
    login = await _ask("POST", f"http://{HOST}:{port}/v1/login", {}, {"id": user})
    headers: dict[str | bytes, str | bytes] = {"Authorization": f"Bearer {login['token']}"}
    items: list[Stored] = []
    while True:
        before = f"&message_id={items[0].id}" if items else ""
        url = f"http://{HOST}:{port}/v1/sessions/{session}/messages?count={PAGE}{before}"
        page = await _ask("GET", url, headers)
        items[:0] = [Stored(one["id"], one["sender"]["id"], one["content"]) for one in page["items"]]
        if not page["has_more"]:
            return items


async def _ask(method: str, url: str, headers: dict[str | bytes, str | bytes], body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    while True:
        response = await treq.request(
            method, url, headers=headers, data=data, timeout=TIMEOUT, persistent=False
        )
        answer = await response.json()
        if response.code == 200:
            return answer["data"]
        if response.code in (403, 404):
            return {"items": [], "has_more": False}
        assert response.code == 429, answer
        await deferLater(reactor, BUSY_PAUSE)


async def read_metric(port: int, pattern: str) -> float:
    """Return the value of the line of /metrics that begins with *pattern*; 0 without one."""
    url = f"http://{HOST}:{port}/metrics"
    response = await treq.get(url, timeout=TIMEOUT, persistent=False)
    lines = (await response.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(pattern))
