"""A client of the HTTP API."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from twisted.internet import reactor
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool, readBody
from twisted.web.http_headers import Headers

from tests.integration.differential.steps import ADMINISTRATOR
from tests.support.redis.environment import HOST, PATIENCE

ADMIN_KEY = "an-administrators-key"


class Api:
    """Asks with the tokens of users, or with the administrator's key."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}  # by user
        self._pool = HTTPConnectionPool(reactor)
        self._agent = Agent(reactor, pool=self._pool)

    async def stop(self) -> None:
        await self._pool.closeCachedConnections()

    async def ask(self, port: int, actor: str, method: str, path: str, body: Any = None) -> Any:
        """Return the envelope of the answer with the status in it. A GET carries *body* as its query."""
        path = quote(path, safe="/:")
        if method == "GET" and body:
            path, body = f"{path}?{urlencode(_as_query(body))}", None
        response = await self._agent.request(
            method.encode(),
            f"http://{HOST}:{port}{path}".encode(),
            Headers({name: [value] for name, value in self._access(actor).items()}),
            None if body is None else FileBodyProducer(BytesIO(json.dumps(body).encode())),
        ).addTimeout(PATIENCE, reactor)
        answer = json.loads(await readBody(response).addTimeout(PATIENCE, reactor))
        return {"status": response.code, **answer}

    def _access(self, actor: str) -> dict[str, str]:
        if actor == ADMINISTRATOR:
            return {"X-API-Key": ADMIN_KEY}
        return {"Authorization": f"Bearer {self.tokens.get(actor, 'none')}"} if actor else {}


def _as_query(body: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in body.items() if value is not None}
