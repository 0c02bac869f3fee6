"""The HTTP client against a real server."""

from __future__ import annotations

import hashlib
import hmac
from email.utils import formatdate
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.http import Request
from twisted.web.server import NOT_DONE_YET

from gim.concurrency.clocks import Moment, WallClock
from gim.webhooks import event_types, receiver
from gim.webhooks.attempt import AttemptResult
from gim.webhooks.event_types import ONLINE
from gim.webhooks.events import NumberedEvent, presence
from gim.webhooks.receiver import MAX_RESPONSE_SIZE, Receiver
from gim.webhooks.signature import sign
from tests.support.redis.environment import write_certificate
from tests.support.webhooks.receiver import SECRET, Hook, silent, start_hook, verify

WALL = WallClock()


class SignatureTests(SynchronousTestCase):
    def test_it_is_what_rfc_2104_makes_of_timestamp_and_body(self) -> None:
        key, block = b"k" * 40, 64
        inner, outer = (bytes(byte ^ pad for byte in key.ljust(block, b"\0")) for pad in (0x36, 0x5C))
        said = b'1800000000.{"a":1}'
        expected = hashlib.sha256(outer + hashlib.sha256(inner + said).digest()).hexdigest()
        self.assertEqual(sign(key, 1_800_000_000, b'{"a":1}'), f"v1={expected}")
        self.assertEqual(hmac.new(key, said, "sha256").hexdigest(), expected)


class ReceiverCase(TestCase):
    timeout = 30

    def receiver(self, url: str) -> Receiver:
        client = Receiver(url, SECRET.encode(), reactor, WALL)
        self.addCleanup(client.close)
        return client

    def event(self, user_id: str = "ann") -> NumberedEvent:
        return presence(user_id, True, Moment(reactor.seconds(), WALL.now_ms())).numbered(1)


class UrlTests(ReceiverCase):
    async def test_an_ipv6_address_can_be_the_host(self) -> None:
        hook = start_hook(self, interface="::1")
        self.assertIn("//[::1]:", hook.url)
        answer = await self.receiver(event_types.url(hook.url)).post(self.event())
        self.assertEqual(answer.status, 204)
        ((headers, _),) = hook.requests
        self.assertEqual(headers["host"], f"[::1]:{hook.port.getHost().port}")

    async def test_a_colon_without_a_port_stands_for_the_default_one(self) -> None:
        self.assertEqual(event_types.url("http://127.0.0.1:/hook?v=1"), "http://127.0.0.1/hook?v=1")
        self.assertEqual(event_types.url("https://[::1]:"), "https://[::1]/")

    async def test_a_host_that_ends_in_a_number_is_an_address(self) -> None:
        for host in "127.0.0.1", "127.1", "2130706433":
            event_types.url(f"http://{host}/")
        for host in "256.0.0.1", "1.2.3.4.5", "example.1", "example.1.":
            self.assertRaises(ValueError, event_types.url, f"http://{host}/")

    async def test_without_a_path_the_root_is_asked_for(self) -> None:
        hook = start_hook(self)
        paths = []
        for rest in "", "/", "?v=1":
            hook.answers.append(lambda request: paths.append(request.uri) or b"")
            url = event_types.url(hook.url.replace("/hook?v=1", rest))
            self.assertEqual((await self.receiver(url).post(self.event())).status, 200)
        self.assertEqual(paths, [b"/", b"/", b"/?v=1"])


class PostTests(ReceiverCase):
    def setUp(self) -> None:
        self.hook: Hook = start_hook(self)
        self.client = self.receiver(self.hook.url)

    async def post(self, answer: Any) -> AttemptResult:
        self.hook.answers.append(answer)
        return await self.client.post(self.event())

    async def test_a_post_with_the_headers_that_are_promised(self) -> None:
        event = self.event("ann")
        self.assertEqual(await self.client.post(event), AttemptResult(204, "status 204"))
        ((headers, body),) = self.hook.requests
        self.assertEqual(body, event.body)
        self.assertEqual(headers["content-type"], "application/json")
        self.assertTrue(headers["user-agent"].startswith("gim/"))
        self.assertEqual((headers["gim-event"], headers["gim-event-id"]), (ONLINE, event.id))
        self.assertTrue(verify(headers, body))
        self.assertFalse(verify(headers, body + b" "))
        self.assertFalse(verify(headers, body, "another secret of thirty-two bytes"))

    async def test_one_connection_is_used_again(self) -> None:
        peers = set()

        def answer(request: Request) -> bytes:
            peers.add(request.getClientAddress().port)
            request.setResponseCode(len(peers) and 500)
            return b"x" * 1000

        for _ in range(5):
            await self.post(answer)
        self.assertEqual(len(peers), 1)

    async def test_redirects_are_not_followed(self) -> None:
        def redirect(request: Request) -> bytes:
            request.redirect(self.hook.url.encode())
            return b""

        answer = await self.post(redirect)
        self.assertEqual((answer.status, answer.is_final, len(self.hook.requests)), (302, True, 1))

    async def test_cookies_are_not_kept(self) -> None:
        def bake(request: Request) -> bytes:
            request.addCookie(b"a", b"b", path=b"/")
            return b""

        await self.post(bake)
        await self.post(204)
        self.assertNotIn("cookie", self.hook.requests[1][0])

    async def test_retry_after_in_seconds_or_as_a_date(self) -> None:
        def after(text: str) -> Any:
            def answer(request: Request) -> bytes:
                request.setResponseCode(503)
                request.setHeader("Retry-After", text)
                return b""

            return answer

        date = formatdate(WALL.now_ms() / 1000 + 100, usegmt=True)
        rests = [
            (await self.post(after(text))).retry_after for text in ("7", "x", "-1", "1.5", "²", "9" * 99)
        ]
        self.assertEqual(rests, [7, 0, 0, 0, 0, 999_999_999])
        self.assertApproximates((await self.post(after(date))).retry_after, 99, 3)
        past = formatdate(0, usegmt=True)
        self.assertEqual((await self.post(after(past))).retry_after, 0)

    async def test_of_a_long_response_only_the_beginning_is_read(self) -> None:
        sent = []

        def flood(request: Request) -> int:
            def more() -> None:
                sent.append(1)
                request.write(b"x" * 10_000)
                if not request._disconnected:
                    reactor.callLater(0, more)

            more()
            return NOT_DONE_YET

        answer = await self.post(flood)
        self.assertEqual(answer.status, 200)
        self.assertGreater(len(sent), MAX_RESPONSE_SIZE // 10_000)

    async def test_no_answer_in_time_is_a_failure(self) -> None:
        self.patch(receiver, "ATTEMPT_TIMEOUT", 0.1)
        for answer in (silent, self.half):
            found = await self.post(answer)
            self.assertEqual((found.status, found.reason), (0, "no answer within 0 s"))
            self.assertFalse(found.is_final or found.is_success)

    async def test_a_cancelled_attempt_ends_as_one(self) -> None:
        """Whatever the request makes of it: an answer would have it tried again."""
        for answer in (silent, self.half):
            self.hook.answers.append(answer)
            number = len(self.hook.requests)
            attempt = Deferred.fromCoroutine(self.client.post(self.event()))
            await self.hook.until(lambda number=number: len(self.hook.requests) > number, "the attempt")
            attempt.cancel()
            await self.assertFailure(attempt, CancelledError)

    def half(self, request: Request) -> int:
        request.setHeader("Content-Length", "10")
        request.write(b"12345")
        return NOT_DONE_YET


class TroubleTests(ReceiverCase):
    async def test_a_certificate_that_the_system_does_not_know_is_not_believed(self) -> None:
        directory = FilePath(self.mktemp())
        directory.makedirs()
        write_certificate(directory)
        hook = start_hook(self, directory)
        answer = await self.receiver(hook.url).post(self.event())
        self.assertEqual((answer.status, answer.is_final, hook.requests), (0, False, []))
        self.assertIn("certificate verify failed", answer.reason)

    async def test_a_refused_connection_is_a_failure_with_its_reason(self) -> None:
        port: Any = reactor.listenTCP(0, Factory(), interface="127.0.0.1")  # type: ignore[arg-type]
        number = port.getHost().port
        await port.stopListening()
        answer = await self.receiver(f"http://127.0.0.1:{number}/").post(self.event())
        self.assertEqual(answer.status, 0)
        self.assertIn("refused", answer.reason)
        self.assertFalse(answer.is_final)

    async def test_a_server_that_does_not_speak_http_is_a_failure(self) -> None:
        class Mumble(Protocol):
            transport: Any

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(b"220 mail.example.com ESMTP\r\n\r\n")
                self.transport.loseConnection()

        port: Any = reactor.listenTCP(0, Factory.forProtocol(Mumble), interface="127.0.0.1")  # type: ignore[arg-type]
        self.addCleanup(port.stopListening)
        answer = await self.receiver(f"http://127.0.0.1:{port.getHost().port}/").post(self.event())
        self.assertEqual((answer.status, answer.is_final), (0, False), answer.reason)
        self.flushLoggedErrors()

    async def test_a_host_without_an_address_is_a_failure(self) -> None:
        answer = await self.receiver("http://no-such-host.invalid/").post(self.event())
        self.assertEqual((answer.status, answer.is_final), (0, False), answer.reason)
