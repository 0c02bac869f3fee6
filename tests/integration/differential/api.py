"""A client of the HTTP API."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
    """Asks with the tokens of users, or with the administrator's key.

    Each node has a connection of its own that stays open, even where several have one port: workers,
    among which the connections are divided.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        """*ports* are those of the nodes."""
        self.tokens: dict[str, str] = {}  # by user
        self._ports = ports
        self._pools = [HTTPConnectionPool(reactor) for _ in ports]
        self._agents = [Agent(reactor, pool=pool) for pool in self._pools]

    async def stop(self) -> None:
        for pool in self._pools:
            await pool.closeCachedConnections()

    async def ask(self, node: int, actor: str, method: str, path: str, body: Any = None) -> Any:
        """Return the envelope of a node's answer with the status in it.

        A GET carries *body* as its query.
        """
        path = quote(path, safe="/:")
        if method == "GET" and body:
            path, body = f"{path}?{urlencode(_as_query(body))}", None
        response = (
            await self._agents[node]
            .request(
                method.encode(),
                f"http://{HOST}:{self._ports[node]}{path}".encode(),
                Headers({name: [value] for name, value in self._access(actor).items()}),
                None if body is None else FileBodyProducer(BytesIO(json.dumps(body).encode())),
            )
            .addTimeout(PATIENCE, reactor)
        )
        answer = json.loads(await readBody(response).addTimeout(PATIENCE, reactor))
        return {"status": response.code, **answer}

    def _access(self, actor: str) -> dict[str, str]:
        if actor == ADMINISTRATOR:
            return {"X-API-Key": ADMIN_KEY}
        return {"Authorization": f"Bearer {self.tokens.get(actor, 'none')}"} if actor else {}


def _as_query(body: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in body.items() if value is not None}
