"""A user's connection to the gateway, for commands that stay connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from gim.cli.failures import Failure, Misuse, Refused, TimedOut, Unreachable
from gim.cli.gateway import Login
from gim.cli.output import safe
from gim.client.asyncio import Client
from gim.client.events import Event, State
from gim.client.outcome import GimError
from gim.errors import BadRequest

_BUSY: Final = frozenset((429, 500, 503))  # refusals that pass
_FIRST_CLOSE_CODE: Final = 1000  # below are HTTP statuses of the handshake
_NETWORK: Final = frozenset((1006, 4000))  # codes of sockets that nothing answers


@asynccontextmanager
async def connected(login: Login, timeout: float) -> AsyncIterator[tuple[Client, AsyncIterator[Event]]]:
    """Log in; yield the client, which comes back by itself from now on, and what happens.

    Raises `Failure` when the first login does not succeed within *timeout* seconds.
    """
    client = Client(login.url, id=login.user, token=login.token)
    events = client.events()
    connecting = asyncio.ensure_future(client.connect())
    try:
        await _first_login(events, login.url, timeout)
        await connecting
        yield client, events
    finally:
        connecting.cancel()
        await client.close()
        await asyncio.gather(connecting, return_exceptions=True)


async def _first_login(events: AsyncIterator[Event], url: str, timeout: float) -> None:
    last = State("connecting")
    try:
        async with asyncio.timeout(timeout):
            async for event in events:
                if isinstance(event, State):
                    last = event
                    if event.now == "online":
                        return
                    _check(event, url)
    except TimeoutError as error:
        if last.code in _BUSY:
            raise Refused(int(last.code), safe(last.reason)) from error
        raise TimedOut(f"{url} did not answer in {timeout:g} s") from error


def _check(state: State, url: str) -> None:
    """Raise `Failure` unless the next attempt may succeed."""
    if state.now == "closed":
        raise failure_of(state)
    if state.now == "waiting" and state.code not in _BUSY:
        if isinstance(state.code, int) and state.code < _FIRST_CLOSE_CODE:
            raise Unreachable(f"{url} refuses with status {state.code}: is it the gateway of gim?")
        why = "no answer" if state.code in _NETWORK else f"closed with {state.code}"
        raise Unreachable(f"{url} can't be reached: {safe(state.reason) or why}")


def failure_of(state: State) -> Failure:
    """Return why a client does not come back."""
    code = state.code if isinstance(state.code, int) else 0
    return Refused(code, safe(state.reason or "the server closed the connection"))


def change_of(state: State) -> str:
    """Return what to tell about a change of the connection, "" for nothing. Raises why it is closed."""
    match state:
        case State(now="closed"):
            raise failure_of(state)
        case State(now="waiting", delay=delay, code=code, reason=reason):
            why = f"{code}, {safe(reason)}" if reason else str(code)
            return f"disconnected ({why}): next try in {delay or 0:.1f} s"
        case State(now="online"):
            return "connected again"
    return ""


@contextmanager
def refusals() -> Iterator[None]:
    """Turn requests that the server or gim itself refuses into failures of the command."""
    try:
        yield
    except BadRequest as error:
        raise Misuse(safe(str(error))) from error
    except GimError as error:
        if isinstance(error.code, int):
            raise Refused(error.code, safe(error.msg)) from error
        kind = TimedOut if error.code == "timeout" else Failure
        raise kind(safe(str(error))) from error
