"""Requests to the HTTP API, by the standard library alone: a command starts in a few hundredths of a
second."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from gim.cli.event_lines import parse_events
from gim.cli.failures import Misuse, Refused, TimedOut, Unreachable
from gim.cli.output import safe

_OK = 200
_SILENCE = 45.0  # seconds: a stream of events sends something every 15 s
_IN_PATHS = "/%!$&'()*+,;=:@"  # stands for itself in a path: RFC 3986, section 3.3
_NOT_GIM = "what answers at {url} is not gim: it sent status {status}"


class Answer(NamedTuple):
    """An answer without the envelope taken off."""

    status: int
    headers: HTTPMessage
    body: bytes


def route(*parts: str) -> str:
    """Return a path, each of its parts percent-encoded."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class _Fields(dict[str, Any]):
    """An object of an answer. When it lacks a field that a command needs, another program wrote it."""

    def __init__(self, fields: dict[str, Any], error: Unreachable) -> None:
        super().__init__(fields)
        self._error = error

    def __missing__(self, name: str) -> Any:
        raise self._error


class Server:
    """A server at a URL. One connection serves all requests; it is opened when it is needed."""

    def __init__(self, url: str, timeout: float, headers: Mapping[str, str] | None = None) -> None:
        """*timeout* in seconds holds for connecting and for each wait for an answer. *headers* go with
        every request. Raises `Misuse` for a URL that can't be used."""
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._headers = {"Accept": "*/*", "User-Agent": "gim", **(headers or {})}
        self._base, self._connection = self._opened()
        self._is_reused = False

    def _opened(self) -> tuple[str, HTTPConnection]:
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
            (host or "").encode("idna")
        except ValueError as error:
            raise Misuse(f"{self.url!r} is not a valid URL: {error}") from error
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise Misuse(f"{self.url!r} is not a valid URL: write http://HOST:PORT or https://HOST")
        if parts.username is not None:
            raise Misuse("the URL holds a user or a password: leave it out")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return quote(parts.path, safe=_IN_PATHS), kind(host, port, timeout=self._timeout)

    def with_headers(self, headers: Mapping[str, str]) -> Server:
        """Return the same server for requests that carry *headers*."""
        return Server(self.url, self._timeout, headers)

    def ask(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Send a request and return the data of its answer.

        Parts of the *query* that are None are left out. Raises `Refused`, `Unreachable`, `TimedOut`.
        """
        return self._data_of(self.exchange(method, path, body, query))

    def _data_of(self, answer: Answer) -> Any:
        envelope = self._object(answer.body, answer.status)
        code, msg, data = envelope["code"], envelope["msg"], envelope["data"]
        if not isinstance(code, int) or not (code or isinstance(data, dict)):
            raise Unreachable(self._not_gim(answer.status))
        if code:
            raise Refused(code, safe(str(msg)), _seconds(answer.headers.get("Retry-After")))
        return data

    def _object(self, text: bytes, status: int) -> dict[str, Any]:
        """Return an object of JSON. Raises `Unreachable` for anything else, and later for a field that it
        lacks."""
        not_gim = Unreachable(self._not_gim(status))
        try:
            found = json.loads(text, object_hook=lambda fields: _Fields(fields, not_gim))
        except (ValueError, RecursionError) as error:
            raise not_gim from error
        if not isinstance(found, dict):
            raise not_gim
        return found

    def pages(self, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages of a list. Raises as `ask` does."""
        cursor = None
        while cursor != "":
            page = self.ask("GET", path, query={**query, "cursor": cursor})
            yield from page["items"]
            cursor = page["cursor"]

    def description(self) -> dict[str, Any]:
        """Return the OpenAPI document, which has ``info`` and ``paths``. Raises as `ask` does."""
        answer = self.exchange("GET", "/openapi.json")
        if answer.status != _OK:
            self._data_of(answer)  # raises what it says
        try:
            document = json.loads(answer.body)
            if document["info"]["title"] == "gim":
                return dict(document)
        except (ValueError, TypeError, LookupError, RecursionError):
            pass
        raise Unreachable(self._not_gim(answer.status))

    def _not_gim(self, status: int) -> str:
        return _NOT_GIM.format(url=self.url, status=status)

    def events(
        self, path: str, query: Mapping[str, Any] | None = None, silence: float = _SILENCE
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the events of a stream, each with its name, until it ends.

        Raises as `ask` does, `TimedOut` also when nothing comes for *silence* seconds.
        """
        with self._failures(), closing(self._connection):
            self._connection.request("GET", self._target(path, query), headers=self._headers)
            connected = self._connection.sock
            response = self._connection.getresponse()
            if response.status != _OK:
                self._data_of(self._read(response))  # raises what it says
            connected.settimeout(silence)
            for name, data in parse_events(response):
                yield name, self._object(data, response.status)

    def exchange(
        self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> Answer:
        """Send a request and return the answer as it came. Raises `Unreachable`, `TimedOut`."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        with self._failures():
            return self._sent(method, self._target(path, query), data)

    def _target(self, path: str, query: Mapping[str, Any] | None) -> str:
        present = {name: value for name, value in (query or {}).items() if value is not None}
        return f"{self._base}{path}" + (f"?{urlencode(present)}" if present else "")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turn errors of the connection into `Unreachable` and `TimedOut`."""
        try:
            yield
        except TimeoutError as error:
            self._connection.close()
            raise TimedOut(f"{self.url} did not answer in {self._timeout:g} s") from error
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise Unreachable(f"{self.url} can't be reached: {_reason(error)}") from error

    def _sent(self, method: str, target: str, data: bytes | None) -> Answer:
        try:
            self._connection.request(method, target, data, self._headers)
            return self._read(self._connection.getresponse())
        except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not (self._is_reused and method == "GET"):
                raise
        finally:
            self._is_reused = self._connection.sock is not None
        self._connection.close()  # the server had closed it while it was idle
        self._connection.request(method, target, data, self._headers)
        return self._read(self._connection.getresponse())

    @staticmethod
    def _read(response: HTTPResponse) -> Answer:
        return Answer(response.status, response.headers, response.read())


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdecimal() else 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(error, IncompleteRead):
        return "it closed the connection in the middle of its answer"
    if isinstance(error, HTTPException):
        return "what answers there does not speak HTTP"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error)
