"""Users who want more than they may: connections, messages, chatrooms."""

from __future__ import annotations

import json
import os
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from gim.chat.chat import LOGIN_ROWS
from tests.support.pipe import Client, GatewayTestCase
from tests.support.storage_behaviour.base import private


class UserLimitTestCase(GatewayTestCase):
    def codes(self, client: Client, op: int, count: int, /, **body: Any) -> list[int]:
        return [self.ask(client, op, **body)["code"] for _ in range(count)]

    def hits(self, name: str) -> int:
        return self.gateway.hits.counts[name]

    def http(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, str, Any]:
        """Ask over HTTP; return status, Retry-After and envelope."""
        content = json.dumps(body).encode()
        transport = StringTransport()
        channel = self.api.buildProtocol(None)
        channel.makeConnection(transport)
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        channel.dataReceived(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        answer, _, envelope = transport.value().decode().partition("\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:])
        transport.loseConnection()
        self.clock.advance(0)
        return int(answer.split()[1]), fields.get("Retry-After", ""), json.loads(envelope)


class ConnectionTests(UserLimitTestCase):
    options = ("--max-user-connections", "2")

    def test_one_too_many_is_refused_and_closed(self) -> None:
        first, _ = self.user("ann"), self.user("ann")
        third = self.connect()
        sentence = "you have 2 connections, the maximum: close one"
        self.assertEqual(self.refusal(third, 101, id="ann"), (409, sentence))
        self.assertEqual(third.closed, (3504, "too many connections of this user"))
        self.assertEqual(self.hits("max-user-connections"), 1)
        self.user("bob")
        first.sendClose(1000)
        self.pump()
        self.user("ann")

    def test_a_logout_makes_room(self) -> None:
        first, _ = self.user("ann"), self.user("ann")
        self.data(first, 103)
        self.user("ann")
        self.assertEqual(self.refusal(first, 101, id="ann")[0], 409)

    def test_to_log_in_again_on_a_connection_needs_none(self) -> None:
        ann = [self.user("ann") for _ in range(2)]
        self.data(ann[0], 101, id="ann", name="Ann")
        self.assertIsNone(ann[0].closed)


class DryConnectionTests(UserLimitTestCase):
    options = ("--max-user-connections", "2", "--limits", "dry-run")

    def test_all_are_let_in_and_counted(self) -> None:
        for _ in range(5):
            self.user("ann")
        self.assertEqual(self.hits("max-user-connections"), 3)


class SendTests(UserLimitTestCase):
    options = ("--max-send-rate", "3")
    MESSAGE = {"type": 2, "target_id": "bob", "content": "x"}

    def test_all_connections_of_a_user_count_together(self) -> None:
        phone, desk, bob = self.user("ann"), self.user("ann"), self.user("bob")
        self.assertEqual(self.codes(phone, 201, 2, **self.MESSAGE), [0, 0])
        self.assertEqual(self.codes(desk, 201, 2, **self.MESSAGE), [0, 429])
        sentence = "you sent 3 messages in a second: wait a second"
        self.assertEqual(self.refusal(phone, 201, **self.MESSAGE), (429, sentence))
        self.assertEqual(self.codes(bob, 201, 1, type=2, target_id="ann", content="x"), [0])
        self.assertEqual(len(self.contents(bob)), 3)
        self.advance(1.1)
        self.assertEqual(self.codes(phone, 201, 4, **self.MESSAGE), [0, 0, 0, 429])
        self.assertEqual(self.hits("max-send-rate"), 3)

    def test_and_so_does_http(self) -> None:
        ann = self.connect()
        token = self.data(ann, 101, id="ann")["token"]
        answers = [self.http("POST", "/v1/messages", token, self.MESSAGE) for _ in range(4)]
        self.assertEqual(
            [(status, retry) for status, retry, _ in answers], [(200, "")] * 3 + [(429, "1")]
        )
        self.assertEqual(answers[-1][2]["code"], 429)
        self.assertEqual(self.codes(ann, 201, 1, **self.MESSAGE), [429])

    def test_nothing_is_kept_of_a_second_that_is_over(self) -> None:
        self.codes(self.user("ann"), 201, 2, **self.MESSAGE)
        self.advance(1.1)
        self.assertEqual(self.daemon.getServiceNamed("max-send-rate")._counts, {})


class DrySendTests(UserLimitTestCase):
    options = ("--max-send-rate", "3", "--limits", "dry-run")

    def test_all_are_stored_and_counted(self) -> None:
        self.assertEqual(self.codes(self.user("ann"), 201, 9, **SendTests.MESSAGE), [0] * 9)
        self.assertEqual(self.hits("max-send-rate"), 6)


class ChatroomTests(UserLimitTestCase):
    options = ("--max-user-chatrooms", "2", "--max-chatroom-members", "3")

    def test_a_user_is_in_so_many_chatrooms(self) -> None:
        ann = self.user("ann")
        for chatroom in "a", "b", "a":
            self.data(ann, 301, id=chatroom)
        sentence = "you are in 2 chatrooms, the maximum: leave one"
        self.assertEqual(self.refusal(ann, 301, id="c"), (409, sentence))
        self.assertEqual(self.refusal(ann, 305, id="c")[0], 404)
        self.data(ann, 303, id="a")
        self.data(ann, 301, id="c")
        self.assertEqual(self.hits("max-user-chatrooms"), 1)

    def test_a_chatroom_has_so_many_members(self) -> None:
        users = [self.user(f"u{n}") for n in range(4)]
        for client in users[:3]:
            self.data(client, 301, id="a")
        sentence = "chatroom 'a' has 3 members, the maximum: try another"
        self.assertEqual(self.refusal(users[3], 301, id="a"), (409, sentence))
        self.assertEqual(self.data(users[0], 301, id="a")["total"], 3)
        token = self.data(self.connect(), 101, id="u3")["token"]
        status, _, envelope = self.http("PUT", "/v1/chatrooms/a/members/me", token, {})
        self.assertEqual((status, envelope["code"]), (409, 409))
        self.assertEqual(self.hits("max-chatroom-members"), 2)


class SizeTests(UserLimitTestCase):
    """Limits that hold in a dry run as well."""

    options = ("--limits", "dry-run", "--max-content", "5", "--max-packet", "200")

    def test_a_long_content_is_refused_and_counted(self) -> None:
        ann = self.user("ann")
        self.assertEqual(self.codes(ann, 201, 1, type=2, target_id="bob", content="123456"), [413])
        self.assertEqual(self.hits("max-content"), 1)

    def test_a_long_packet_closes_and_is_counted(self) -> None:
        ann = self.user("ann")
        self.send_raw(ann, b" " * 201)
        self.assertEqual((ann.closed[0], self.hits("max-packet")), (1009, 1))  # type: ignore[index]
        self.assertEqual(self.http("POST", "/v1/login", "", {"id": "x" * 200})[0], 413)
        self.assertEqual(self.hits("max-packet"), 2)

    def test_who_is_late_is_counted(self) -> None:
        silent = self.connect()
        self.advance(31, step=0.25)
        self.assertEqual((silent.closed[0], self.hits("login-timeout")), (3502, 1))  # type: ignore[index]


class LoginTestCase(UserLimitTestCase):
    """Logins over HTTP, of which an address may make some a second."""

    options = ("--max-login-rate", "3", "--trusted-proxies", "192.0.2.0/24")

    def login(self, address: str, token: str = "", forwarded: str = "") -> tuple[int, str]:
        """Log in from an address; return the status and Retry-After."""
        body = json.dumps({"id": "ann", "token": token}).encode()
        transport = StringTransport(peerAddress=IPv4Address("TCP", address, 1))
        channel = self.api.buildProtocol(None)
        channel.makeConnection(transport)
        head = f"POST /v1/login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {forwarded}\r\n"
        channel.dataReceived(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        lines = transport.value().decode().split("\r\n")
        retry = [line.partition(": ")[2] for line in lines if line.startswith("Retry-After: ")]
        return int(lines[0].split()[1]), "".join(retry)


class LoginTests(LoginTestCase):
    def test_those_above_the_limit_are_refused_until_the_second_is_over(self) -> None:
        found = [self.login("203.0.113.7") for _ in range(4)]
        self.assertEqual(found, [(200, "")] * 3 + [(429, "1")])
        self.assertEqual(self.login("203.0.113.8"), (200, ""))
        self.advance(1.1)
        self.assertEqual(self.login("203.0.113.7"), (200, ""))
        self.assertEqual(self.hits("max-login-rate"), 1)

    def test_clients_behind_a_trusted_proxy_count_by_their_own_address(self) -> None:
        found = [self.login("192.0.2.1", forwarded=f"203.0.113.{n}") for n in (1, 2, 3, 4, 5, 5, 5, 5)]
        self.assertEqual([status for status, _ in found], [200] * 7 + [429])

    def test_a_site_of_ipv6_counts_as_one(self) -> None:
        found = [self.login("192.0.2.1", forwarded=f"2001:db8::{n}") for n in range(1, 5)]
        self.assertEqual([status for status, _ in found], [200] * 3 + [429])

    def test_an_address_that_is_not_known_has_no_limit(self) -> None:
        self.assertEqual([self.login("", forwarded="") for _ in range(5)], [(200, "")] * 5)

    def test_a_websocket_login_does_not_count(self) -> None:
        for _ in range(5):
            self.user("ann")
        self.assertEqual(self.login("127.0.0.1"), (200, ""))


class BadLoginTests(LoginTestCase):
    """Logins that are refused count, too."""

    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "GIM_AUTH_KEY": "0123456789" * 4})
        super().setUp()

    def test_a_bad_token_counts(self) -> None:
        found = [self.login("203.0.113.7", "x")[0] for _ in range(4)]
        self.assertEqual(found, [401, 401, 401, 429])


class ReadTests(UserLimitTestCase):
    """Rows and KiB that a user reads: 100 a second, 200 at once."""

    options = ("--max-read-rate", "100", "--max-chatroom-members", "0")

    def fill(self, messages: int, content: str = "x") -> Client:
        ann = self.user("ann")
        for _ in range(messages):
            self.data(ann, 201, type=2, target_id="bob", content=content)
        return ann

    def test_the_rows_of_all_connections_and_of_http_count_together(self) -> None:
        ann = self.fill(100)
        token = self.data(self.user("ann"), 101, id="ann")["token"]
        read: dict[str, Any] = {"session_id": "2:ann:bob", "count": 70}
        self.assertEqual(self.codes(ann, 203, 1, **read), [0])
        path = "/v1/sessions/2:ann:bob/messages?count=100"
        answers = [self.http("GET", path, token, {})[:2] for _ in range(2)]
        self.assertEqual(answers, [(200, ""), (429, "1")])
        sentence = "you read more than 100 rows and KiB a second: wait a second"
        self.assertEqual(self.refusal(ann, 203, **read), (429, sentence))
        self.assertEqual(self.hits("max-read-rate"), 2)

    def test_it_goes_on_when_there_was_time(self) -> None:
        ann = self.fill(100)
        read: dict[str, Any] = {"session_id": "2:ann:bob", "count": 95}
        self.assertEqual(self.codes(ann, 203, 3, **read), [0, 0, 429])
        self.advance(1.1)
        self.assertEqual(self.codes(ann, 203, 2, **read), [0, 429])
        self.advance(5)
        self.assertEqual(self.codes(ann, 203, 3, **read), [0, 0, 429])
        self.assertIsNone(ann.closed)

    def test_only_what_reads_is_refused_and_only_to_the_user(self) -> None:
        ann = self.fill(100)
        bob = self.user("bob")
        self.assertEqual(self.codes(ann, 203, 3, session_id="2:ann:bob", count=95), [0, 0, 429])
        self.assertEqual(self.codes(ann, 205, 1), [429])
        self.assertEqual(self.codes(ann, 201, 1, type=2, target_id="bob", content="x"), [0])
        self.assertEqual(self.codes(ann, 105, 1), [0])
        self.assertEqual(self.codes(ann, 101, 1, id="ann"), [429])
        self.assertEqual(self.codes(self.connect(), 101, 1, id="ann"), [429])
        self.assertEqual(self.codes(bob, 205, 1), [0])

    def test_the_refusal_says_how_long_to_wait(self) -> None:
        ann = self.user("ann")
        token = self.data(ann, 101, id="ann")["token"]
        rate: Any = self.daemon.getServiceNamed("read rate")
        rate.charge("ann", 5000)
        answer = self.refusal(ann, 205)
        self.assertEqual(answer, (429, "you read more than 100 rows and KiB a second: wait 9 s"))
        self.assertEqual(self.http("GET", "/v1/sessions", token, {})[:2], (429, "9"))
        self.advance(8.5)
        self.assertEqual(self.codes(ann, 205, 1), [429])
        self.advance(1)
        self.assertEqual(self.codes(ann, 205, 1), [0])

    def test_bytes_count_as_they_are_written(self) -> None:
        """A character that JSON escapes twice takes seven."""
        ann = self.fill(10, "\x01" * 4096)
        read: dict[str, Any] = {"session_id": "2:ann:bob", "count": 4}
        self.assertEqual(self.codes(ann, 203, 3, **read), [0, 0, 429])

    def test_sessions_members_and_chatrooms_that_are_entered_count(self) -> None:
        ann = self.user("ann")
        for number in range(64):
            self.data(ann, 301, id=f"room{number}")
        rate: Any = self.daemon.getServiceNamed("read rate")
        self.advance(2)
        for op, body, rows in (
            (205, {"count": 5}, 1 + 5 + 2),
            (305, {"id": "room1"}, 1 + 1),
            (103, {}, 0),
            (101, {"id": "ann"}, LOGIN_ROWS + 64),
            (101, {"id": "ann"}, LOGIN_ROWS),
        ):
            before = rate._read.get("ann", 0)
            self.data(ann, op, **body)
            self.assertEqual(rate._read.get("ann", 0) - before, rows, op)

    def test_chatrooms_that_are_entered_count_by_what_a_subscription_costs(self) -> None:
        ann = self.user("ann")
        for number in range(8):
            self.data(ann, 301, id=f"room{number}")
        rate: Any = self.daemon.getServiceNamed("read rate")
        storage = self.gateway.operations._chat._storage
        self.patch(storage, "rows_per_subscription", 16)
        self.data(ann, 103)
        self.advance(2)
        before = rate._read.get("ann", 0)
        self.data(ann, 101, id="ann")
        self.assertEqual(rate._read.get("ann", 0) - before, LOGIN_ROWS + 8 * 16)

    def test_logins_that_wait_for_the_storage_together_count_before_they_enter_chatrooms(self) -> None:
        ann = self.user("ann")
        for number in range(64):
            self.data(ann, 301, id=f"room{number}")
        chatrooms: Any = self.gateway.operations._chat._pushes._chatrooms
        of_user, storage = chatrooms.of_user, Deferred[None]()

        async def later(user_id: str) -> list[str]:
            await storage
            return cast(list[str], await of_user(user_id))

        self.patch(chatrooms, "of_user", later)
        self.advance(3)
        clients = [self.connect() for _ in range(6)]
        for client in clients:
            client.say(101, {"id": "ann"}, 1)
        self.pump()
        storage.callback(None)
        self.pump()
        codes = [client.packets[-1]["body"]["code"] for client in clients]
        self.assertEqual(codes, [0, 0, 0, 429, 429, 429])

    def test_a_debt_is_forgiven_in_some_seconds(self) -> None:
        ann = self.fill(10, "\x01" * 4096)
        self.data(ann, 203, session_id="2:ann:bob", count=10)
        rate: Any = self.daemon.getServiceNamed("read rate")
        rate.charge("ann", 10**9)
        self.advance(11)
        self.assertEqual((self.codes(ann, 205, 1), rate._read), ([0], {"ann": rate._read["ann"]}))
        self.assertLess(rate._read["ann"], 100)


class DefaultReadTests(UserLimitTestCase):
    def test_an_ordinary_start_stays_far_below_the_limit(self) -> None:
        """A login, 200 sessions, 20 histories of 100 messages each."""
        append = self.gateway.operations._chat._messages.append
        for number in range(200):
            if number % 8 == 0:
                self.advance(1)  # the send rate is no subject here
            draft = private("ann", f"peer{number}", "x" * 100)
            for _ in range(100 if number < 20 else 1):
                self.successResultOf(Deferred.fromCoroutine(cast(Any, append(draft))))
        ann = self.user("ann")
        self.assertEqual(len(self.data(ann, 205, count=200)["items"]), 200)
        for number in range(20):
            page = self.data(ann, 203, session_id=f"2:ann:peer{number}", count=100)
            self.assertEqual(len(page["items"]), 100)
        rate: Any = self.daemon.getServiceNamed("read rate")
        self.assertLess(rate._read["ann"], 4000)


class DryReadTests(UserLimitTestCase):
    options = ("--max-read-rate", "1", "--limits", "dry-run")

    def test_all_are_answered_and_counted(self) -> None:
        self.assertEqual(self.codes(self.user("ann"), 205, 9), [0] * 9)
        self.assertEqual(self.hits("max-read-rate"), 9)
