"""Logins one after the other: connect, log in, hang up. The latency ends with the reply to the login."""

from __future__ import annotations

import asyncio
from typing import Any

from gim.benchmark.connection import Connection, ConnectionEnded, HandshakeRefused, logged_in
from gim.benchmark.packets import Refusal
from gim.benchmark.plan import Plan
from gim.benchmark.traffic import DRAIN_S, REFUSAL_PAUSE_S, Traffic
from gim.cli.failures import Failure

MAX_OPENING = 2_000  # connections that wait for the server at a time


class LoginTraffic(Traffic):
    """Users log in in turn."""

    def __init__(self, plan: Plan, say: Any) -> None:
        super().__init__(plan, say)
        self._latencies = self.tally.latencies["login"]
        self._turn = 0
        self._opening = 0
        self._tasks = set[asyncio.Task[None]]()
        self._closing = set[Connection]()

    async def open(self) -> None:
        """Log in once, so that a server that can't be used is known before the measurement begins."""
        connection = await self.connect(self.plan.users[0])
        connection.hang_up()
        await asyncio.wait([connection.gone], timeout=DRAIN_S)

    @property
    def under_way(self) -> int:
        return self._opening

    def start(self) -> None:
        for _ in range(self.plan.in_flight):
            self._begin(self._again())

    def send(self, due: float) -> None:
        if self._opening >= MAX_OPENING:
            self.fail(Failure(f"{self._opening} logins wait for the server: lower --rate"))
        else:
            self._begin(self._log_in(due))

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _again(self) -> None:
        while self.is_sending:
            if not await self._log_in(asyncio.get_running_loop().time()):
                await asyncio.sleep(REFUSAL_PAUSE_S)

    async def _log_in(self, due: float) -> bool:
        """Log in the next user; return whether it worked."""
        user = self.plan.users[self._turn]
        self._turn = (self._turn + 1) % len(self.plan.users)
        self.sent += 1
        self._opening += 1
        try:
            connection = await logged_in(self.plan.site, self._tls, user, self.make)
        except (HandshakeRefused, Refusal) as error:
            code, msg = (
                (error.status, error.reason)
                if isinstance(error, HandshakeRefused)
                else (error.code, error.msg)
            )
            if self.begin <= due < self.end:
                self.tally.refused(code, msg)
            return False
        except ConnectionEnded as error:
            self.tally.lost_connection(error.code, error.reason)
            return False
        except OSError as error:
            self.fail(self.failure_of(error))
            return False
        finally:
            self._opening -= 1
        self._logged_in(due)
        self._leave(connection)
        return True

    def _logged_in(self, due: float) -> None:
        self.messages += 1
        if self.begin <= due < self.end:
            self._latencies.add(int((asyncio.get_running_loop().time() - due) * 1e6))

    def _leave(self, connection: Connection) -> None:
        self._closing.add(connection)
        connection.gone.add_done_callback(lambda _: self._closing.discard(connection))
        connection.hang_up()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.connections = list(self._closing)
        await super().close()
