"""Parts of the client that no scenario reaches."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from gim.client import calls
from gim.client.core import Core
from gim.client.event_queue import EventQueue
from gim.client.events import Gap, Message, message_of
from gim.client.ops import Op
from gim.client.outcome import GimError
from gim.client.positions import KNOWN_PRIVATE, KNOWN_SENT, Positions
from gim.client.settings import Settings
from gim.client.store import FileStore
from gim.client.token import expiry_of

SESSION = "1:9999"


def jwt(claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


class TokenTests(SynchronousTestCase):
    def test_the_end_of_a_token_is_its_exp(self) -> None:
        self.assertEqual(expiry_of(jwt({"exp": 1_800_000_000})), 1_800_000_000)
        for token in jwt({}), jwt([]), jwt({"exp": "soon"}), "t1", "a.b.c", "a.%.c", "é.é.é":
            self.assertIsNone(expiry_of(token), token)


class FileStoreTests(SynchronousTestCase):
    def test_it_returns_what_was_saved_last(self) -> None:
        store = FileStore(self.mktemp())
        self.assertIsNone(store.load())
        for number in 1, 2:
            store.save({"number": number})
        self.assertEqual(store.load(), {"number": 2})

    def test_only_the_owner_may_read_it(self) -> None:
        path = self.mktemp()
        FileStore(path).save({})
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_another_file_is_refused(self) -> None:
        path = self.mktemp()
        for text in "[]", "hello":
            with open(path, "w") as file:
                file.write(text)
            with self.assertRaises(ValueError):
                FileStore(path).load()


class OutcomeTests(SynchronousTestCase):
    def test_some_failures_pass(self) -> None:
        for code, temporary in ((429, True), (503, True), ("timeout", True), (403, False)):
            self.assertEqual(GimError(code, "no").temporary, temporary)

    def test_each_send_has_an_id_of_its_own(self) -> None:
        core = Core(Settings("1001"), 0.0)
        ids = {core.send(2, "1002", "hello", "text", 0.0) for _ in range(100)}
        self.assertEqual({len(id) for id in ids}, {32})
        self.assertEqual(len(ids), 100)


class EventQueueTests(SynchronousTestCase):
    def message(self, number: int) -> Message:
        return message_of({"id": f"{number:032x}", "session_id": SESSION})

    def test_a_gap_follows_once_half_of_the_queue_is_free(self) -> None:
        queue = EventQueue(4)
        for number in range(6):
            queue.put_message(self.message(number), f"{number - 1:032x}" if number else None)
        taken = [queue.take()]
        self.assertEqual(len(queue), 3)
        queue.put_message(self.message(6), None)  # there is room, but others were lost before it
        taken.append(queue.take())
        self.assertEqual(len(queue), 3)
        self.assertEqual(taken, [self.message(0), self.message(1)])
        rest = [queue.take() for _ in range(3)]
        self.assertEqual(rest[2], Gap(SESSION, f"{3:032x}", None, 3))
        self.assertIsNone(queue.take())


class PositionTests(SynchronousTestCase):
    def test_only_the_newest_private_sessions_are_kept(self) -> None:
        positions = Positions()
        for number in range(KNOWN_PRIVATE + 1):
            positions.take_private(f"2:{number}:x", f"{number:032x}")
        self.assertEqual(len(positions.private), KNOWN_PRIVATE)
        self.assertNotIn("2:0:x", positions.private)

    def test_only_the_newest_sent_ids_are_kept(self) -> None:
        positions = Positions()
        for number in range(KNOWN_SENT + 1):
            positions.sent(f"{number:032x}")
        self.assertFalse(positions.take_private("2:a:b", f"{1:032x}")[0])
        self.assertTrue(positions.take_private("2:a:c", f"{0:032x}")[0])

    def test_a_state_that_is_saved_has_what_was_listed(self) -> None:
        positions = Positions()
        positions.take_room(SESSION, f"{5:032x}")
        positions.listed |= {SESSION: f"{7:032x}", "1:8888": f"{1:032x}"}
        rooms = {SESSION: f"{7:032x}", "1:8888": f"{1:032x}"}
        self.assertEqual(positions.state()["newest"], rooms)
        again = Positions()
        again.load(positions.state())
        self.assertEqual(again.rooms, rooms)


class CallTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def message(self, number: int) -> dict[str, Any]:
        return {"id": f"{number:032x}", "session_id": SESSION, "content": str(number)}

    def ask(self, call: Any) -> Awaitable[Any]:
        """Answer as a session with 250 messages does, and lists in two pages."""
        self.bodies.append(call.body)
        if call.op == Op.HISTORY:
            end = int(call.body.get("message_id", f"{250:x}"), 16)
            start = max(0, end - call.body["count"])
            items = [self.message(number) for number in range(start, end)]
            return succeed(call.read({"items": items, "has_more": start > 0}))
        cursor = "" if call.body["cursor"] else "more"
        row = {"id": f"row{cursor}", "type": 1, "title": "x", "last": None, "unread": 0}
        row |= {"name": "x", "online": True, "role": "member"}
        return succeed(call.read({"items": [row], "cursor": cursor}))

    def fill(self, gap: Gap) -> list[int]:
        found = self.successResultOf(Deferred.fromCoroutine(calls.messages_in(self.ask, gap)))
        return [int(message.content) for message in found]

    def test_a_gap_is_read_up_to_what_is_known(self) -> None:
        gap = Gap(SESSION, f"{20:032x}", f"{240:032x}", None)
        self.assertEqual(self.fill(gap), list(range(21, 240)))
        self.assertEqual(len(self.bodies), 3)

    def test_a_gap_without_a_beginning_has_what_was_skipped(self) -> None:
        self.assertEqual(self.fill(Gap(SESSION, None, None, 120)), list(range(130, 250)))
        self.assertEqual(self.fill(Gap(SESSION, None, f"{3:032x}", None)), [0, 1, 2])

    def test_lists_are_read_page_by_page(self) -> None:
        for coroutine in calls.all_sessions(self.ask), calls.all_members(self.ask, "9999"):
            rows: Any = self.successResultOf(Deferred.fromCoroutine(coroutine))
            self.assertEqual([row.id for row in rows], ["rowmore", "row"])
