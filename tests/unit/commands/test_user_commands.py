"""The commands of a user: who is asked for, and what is listed."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import maybeDeferred

from gim.cli import progress
from gim.commands import history
from gim.ids import PRIVATE
from gim.model import User
from tests.support.command import CommandTestCase, ServedTestCase, response

ME = "--as", "ann"


class UserTestCase(ServedTestCase):
    def lines(self, *words: str) -> list[Any]:
        """Return what a command prints as JSON."""
        return [json.loads(line) for line in self.said(*words, "--json").splitlines()]

    def api_token(self, user_id: str) -> str:
        data = {"id": user_id}
        body = json.dumps(data)
        request = (
            f"POST /v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        token: str = json.loads(self.answer(request.encode()).partition(b"\r\n\r\n")[2])["data"]["token"]
        return token


class WhoTests(UserTestCase):
    def test_a_token_of_the_api_is_used_as_it_is(self) -> None:
        token = self.api_token("ann")
        self.said("sessions", "--token-file", "-", stdin=token)
        self.environment["GIM_TOKEN"] = token
        self.said("sessions")
        self.assertNotIn(b"/v1/login", b"".join(self.requests))
        self.assertIn(f"Authorization: Bearer {token}".encode(), self.requests[0])

    def test_an_id_logs_in(self) -> None:
        self.said("sessions", *ME)
        self.assertEqual(self.requests[0].split()[1], b"/v1/login")

    def test_a_token_of_another_user_is_refused(self) -> None:
        self.environment["GIM_TOKEN"] = self.api_token("bob")
        self.assertIn("bob", self.refused("sessions", *ME, status=2))

    def test_what_is_not_a_token_is_refused_by_the_server(self) -> None:
        for token in ("x", "a.b.c", "a.W10.c", "a." + "W1" * 5000 + ".c"):
            self.environment["GIM_TOKEN"] = token
            self.assertRegex(self.refused("sessions"), r"^gim: 40[01], ")

    def test_without_a_user_nothing_is_asked(self) -> None:
        for words in ["sessions"], ["history", "1:den"], ["members", "den"]:
            self.assertIn("--as ID", self.refused(*words, status=2))
        del self.environment["GIM_ADMIN_KEY"]
        self.assertIn("--as ID", self.refused("online", "ann", status=2))
        self.assertEqual(self.connected, [])


class ListTests(UserTestCase):
    def test_sessions_are_listed_the_newest_first(self) -> None:
        self.said("post", "ann", "one\x1b[2J", "--from", "bob")
        self.said("post", "ann", "two", "--from", "Élise")
        self.said("room", "create", "den", "--name", "大厅", "--owner", "ann", "-q")
        head, *rows = self.said("sessions", *ME).splitlines()
        self.assertEqual(head.split(), ["SESSION", "TITLE", "UNREAD", "LAST", "MESSAGE"])
        self.assertEqual([row.split()[0] for row in rows], ["1:den", "2:ann:Élise", "2:ann:bob"])
        self.assertEqual(rows[2].split()[1:], ["bob", "1", "2027-01-15T08:00:00Z", "bob:", "one\\x1b[2J"])
        self.assertEqual(
            [item["id"] for item in self.lines("sessions", *ME, "--type", "chatroom")], ["1:den"]
        )
        self.assertEqual(len(self.lines("sessions", *ME, "--count", "2")), 2)

    def test_all_pages_of_sessions_are_read(self) -> None:
        for number in range(205):
            self.post(f"u{number}", "hi")
        self.assertEqual(len(self.lines("sessions", *ME)), 205)
        self.assertEqual(len(self.lines("sessions", *ME, "--count", "203")), 203)

    def test_a_history_is_in_order_and_as_long_as_asked_for(self) -> None:
        for number in range(230):
            self.post("bob", f"m{number}")
        self.assertEqual(self.contents_of(), [f"m{number}" for number in range(210, 230)])
        self.assertEqual(self.contents_of("--count", "215"), [f"m{number}" for number in range(15, 230)])
        self.assertEqual(self.contents_of("--all"), [f"m{number}" for number in range(230)])
        middle = self.lines("history", "2:ann:bob", *ME, "--all")[5]["id"]
        self.assertEqual(self.contents_of("--before", middle), [f"m{number}" for number in range(5)])
        self.assertEqual(self.contents_of("--before", middle, "--count", "2"), ["m3", "m4"])

    def post(self, sender: str, content: str) -> None:
        """Send ann a private message without a command, which takes ten times as long."""
        chat = self.gateway.operations._chat
        self.successResultOf(maybeDeferred(chat.send, User(sender, sender), PRIVATE, "ann", content))

    def contents_of(self, *words: str) -> list[str]:
        return [message["content"] for message in self.lines("history", "2:bob:ann", *ME, *words)]

    def test_a_history_that_is_not_the_users_is_refused(self) -> None:
        self.said("post", "ann", "hi", "--from", "bob")
        self.assertIn("403", self.refused("history", "2:ann:bob", "--as", "eve"))
        self.assertIn("session_id", self.refused("history", "ann", *ME))
        self.refused("history", "2:ann:bob", *ME, "--count", "0", status=2)
        self.refused("history", "2:ann:bob", *ME, "--count", "2", "--all", status=2)

    def test_members_need_a_membership(self) -> None:
        self.said("room", "create", "den", "--owner", "ann", "-q")
        (member,) = self.lines("members", "den", *ME)
        self.assertEqual((member["id"], member["role"]), ("ann", "owner"))
        self.assertIn("403", self.refused("members", "den", "--as", "bob"))

    def test_who_is_online(self) -> None:
        self.user("bob")
        self.assertEqual(self.said("online", *ME, "bob", "ann"), "bob online\nann offline\n")
        self.assertEqual(self.lines("online", *ME, "bob"), [{"id": "bob", "name": "bob", "online": True}])
        run = self.gim("online", *ME, "none", "bob")
        self.assertEqual((run.status, run.out), (1, "bob online\n"))
        self.assertIn("none: 404", run.err)
        self.assertIn("400", self.refused("online", *ME, "a:b"))

    def test_the_administrator_asks_for_connections_instead(self) -> None:
        self.assertEqual(self.lines("online", "bob"), [{"id": "bob", "online": False}])


class LongHistoryTests(CommandTestCase):
    """A history of three pages, of which the server refuses the second once."""

    def setUp(self) -> None:
        super().setUp()
        self.environment["GIM_TOKEN"] = "x.eyJhdWQiOiJnaW0taHR0cCJ9.y"
        self.now, self.slept = 0.0, list[float]()
        self.patch(progress, "monotonic", lambda: self.now)
        self.patch(history, "sleep", self.slept.append)
        self.pages = [self.page(2, True), "", self.page(1, True), self.page(0, False)]

    def page(self, number: int, has_more: bool) -> str:
        message = {
            "id": f"{number}", "session_id": "1:den", "sender": {"id": "bob", "name": "Bob"},
            "category": "text", "content": f"m{number}", "sequence": 0, "status": 1,
            "created_at": 1_800_000_000_000,
        }  # fmt: skip
        return json.dumps({"code": 0, "msg": "", "data": {"items": [message], "has_more": has_more}})

    def answer(self, request: bytes) -> bytes:
        self.now += 0.6
        if body := self.pages.pop(0):
            return response(body)
        return response('{"code":429,"msg":"slow down","data":null}', 429, Retry_After="2")

    def test_it_waits_where_the_server_limits_reading(self) -> None:
        lines = self.said("history", "1:den", "--all").splitlines()
        self.assertEqual([line.rpartition(" ")[2] for line in lines], ["m0", "m1", "m2"])
        self.assertEqual(self.slept, [2.0])

    def test_it_shows_on_a_terminal_how_far_it_is(self) -> None:
        self.environment["TERM"] = "xterm"
        run = self.gim("history", "1:den", "--all", tty=True)
        self.assertEqual(run.err, "\r\x1b[K2 messages\r\x1b[K3 messages\r\x1b[K")
        self.pages = [self.page(1, True), self.page(0, False)]
        self.assertEqual(self.gim("history", "1:den", "--all", "-q", tty=True).err, "")
