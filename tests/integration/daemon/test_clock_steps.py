"""The wall clock of a running daemon is set, while the system's monotonic clock goes on."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor
from twisted.python.filepath import FilePath

from tests.support.clocks import DAY, HOUR
from tests.support.daemon_process import Client, DaemonTestCase
from tests.support.redis.environment import SKEW_MISSING, move_clock, skew_library
from tests.support.redis.server import RedisTestCase

SLACK = 5.0  # seconds that a busy machine may take longer


class ClockSteps(DaemonTestCase):
    """On the memory store."""

    skip = SKEW_MISSING
    starts_afresh = True  # the library that moves the clock is loaded with the program

    async def storage(self) -> tuple[str, ...]:
        """Return the options for the storage."""
        return ()

    async def begin(self, *options: str) -> None:
        self.skew = FilePath(self.mktemp()).path
        self.step(0)
        library = os.path.abspath(skew_library())
        words = *options, *await self.storage()
        await self.daemon(*words, LD_PRELOAD=library, TEST_SKEW=os.path.abspath(self.skew))

    def step(self, seconds: float) -> None:
        move_clock(self.skew, seconds)

    async def member(self) -> Client:
        """Return a client of ann's, who is in a chatroom."""
        client = await self.client()
        await client.ask(101, id="ann")
        await client.ask(301, id="den")
        return client

    async def say(self, client: Client, content: str) -> tuple[Any, float]:
        """Send to the chatroom; return the reply's data, and the seconds until the push of it comes."""
        began, sent, after = reactor.seconds(), None, -1.0
        client.request(201, type=1, target_id="den", content=content)
        while sent is None or after < 0:  # either may come first
            packet = await client.packet()
            if packet["op"] == 202:
                sent = packet["body"]["data"]
            elif packet["op"] == 207:
                contents = [item["content"] for item in packet["body"]["items"]]
                after = reactor.seconds() - began if content in contents else after
        return sent, after

    async def test_a_push_comes_in_time_after_a_step_back(self) -> None:
        await self.begin("--message-push-duration", "300ms")
        client = await self.member()
        for step in -12, HOUR, -HOUR, 31 * DAY, -31 * DAY:
            await self.say(client, f"at once {step}")
            self.step(step)
            _, seconds = await self.say(client, f"later {step}")
            self.assertLess(seconds, 0.3 + SLACK, step)

    async def test_a_late_login_is_closed_in_time_after_a_step_back(self) -> None:
        await self.begin("--login-timeout", "1s")
        for step in -12, 31 * DAY, -31 * DAY:
            began, client = reactor.seconds(), await self.client()
            self.step(step)
            self.assertEqual(await client.closed, 3502)
            self.assertTrue(1 - 0.1 < reactor.seconds() - began < 1 + SLACK, step)

    async def test_a_slip_of_a_month_that_is_put_right_loses_nothing(self) -> None:
        await self.begin("--login-timeout", "1500ms", "--message-ttl", "30d")
        client = await self.member()
        ids = []
        now = (await client.ask(105))["server_time"]
        for number, step in enumerate((0, 31 * DAY, -31 * DAY)):
            self.step(step)
            await (await self.client()).closed  # after 1.5 seconds, in which the store is swept
            ids.append((await self.say(client, f"{number}"))[0]["id"])
            if step > 0:
                self.assertGreater((await client.ask(105))["server_time"], now + 30.5 * DAY * 1000)
        found = [item["id"] for item in (await client.ask(203, session_id="1:den", count=10))["items"]]
        self.assertEqual((sorted(found), sorted(ids)), (ids, ids))
        again = await self.client()
        self.assertEqual((await again.ask(101, id="ann"))["user"]["id"], "ann")


class ClockStepsOnRedis(RedisTestCase, ClockSteps):
    """On Redis, whose clock stays right."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def storage(self) -> tuple[str, ...]:
        return ("--storage", "redis", "--redis-url", (await self.redis()).url)
