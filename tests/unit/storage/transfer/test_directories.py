"""Dumps of data directories, and data directories that are made of dumps."""

from __future__ import annotations

import os
import shutil
from collections.abc import Coroutine
from tempfile import mkdtemp
from typing import Any

from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gim.ids import private_session
from gim.journal.backup import Unfit, survey_now
from gim.journal.directory import read_meta
from gim.model import Role
from gim.storage.transfer.reader import BadDump
from tests.support.clocks import SettableWallClock
from tests.support.dumps import Dump, dump_of_directory, live, load_into_directory, trimmed
from tests.support.journal.directories import DirectoryTestCase
from tests.support.journal.stores import SETTINGS, JournalledStore
from tests.support.storage_behaviour.base import (
    AB,
    ROOM,
    contents_of,
    line_of,
    listed,
    messages_of,
    private,
    send,
)

START = 1_795_430_715.0  # seconds, Unix time


class TransferTestCase(DirectoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        parent = mkdtemp()
        self.addCleanup(shutil.rmtree, parent)
        self.to = os.path.join(parent, "to")
        self.clock = Clock()
        self.wall = SettableWallClock(lambda: START + self.clock.seconds())

    def run_now(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def begun(self, path: str = "", **changes: Any) -> JournalledStore:
        """Start a server on a directory."""
        process = JournalledStore(path or self.path, self.clock, self.wall, **changes)
        self.addCleanup(process.kill)
        return process

    def dump(self, path: str = "") -> Dump:
        return dump_of_directory(path or self.path, self.wall)

    def lived(self) -> None:
        """Let a server live and end in the directory."""
        process = self.begun()
        self.run_now(live(process.store))
        process.close()


class DumpTests(TransferTestCase):
    def test_a_loaded_dump_gives_the_same_dump(self) -> None:
        self.lived()
        dump = self.dump()
        load_into_directory(dump, self.to)
        again = self.dump(self.to)
        self.assertEqual(again.body, dump.body)
        self.assertGreaterEqual(again.head["last_id"], dump.head["last_id"])
        self.assertNotEqual(again.head["epoch"], dump.head["epoch"])

    def test_a_dump_says_what_happened(self) -> None:
        self.lived()
        dump = self.dump()
        self.assertEqual(
            [(line["content"], line["status"], line["sequence"]) for line in dump.of("message")],
            [("one", 1, 1), ("", 2, 2), ("three", 1, 3), ("hello", 1, 1), ("bye", 1, 2)],
        )
        self.assertEqual([line.get("request_id") for line in dump.of("message")][2:4], ["r1", "r2"])
        den = next(line for line in dump.of("chatroom") if line["id"] == "den")
        self.assertEqual(
            (den["owner_id"], den["admins"], list(den["muted"])), ("ann", ["cat", "bob"], ["bob"])
        )
        self.assertEqual(len(dump.of("member")), 5)
        self.assertEqual(dump.of("end")[0]["lines"], len(dump.lines) - 2)

    def test_it_dumps_the_directory_of_a_server_that_runs(self) -> None:
        process = self.begun()
        self.run_now(live(process.store))
        process.ticker.tick()
        running = self.dump()
        process.close()
        self.assertEqual(running.body, self.dump().body)

    def test_a_damaged_directory_is_refused(self) -> None:
        self.lived()
        content = bytearray(self.content())
        content[100] ^= 1
        self.put(bytes(content))
        with self.assertRaisesRegex(Unfit, "gim log verify"):
            self.dump()

    def test_limits_that_are_given_apply_and_others_remove_nothing(self) -> None:
        process = self.begun()
        self.run_now(send(process.store, *(private("ann", "bob", str(n)) for n in range(5))))
        process.close()
        self.assertEqual(len(self.dump().of("message")), 5)
        fewer = structs.replace(SETTINGS, max_session_messages=2)
        dump = dump_of_directory(self.path, self.wall, fewer)
        self.assertEqual([line["content"] for line in dump.of("message")], ["3", "4"])


class LoadTests(TransferTestCase):
    def test_a_server_on_a_loaded_dump_goes_on_as_before(self) -> None:
        process = self.begun()
        self.run_now(live(process.store))
        store = process.store
        before = self.run_now(messages_of(store, AB)), self.run_now(listed(store, "bob"))
        unread = self.run_now(line_of(store, "bob", AB)).unread
        process.close()
        load_into_directory(self.dump(), self.to, keeps_epoch=True)
        loaded = self.begun(self.to)
        self.assertEqual(loaded.data.epoch, process.data.epoch)
        store = loaded.store
        self.assertEqual(
            (self.run_now(messages_of(store, AB)), self.run_now(listed(store, "bob"))), before
        )
        self.assertEqual(self.run_now(line_of(store, "bob", AB)).unread, unread)
        (again,) = self.run_now(send(store, private("ann", "bob", "three", request_id="r1")))
        self.assertEqual(again.id, before[0][-1].id)
        (sent,) = self.run_now(send(store, private("ann", "bob", "four")))
        self.assertGreater(sent.id, before[0][-1].id)
        self.assertEqual(sent.sequence, 4)
        members, *_ = self.run_now(store.chatrooms.members("den", "ann", "", 10))
        self.assertEqual(
            [(one.id, one.role) for one in members],
            [("ann", Role.OWNER), ("bob", Role.ADMIN), ("cat", Role.ADMIN)],
        )
        self.assertGreater(self.run_now(store.moderation.ban_of("zoe")).until, 0)
        self.assertEqual(self.run_now(contents_of(store, ROOM)), ["hello", "bye"])
        self.assertEqual(self.run_now(store.webhook_log.users_to_reannounce(10)), ["ann"])

    def test_what_was_lost_stays_lost(self) -> None:
        process = self.begun(max_session_messages=2)
        self.run_now(trimmed(process.store))
        list(process.checkpoint())
        process.close()
        load_into_directory(self.dump(), self.to)
        store = self.begun(self.to).store
        self.assertFalse(self.run_now(store.messages.missed("dan", "0" * 32, 10)).complete)
        self.assertEqual(len(self.run_now(messages_of(store, private_session("ann", "dan")))), 2)

    def test_ids_go_on_above_those_of_the_dump_whatever_the_clock_says(self) -> None:
        self.lived()
        dump = self.dump()
        load_into_directory(dump, self.to)
        self.wall.step(-10_000)
        (sent,) = self.run_now(send(self.begun(self.to).store, private("ann", "bob")))
        self.assertGreater(sent.id, dump.head["last_id"])

    def test_many_messages_fill_several_logs(self) -> None:
        process = self.begun()
        self.run_now(send(process.store, *(private("ann", "bob", "x" * 500) for _ in range(100))))
        process.close()
        load_into_directory(self.dump(), self.to)
        found = survey_now(self.to)
        self.assertGreater(len(found.logs), 3)
        self.assertEqual((found.problems, found.torn), ([], []))
        self.assertEqual(len(self.dump(self.to).of("message")), 100)

    def test_a_directory_with_anything_in_it_is_refused(self) -> None:
        self.lived()
        with self.assertRaisesRegex(Unfit, "is not empty"):
            load_into_directory(self.dump(), self.path)

    def test_nothing_is_left_of_a_bad_dump(self) -> None:
        self.lived()
        dump = self.dump()
        half = Dump("".join(line.decode() for line in dump.lines[:-1]))
        with self.assertRaises(BadDump):
            load_into_directory(half, self.to)
        self.assertFalse(os.path.exists(self.to))

    def test_the_keys_are_new(self) -> None:
        self.lived()
        load_into_directory(self.dump(), self.to, keeps_epoch=True)
        was, now = read_meta(self.path), read_meta(self.to)
        assert was is not None and now is not None
        self.assertEqual((now.epoch, now.created), (was.epoch, was.created))
        self.assertNotEqual(now.token_key, was.token_key)
