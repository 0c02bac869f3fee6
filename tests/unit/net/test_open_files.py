"""Which clients get the last files that the process may open."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from gim.net.open_files import MAX_UNMEASURED, RESERVED_FILES, OpenFiles

FOR_HTTP = RESERVED_FILES // 4


class Port:
    """A port of a factory that accepts all clients."""

    def __init__(self) -> None:
        self.factory: Any = Factory.forProtocol(Protocol)

    def accepts(self) -> bool:
        return self.factory.buildProtocol(None) is not None


class OpenFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.idle = self.refused = 0
        self.files = OpenFiles(1000, self.close_idle)
        self.api = Port()
        self.files.guard_http(cast(Any, self.api), self.refuse)

    def close_idle(self, keep: int) -> bool:
        is_any = self.idle > keep
        self.idle -= is_any
        return is_any

    def refuse(self) -> None:
        self.refused += 1

    def leave(self, left: int, idle: int) -> None:
        """Have so many files left, and so many idle connections of HTTP."""
        self.idle = idle
        self.patch(self.files, "_left", lambda: left)

    def test_with_files_left_nothing_is_closed(self) -> None:
        self.leave(RESERVED_FILES + 1, idle=200)
        self.assertFalse(self.files.are_short())
        self.assertTrue(self.api.accepts())
        self.assertEqual(self.idle, 200)

    def count_measurements(self, limit: int, clients: int) -> int:
        """Return how often the files are counted while so many clients come."""
        files, opened, opens = OpenFiles(limit, self.close_idle), [], os.open
        self.patch(os, "open", lambda *args: opened.append(args) or opens(*args))
        for _ in range(clients):
            files.are_short()
        return len(opened)

    def test_while_many_are_left_they_are_counted_now_and_then(self) -> None:
        self.assertEqual(self.count_measurements(2**20, 5 * (MAX_UNMEASURED + 1)), 5)

    def test_near_the_reserve_they_are_counted_for_each_client(self) -> None:
        self.assertEqual(self.count_measurements(40, 5), 5)

    def test_an_idle_connection_makes_room_for_a_websocket_client(self) -> None:
        self.leave(RESERVED_FILES, idle=FOR_HTTP + 1)
        self.assertFalse(self.files.are_short())
        self.assertEqual(self.idle, FOR_HTTP)
        self.assertTrue(self.files.are_short())
        self.assertEqual(self.idle, FOR_HTTP)  # for the HTTP API

    def test_but_not_for_more_at_once_than_the_reserve_bears(self) -> None:
        self.leave(RESERVED_FILES - FOR_HTTP, idle=200)
        self.assertTrue(self.files.are_short())
        self.assertEqual(self.idle, 200)

    def test_above_the_share_of_http_an_idle_connection_makes_room_for_each_new_one(self) -> None:
        self.leave(RESERVED_FILES, idle=FOR_HTTP + 1)
        self.assertTrue(self.api.accepts())
        self.assertEqual(self.idle, FOR_HTTP)
        self.assertTrue(self.api.accepts())
        self.assertEqual(self.idle, FOR_HTTP)

    def test_before_the_last_files_are_taken_any_idle_connection_makes_room(self) -> None:
        self.leave(FOR_HTTP, idle=1)
        self.assertTrue(self.api.accepts())
        self.assertEqual((self.idle, self.refused), (0, 0))
        self.assertFalse(self.api.accepts())
        self.assertEqual(self.refused, 1)

    def test_the_very_last_files_are_for_no_client(self) -> None:
        self.leave(FOR_HTTP // 2, idle=5)
        self.assertFalse(self.api.accepts())
        self.assertEqual(self.refused, 1)
