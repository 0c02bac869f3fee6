"""The administrator's commands: each route has one, and each says what the server answered."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from gim.api.openapi.document import routes_of
from gim.api.routes.admin import AdminRoutes
from gim.api.routes.batch import BatchRoutes
from gim.api.routes.connections import ConnectionRoutes
from gim.api.routes.directory import DirectoryRoutes
from tests.support.command import KEY, CommandTestCase, ServedTestCase, response

UNKNOWN_ID = "0" * 32

# each route as its operation is called, and a command that asks for it
COMMANDS = {
    "statistics": ["stats"],
    "send_as": ["post", "ann", "hi"],
    "send_batch": ["batch", "-"],
    "broadcast": ["broadcast", "hi"],
    "broadcast_to_chatroom": ["broadcast", "hi", "--room", "den"],
    "recall": ["recall", "2:ann:bob", UNKNOWN_ID],
    "connections": ["user", "connections", "ann"],
    "disconnect": ["kick", "ann"],
    "disconnect_one": ["kick", "ann", "k-1"],
    "ban_of": ["user", "banned", "ann"],
    "ban": ["ban", "ann", "--for", "1h"],
    "unban": ["unban", "ann"],
    "create_chatroom": ["room", "create", "den"],
    "rename_chatroom": ["room", "rename", "den", "Den"],
    "dismiss_chatroom": ["room", "dismiss", "den"],
    "add_member": ["room", "add", "den", "ann"],
    "remove_member": ["room", "remove", "den", "ann"],
    "mute": ["mute", "den", "ann", "--for", "10m"],
    "unmute": ["unmute", "den", "ann"],
    "list_connections": ["connections"],
    "close_connection": ["close", "k-1"],
    "trace": ["trace", "ann"],
    "options": ["options"],
    "find_users": ["users"],
    "find_chatrooms": ["rooms"],
    "chatroom": ["room", "show", "den"],
    "members_of_chatroom": ["room", "members", "den"],
    "messages_of_session": ["messages", "2:ann:bob"],
    "user_details": ["user", "show", "ann"],
    "sessions_of_user": ["user", "sessions", "ann"],
}


class RouteTests(CommandTestCase):
    def answer(self, request: bytes) -> bytes:
        return response('{"code":404,"msg":"not here","data":null}', 404)

    def test_every_route_has_a_command_and_every_command_a_route(self) -> None:
        routes = {
            route.name: route
            for route in routes_of([AdminRoutes, BatchRoutes, DirectoryRoutes, ConnectionRoutes])
        }
        self.assertEqual(set(routes), set(COMMANDS))
        for name, words in COMMANDS.items():
            self.requests.clear()
            self.assertEqual(self.refused(*words), "gim: 404, not here")
            (request,) = self.requests
            method, path, _ = request.split(b"\r\n")[0].decode().split(" ")
            expected = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(routes[name].path))
            self.assertEqual(method, routes[name].method, words)
            self.assertRegex(path.partition("?")[0], f"^{expected}$")
            self.assertIn(f"X-API-Key: {KEY}".encode(), request)

    def test_without_a_key_nothing_is_asked(self) -> None:
        del self.environment["GIM_ADMIN_KEY"]
        for words in COMMANDS.values():
            self.assertIn("--key-file", self.refused(*words, status=2))
        self.assertEqual(self.connected, [])

    def test_what_can_not_be_read_as_arguments_is_a_2(self) -> None:
        for words in (
            ["ban", "ann"],
            ["ban", "ann", "--for", "soon"],
            ["ban", "--for", "1h"],
            ["mute", "den", "--for", "1h"],
            ["room"],
            ["room", "paint", "den"],
            ["room", "add", "den", "ann", "--role", "king"],
            ["user", "ann"],
            ["broadcast", "hi", "--request-id", "1"],
            ["stats", "--token-file", "x"],
        ):
            self.refused(*words, status=2)
        self.assertEqual(self.connected, [])


class AnswerTests(ServedTestCase):
    def printed(self, *words: str, stdin: str = "") -> Any:
        """Return the one object that a command prints as JSON."""
        (line,) = self.said(*words, "--json", stdin=stdin).splitlines()
        return json.loads(line)

    def test_a_message_is_sent_and_its_id_printed(self) -> None:
        self.assertRegex(self.said("post", "ann", "hi"), "^[0-9a-f]{32}\n$")
        sent = self.printed(
            "post", "bob", "-", "--from", "ann", "--category", "note", stdin="two\nlines\n"
        )
        self.assertEqual(sent["session_id"], "2:ann:bob")
        (line,) = self.said("history", "2:ann:bob", "--as", "bob").splitlines()
        self.assertTrue(line.endswith("Z ann: two\\nlines"), line)
        (message,) = map(
            json.loads, self.said("history", sent["session_id"], "--as", "bob", "--json").splitlines()
        )
        self.assertEqual((message["category"], message["content"]), ("note", "two\nlines"))

    def test_a_repeated_request_sends_nothing_new(self) -> None:
        words = "post", "ann", "hi", "--request-id", "r1"
        self.assertEqual(self.said(*words), self.said(*words))

    def test_each_line_of_a_file_is_a_message(self) -> None:
        lines = [json.dumps({"type": 2, "target_id": "ann", "content": text}) for text in ("a", "b")]
        self.assertRegex(self.said("batch", "-", stdin="\n".join(lines)), "^([0-9a-f]{32}\n){2}$")
        path = self.file("messages", f'{lines[0]}\n{{"type":1}}\nnull\n{lines[1]}\n')
        run = self.gim("batch", path)
        self.assertEqual((run.status, len(run.out.splitlines())), (1, 2))
        self.assertEqual(
            run.err,
            "gim: line 2: 400, target_id: missing, but required\n"
            "gim: line 3: 400, type: missing, but required\n",
        )
        replies = [json.loads(line) for line in self.gim("batch", path, "--json").out.splitlines()]
        self.assertEqual([reply["code"] for reply in replies], [0, 400, 400, 0])
        self.assertIn("line 1: this is not valid JSON", self.refused("batch", "-", stdin="x"))
        self.assertIn("can't be read", self.refused("batch", "/nowhere"))

    def test_more_lines_than_a_request_takes_are_several(self) -> None:
        messages = [
            {"type": 2, "target_id": "ann", "sender_id": f"u{number % 9}", "content": "hi"}
            for number in range(2001)
        ]
        lines = "\n".join(map(json.dumps, messages))
        self.assertEqual(len(self.said("batch", "-", stdin=lines).splitlines()), 2001)

    def test_a_recalled_message_has_no_content(self) -> None:
        sent = self.printed("post", "ann", "hi")
        run = self.gim("recall", sent["session_id"], sent["id"])
        self.assertEqual((run.status, run.out, run.err), (0, "", "recalled\n"))
        self.assertIn("(recalled)", self.said("history", sent["session_id"], "--as", "ann"))
        self.assertIn("404", self.refused("recall", sent["session_id"], UNKNOWN_ID))

    def test_a_broadcast_is_a_note_and_in_a_chatroom_a_message(self) -> None:
        self.assertEqual(self.gim("broadcast", "hi").err, "pushed to all connected users\n")
        self.assertEqual(self.gim("broadcast", "hi", "-q").err, "")
        self.gim("room", "create", "den")
        self.assertRegex(self.said("broadcast", "hi", "--room", "den"), "^[0-9a-f]{32}\n$")
        self.assertIn("chatroom", self.refused("broadcast", "hi", "--room", "none"))

    def test_a_ban_has_a_beginning_and_an_end(self) -> None:
        self.assertEqual(self.said("user", "banned", "ann"), "not banned\n")
        self.assertEqual(self.said("ban", "ann", "--for", "1h"), "until 2027-01-15T09:00:00Z\n")
        self.assertEqual(
            self.said("user", "banned", "ann"), "from 2027-01-15T08:00:00Z until 2027-01-15T09:00:00Z\n"
        )
        refused = self.refused("sessions", "--as", "ann")
        self.assertEqual(refused, "gim: 403, you are banned for 3600 s: wait until then")
        self.assertEqual(self.gim("unban", "ann").err, "ann is not banned\n")
        self.assertEqual(self.printed("user", "banned", "ann")["until"], 0)
        self.said("ban", "ann", "--for", "800d")
        self.assertIn("400", self.refused("ban", "ann", "--for", "9999d"))

    def test_connections_are_listed_and_closed(self) -> None:
        self.user("ann")
        self.user("ann")
        rows = self.said("user", "connections", "ann").splitlines()
        self.assertRegex(rows[0], r"^KEY +NODE +ADDRESS +SINCE$")
        self.assertEqual(len(rows), 3)
        self.assertIn(" unix ", rows[1])
        key = rows[1].split()[0]
        self.assertEqual(self.printed("kick", "ann", key)["key"], key)
        self.assertEqual(len(self.said("kick", "ann").splitlines()), 2)
        self.assertEqual(self.said("user", "connections", "ann", "--json"), "")

    def test_connections_of_all_users_are_listed_and_closed_by_their_keys(self) -> None:
        self.user("ann")
        self.user("bob")
        self.connect()
        rows = self.said("connections", "--sort", "user").splitlines()
        self.assertEqual(
            rows[0].split(),
            ["KEY", "USER", "ADDRESS", "NODE", "CODEC", "UNSENT", "IN", "OUT", "AGE", "LAST", "RTT"],
        )
        self.assertEqual([row.split()[1] for row in rows[1:]], ["ann", "bob", "-"])
        run = self.gim("connections", "--user", "ann", "--count", "1", "--json")
        self.assertEqual((json.loads(run.out)["user_id"], run.err), ("ann", ""))
        run = self.gim("connections", "--count", "2")
        self.assertEqual((len(run.out.splitlines()), run.err), (3, "2 of 3 connections\n"))
        key = rows[3].split()[0]
        self.assertEqual(self.gim("close", key).err, "closed\n")
        self.assertEqual(self.printed("close", rows[1].split()[0]), {"closed": True})
        self.assertIn("404", self.refused("close", key))

    def test_a_chatroom_from_its_creation_to_its_end(self) -> None:
        self.assertEqual(
            self.gim("room", "create", "den", "--name", "Den", "--owner", "ann").err, "created\n"
        )
        self.assertIn("409", self.refused("room", "create", "den"))
        self.assertEqual(self.said("room", "add", "den", "bob", "--role", "admin"), "2 members\n")
        self.assertEqual(self.gim("room", "rename", "den", "Old den").status, 0)
        rows = self.said("members", "den", "--as", "ann").splitlines()
        self.assertEqual(
            [row.split() for row in rows[1:]],
            [["ann", "ann", "owner", "no"], ["bob", "bob", "admin", "no"]],
        )
        self.assertEqual(self.said("mute", "den", "bob", "--for", "10m"), "until 2027-01-15T08:10:00Z\n")
        self.assertEqual(self.gim("unmute", "den", "bob").err, "bob is not muted\n")
        self.assertEqual(self.printed("room", "remove", "den", "bob"), {})
        self.assertEqual(self.gim("room", "dismiss", "den").err, "dismissed\n")
        self.assertIn("404", self.refused("room", "add", "den", "bob"))

    def test_statistics_are_a_table_with_a_total(self) -> None:
        self.user("ann")
        self.said("post", "ann", "hi")
        self.clock.pump([1.0] * 3)
        head, node, total = self.said("stats").splitlines()
        self.assertEqual(head.split(), ["NODE", "CONNECTIONS", "USERS", "CHATROOMS", "MESSAGES"])
        self.assertEqual(total.split(), ["total", "1", "1", "0", "1"])
        self.assertEqual(self.printed("stats")["nodes"][0]["node"], node.split()[0])

    def test_users_and_chatrooms_are_listed_and_shown(self) -> None:
        ann = self.user("ann")
        self.data(ann, 301, id="den")
        self.said("post", "bob", "hi", "--from", "ann")
        rows = self.said("users").splitlines()
        self.assertEqual([row.split() for row in rows[1:]], [["ann", "ann", "yes"]])
        self.assertEqual(self.said("users", "x", "--online", "--json"), "")
        shown = self.said("user", "show", "ann").splitlines()
        self.assertEqual(shown[:2], ["ann  ann  online", "chatrooms: den"])
        self.assertIn("  unix  ", shown[2])
        (row,) = self.said("user", "sessions", "ann", "--type", "private").splitlines()[1:]
        self.assertEqual(row.split()[0], "2:ann:bob")
        for words in ("rooms",), ("rooms", "--sort", "connections"), ("room", "show", "den"):
            (row,) = self.said(*words).splitlines()[1:]
            self.assertEqual(row.split()[:4], ["den", "chatroom:den", "ann", "1"])
        self.said("ban", "ann", "--for", "1h")
        self.assertIn("\nbanned from 2027-", self.said("user", "show", "ann"))

    def test_any_history_is_printed_and_any_members_are_listed(self) -> None:
        self.gim("room", "create", "den", "--owner", "ann")
        sent = self.printed("broadcast", "hi", "--room", "den")
        (message,) = map(json.loads, self.said("messages", "1:den", "--json").splitlines())
        self.assertEqual(message["id"], sent["id"])
        self.assertEqual(self.said("messages", "1:den", "--before", sent["id"]), "")
        self.assertEqual(self.printed("room", "members", "den")["role"], "owner")

    def test_options_are_listed_with_where_they_were_set(self) -> None:
        rows = self.said("options").splitlines()
        self.assertEqual(rows[0].split(), ["OPTION", "VALUE", "FROM"])
        self.assertIn(["--ping-interval", "25s", "default"], [row.split() for row in rows])
        changed = [row.split() for row in self.said("options", "--changed").splitlines()[1:]]
        self.assertIn(["GIM_ADMIN_KEY", "…", "GIM_ADMIN_KEY"], changed)
        self.assertNotIn("default", [row[-1] for row in changed])

    def test_ids_are_percent_encoded(self) -> None:
        self.said("ban", "?a#ö", "--for", "1h")
        self.assertIn(b"PUT /v1/admin/users/%3Fa%23%C3%B6/ban ", self.requests[-1])

    def test_the_key_may_be_in_a_file_or_come_from_standard_input(self) -> None:
        del self.environment["GIM_ADMIN_KEY"]
        path = self.file("key", f"{KEY}\n")
        self.said("stats", "--key-file", path)
        self.said("--key-file", "-", "stats", stdin=f"{KEY}\n")
        self.assertIn(
            "No such file", self.refused("stats", "--key-file", os.path.join(self.home, "none"))
        )
        self.assertIn("empty", self.refused("stats", "--key-file", self.file("empty", "\n")))
        self.assertIn("not a valid key", self.refused("stats", "--key-file", self.file("bad", "a b")))
        self.assertIn("401", self.refused("stats", "--key-file", self.file("wrong", "x" * 20)))
