"""A real receiver in the test's reactor."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath
from twisted.trial.unittest import TestCase
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

SECRET = "a secret of thirty-two bytes, 0123"
PATIENCE = 20.0  # seconds


class Hook(Resource):
    """Takes all events, and keeps them; ``answers`` has a status or a function for each of the next."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[dict[str, str], bytes]] = []  # headers in small letters, body
        self.answers: list[int | Callable[[Request], Any]] = []
        self.port: Any = None
        self.scheme = "http"

    def render(self, request: Request) -> Any:
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        self.requests.append((headers, request.content.read()))  # type: ignore[union-attr]
        answer = self.answers.pop(0) if self.answers else 204
        if callable(answer):
            return answer(request)
        request.setResponseCode(answer)
        return b""

    @property
    def url(self) -> str:
        address = self.port.getHost()
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{self.scheme}://{host}:{address.port}/hook?v=1"

    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]

    def told(self, *types: str) -> list[tuple[str, str]]:
        """Return type and user of what came, of these types if any are named."""
        return [
            (event["type"], event["user_id"])
            for event in self.events()
            if not types or event["type"] in types
        ]

    async def until(self, check: Callable[..., object], what: str, patience: float = PATIENCE) -> None:
        """Wait until *check* holds."""
        deadline = reactor.seconds() + patience
        while not check():
            if reactor.seconds() > deadline:
                raise AssertionError(f"waited in vain for {what}: {self.told()}")
            await deferLater(reactor, 0.02)

    async def tells(self, type: str, user_id: str, times: int = 1, patience: float = PATIENCE) -> None:
        """Wait for an event."""
        told = (type, user_id)
        await self.until(lambda: self.told().count(told) >= times, f"{type} of {user_id}", patience)


def silent(request: Request) -> Any:
    """Never answer."""
    return NOT_DONE_YET


def start_hook(
    case: TestCase, certificate: FilePath[str] | None = None, interface: str = "127.0.0.1"
) -> Hook:
    """Return a receiver that listens until the end of the test, with TLS if there is the directory of a
    *certificate*."""
    hook = Hook()
    site = Site(hook)
    site.log = lambda request: None
    if certificate is None:
        hook.port = reactor.listenTCP(0, site, interface=interface)  # type: ignore[arg-type]
    else:
        hook.scheme = "https"
        files = [certificate.child(name).path for name in ("key.pem", "ca.pem")]
        context = DefaultOpenSSLContextFactory(*files, sslmethod=SSL.TLS_METHOD)  # type: ignore[misc]
        hook.port = reactor.listenSSL(0, site, context, interface=interface)  # type: ignore[attr-defined]
    case.addCleanup(hook.port.stopListening)
    return hook


def verify(headers: dict[str, str], body: bytes, secret: str = SECRET) -> bool:
    """Check a signature as docs/webhooks.md tells receivers to."""
    timestamp = headers["gim-timestamp"]
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256").hexdigest()
    return hmac.compare_digest(headers["gim-signature"], f"v1={digest}") and (
        abs(time.time() - int(timestamp)) < 300
    )
