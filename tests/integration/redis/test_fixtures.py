"""The fixtures do what they say: servers, their clocks and faults."""

from __future__ import annotations

from hiredis import ReplyError
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError, ConnectionClosed, ConnectionLost, ConnectionRefusedError

from tests.support.redis.proxy import Proxy
from tests.support.redis.resp_connection import RespConnection
from tests.support.redis.server import OLD_MISSING, OLD_SERVER, SKEW_MISSING, RedisTestCase


class ServerTests(RedisTestCase):
    async def test_a_server_answers_commands(self) -> None:
        server = await self.redis()
        self.assertEqual(await server.do("SET", "k", b"\xff"), b"OK")
        self.assertEqual(await server.do("MGET", "k", "none"), [b"\xff", None])
        self.assertEqual(server.url, f"redis://127.0.0.1:{server.port}/0")
        self.assertEqual((await server.info("server"))["tcp_port"], str(server.port))

    async def test_an_error_reply_is_raised(self) -> None:
        server = await self.redis()
        with self.assertRaisesRegex(ReplyError, "WRONGTYPE|unknown command"):
            await server.do("NONSENSE")

    async def test_a_server_that_cannot_start_says_why(self) -> None:
        with self.assertRaisesRegex(AssertionError, "Bad directive"):
            await self.redis("--nonsense", "yes")

    async def test_a_password_is_asked_for(self) -> None:
        server = await self.redis(password="p@ss w/rd")
        self.assertEqual(server.url, f"redis://:p%40ss%20w%2Frd@127.0.0.1:{server.port}/0")
        server.password = None
        with self.assertRaisesRegex(ReplyError, "NOAUTH"):
            await server.do("PING")

    async def test_only_the_user_has_access(self) -> None:
        server = await self.redis(user="ann", password="secret")
        self.assertEqual(await server.do("ACL", "WHOAMI"), b"ann")
        self.assertEqual(server.url, f"redis://ann:secret@127.0.0.1:{server.port}/0")
        server.password = None
        with self.assertRaisesRegex(ReplyError, "NOAUTH"):
            await server.do("PING")

    async def test_tls_is_spoken_and_plain_text_refused(self) -> None:
        server = await self.redis(tls=True, password="secret")
        self.assertEqual(await server.do("ECHO", "x" * 100_000), b"x" * 100_000)
        self.assertEqual(server.url, f"rediss://:secret@127.0.0.1:{server.port}/0")
        server.ca_file = None
        with self.assertRaises(ConnectionClosed):
            await server.do("PING")

    async def test_a_unix_socket_is_listened_on(self) -> None:
        server = await self.redis(unix=True)
        self.assertEqual((await server.info("server"))["tcp_port"], "0")
        self.assertEqual(server.url, f"unix://{server.socket_path}?db=0")
        self.assertLess(len(str(server.socket_path)), 100)

    async def test_an_old_server_runs_too(self) -> None:
        server = await self.redis(binary=OLD_SERVER, user="ann", password="secret")
        self.assertEqual((await server.info("server"))["redis_version"], "6.2.5")

    test_an_old_server_runs_too.skip = OLD_MISSING  # type: ignore[attr-defined]


class FaultTests(RedisTestCase):
    async def test_an_appended_file_outlives_a_kill(self) -> None:
        server = await self.redis("--appendonly", "yes")
        await server.do("SET", "k", "v")
        server.kill()
        await server.ended()
        with self.assertRaises(ConnectionRefusedError):
            await server.do("PING")
        await server.restart()
        self.assertEqual(await server.do("GET", "k"), b"v")

    async def test_a_restart_forgets_without_one(self) -> None:
        server = await self.redis()
        port = server.port
        await server.do("SET", "k", "v")
        await server.restart()
        self.assertEqual((await server.do("GET", "k"), server.port), (None, port))

    async def test_a_frozen_server_keeps_a_command_waiting_until_it_thaws(self) -> None:
        server, other = await self.redis(), await self.redis()
        async with server.connected() as connection:
            server.freeze()
            reply = connection.call("PING")
            late = Deferred.fromCoroutine(server.do("PING"))
            for _ in range(20):  # what it could have answered in this time
                await other.do("PING")
            self.assertFalse(reply.called or late.called)
            server.thaw()
            self.assertEqual((await reply, await late), (b"PONG", b"PONG"))

    async def test_a_frozen_server_can_be_stopped_while_a_command_waits(self) -> None:
        server = await self.redis()
        server.freeze()
        waiting = Deferred.fromCoroutine(server.do("PING"))
        await server.stop()
        await self.assertFailure(waiting, ConnectionClosed, ConnectError)


class ClockTests(RedisTestCase):
    skip = RedisTestCase.skip or SKEW_MISSING

    def assert_near(self, seconds: float, expected: float) -> None:
        self.assertLess(abs(seconds - expected), 20)

    async def seconds(self) -> int:
        """Return the server's Unix time."""
        seconds, _ = await self.server.do("TIME")
        return int(seconds)

    async def test_time_moves_both_ways(self) -> None:
        self.server = await self.redis(skewed=True)
        before = await self.seconds()
        self.server.advance(86_400)
        self.assert_near(await self.seconds() - before, 86_400)
        self.server.advance(-86_400.75 - 3_600)
        self.assert_near(await self.seconds() - before, -3_600.75)

    async def test_keys_expire_by_that_time(self) -> None:
        server = await self.redis(skewed=True)
        await server.do("SET", "k", "v", "EX", 100)
        server.advance(-50)
        self.assert_near(await server.do("TTL", "k"), 150)
        server.advance(50 + 99.0 - 20)
        self.assertEqual(await server.do("GET", "k"), b"v")
        server.advance(21)
        self.assertIsNone(await server.do("GET", "k"))

    async def test_scripts_and_streams_go_by_that_time(self) -> None:
        server = await self.redis(skewed=True)
        server.advance(1_000_000_000)
        told, _ = await server.do("EVAL", "return redis.call('TIME')", 0)
        self.assertGreater(int(told), 2_700_000_000)
        self.assertGreater(await server.do("XADD", "s", "*", "f", "v"), b"27")

    async def test_a_restart_keeps_the_moved_clock(self) -> None:
        self.server = await self.redis(skewed=True)
        before = await self.seconds()
        self.server.advance(86_400)
        await self.server.restart()
        self.assert_near(await self.seconds() - before, 86_400)


class ProxyTests(RedisTestCase):
    async def client(self) -> RespConnection:
        connection = await connectProtocol(
            TCP4ClientEndpoint(reactor, "127.0.0.1", self.proxy.port), RespConnection()
        )
        self.addCleanup(connection.hang_up)
        return connection

    async def begin(self) -> RespConnection:
        """Start a server and a proxy before it; return a client of that."""
        self.server = await self.redis()
        self.proxy = Proxy(self.server.port)
        self.addCleanup(self.proxy.stop)
        return await self.client()

    async def assert_silent(self, *replies: Deferred[object]) -> None:
        """Check that the *replies* do not come, though the server has answered others meanwhile."""
        for _ in range(20):
            await self.server.do("PING")
        self.assertFalse(any(reply.called for reply in replies))

    async def test_bytes_go_both_ways(self) -> None:
        client = await self.begin()
        self.assertEqual(await client.call("ECHO", b"x" * 1_000_000), b"x" * 1_000_000)

    async def test_what_is_late_keeps_its_order(self) -> None:
        client = await self.begin()
        await client.call("PING")
        before = reactor.seconds()
        self.proxy.delay(0.05)
        first = client.call("INCR", "k")
        await self.server.do("PING")
        self.proxy.delay(0)
        second = client.call("INCR", "k")
        self.assertEqual((await first, await second), (1, 2))
        self.assertGreaterEqual(reactor.seconds() - before, 0.05)

    async def test_a_delay_counts_each_way(self) -> None:
        client = await self.begin()
        self.proxy.delay(0.05)
        before = reactor.seconds()
        await client.call("PING")
        self.assertGreaterEqual(reactor.seconds() - before, 0.1)

    async def test_bytes_that_are_late_still_arrive_after_their_sender_hung_up(self) -> None:
        client = await self.begin()
        self.proxy.delay(0.05)
        client.call("RPUSH", "list", "v").addErrback(lambda reason: reason.trap(ConnectionClosed))
        client.transport.loseConnection()
        self.assertEqual(await self.server.do("BLPOP", "list", 10), [b"list", b"v"])

    async def test_cut_resets_all_connections_and_new_ones_work(self) -> None:
        client = await self.begin()
        await client.call("PING")
        reply = client.call("BLPOP", "list", 0)
        self.proxy.cut()
        await self.assertFailure(reply, ConnectionLost)
        self.assertEqual(await (await self.client()).call("PING"), b"PONG")

    async def test_refuse_keeps_the_old_connections_and_allow_takes_new_ones(self) -> None:
        client = await self.begin()
        await self.proxy.refuse()
        with self.assertRaises(ConnectionRefusedError):
            await self.client()
        self.assertEqual(await client.call("PING"), b"PONG")
        self.proxy.allow()
        self.assertEqual(await (await self.client()).call("PING"), b"PONG")

    async def test_a_black_hole_never_answers_and_ends_for_new_connections(self) -> None:
        client = await self.begin()
        self.proxy.black_hole()
        replies = [client.call("SET", "k", "v"), (await self.client()).call("PING")]
        await self.assert_silent(*replies)
        self.assertIsNone(await self.server.do("GET", "k"))
        self.proxy.pass_on()
        self.assertEqual(await (await self.client()).call("PING"), b"PONG")
        await self.assert_silent(*replies)
        self.proxy.cut()
        for reply in replies:
            await self.assertFailure(reply, ConnectionLost)

    async def test_a_black_hole_for_replies_lets_commands_through(self) -> None:
        client = await self.begin()
        self.proxy.black_hole(commands=False)
        reply = client.call("RPUSH", "done", "v")
        self.assertEqual(await self.server.do("BLPOP", "done", 10), [b"done", b"v"])
        await self.assert_silent(reply)
        self.proxy.cut()
        await self.assertFailure(reply, ConnectionLost)

    async def test_a_dead_server_resets_the_client(self) -> None:
        client = await self.begin()
        await self.server.stop()
        await self.assertFailure(client.call("PING"), ConnectionClosed)
        await self.assertFailure((await self.client()).call("PING"), ConnectionClosed)
