"""The data of the memory store with the journal below it, on the real reactor."""

from __future__ import annotations

import errno
import gc
import os
from typing import Any

from twisted.application.service import Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from gim.concurrency.clocks import WallClock
from gim.daemon.durable_data import DurableData
from gim.errors import Unavailable
from gim.ids import private_session
from gim.journal.directory import check_directory, open_directory
from gim.journal.records import frame
from gim.journal.settings import JournalSettings
from gim.model import Sent, User
from gim.startup import StartupError
from gim.storage.durable.restored import RestoredStorage
from gim.storage.interface import Draft
from gim.storage.memory.store import MemoryStore
from gim.storage.settings import MemorySettings
from tests.support.settings import storage_limits


class DurableDataTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        os.mkdir(self.path, 0o700)
        self.failures: list[str] = []
        self.ended: list[DurableData] = []
        self.addCleanup(gc.unfreeze)

    def data(self, **changes: Any) -> DurableData:
        values = {"data_dir": self.path, "sync": 0.01, "damage": "refuse", "segment_size": 2**20}
        journal = JournalSettings(**(values | changes))
        settings = MemorySettings(
            max_session_messages=100, max_messages=1000, ttl=86400.0, sequences=True, journal=journal
        )
        clock: Any = reactor
        data = DurableData(
            settings, journal, storage_limits(clock), clock, WallClock(), self.failures.append
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.end(data)))
        return data

    async def end(self, data: DurableData) -> None:
        if data in self.ended:
            return
        self.ended.append(data)
        if (stopped := data.stopService()) is not None:
            await stopped
        await data.close()

    async def send(self, data: DurableData, text: str) -> Sent:
        draft = Draft(private_session("ann", "bob"), User("ann", "Ann"), text)
        return await MemoryStore(data.data).messages.append(draft)

    async def test_what_is_sent_is_there_after_a_restart_with_the_same_identity(self) -> None:
        one = self.data()
        one.startService()
        await one.restored()
        sent = await self.send(one, "x")
        await self.end(one)
        other = self.data()
        other.startService()
        await other.restored()
        self.assertEqual((other.data.epoch, other.data.token_key), (one.data.epoch, one.data.token_key))
        self.assertEqual(other.data.kept_messages, 1)
        later = await self.send(other, "y")
        self.assertEqual((later.sequence, later.id > sent.id), (2, True))
        self.assertEqual(self.failures, [])

    async def fill(self) -> str:
        """Leave three messages in the directory; return the epoch."""
        data = self.data()
        data.startService()
        await data.restored()
        for text in "first", "second", "third":
            await self.send(data, text)
        await self.end(data)
        return data.data.epoch

    async def test_children_start_when_all_is_restored(self) -> None:
        await self.fill()
        data, child = self.data(), Service()
        child.setServiceParent(data)
        data.startService()
        self.assertFalse(child.running)
        with self.assertRaisesRegex(Unavailable, r"is starting and has restored \d+ % of its data"):
            data.check_restored()
        await data.restored()
        data.check_restored()
        self.assertTrue(child.running)
        await self.end(data)
        self.assertFalse(child.running)

    async def test_a_stop_while_it_is_restored_lets_go_of_the_directory(self) -> None:
        await self.fill()
        data, child = self.data(), Service()
        child.setServiceParent(data)
        data.startService()
        await self.end(data)
        self.assertFalse(child.running)
        open_directory(self.path).close()
        self.assertEqual(self.failures, [])

    async def test_a_directory_that_is_in_use_ends_the_start(self) -> None:
        self.addCleanup(open_directory(self.path).close)
        self.assertRaises(StartupError, self.data().startService)
        check_directory(self.path)

    async def test_damage_ends_the_daemon(self) -> None:
        await self.damaged()
        data = self.data()
        data.startService()
        await data._restoring  # type: ignore[misc]
        (line,) = self.failures
        self.assertRegex(line, r"^--data-dir: .*log-00000001.gim: the record at offset \d+ is damaged")
        with self.assertRaises(Unavailable):
            data.check_restored()

    async def test_it_goes_on_without_what_is_damaged_if_it_is_to(self) -> None:
        before = await self.damaged()
        data = self.data(damage="keep-going")
        data.startService()
        await data.restored()
        self.assertEqual((data.figures.damaged, data.data.kept_messages), (1, 2))
        self.assertNotEqual(data.data.epoch, before)

    async def test_a_record_that_can_not_be_read_is_damage_too(self) -> None:
        before = await self.fill()
        directory = open_directory(self.path)
        with open(directory.logs()[-1].path, "ab") as file:
            file.write(frame(b"\x91\x07"))  # a record of a kind with other fields
        directory.close()
        data = self.data()
        data.startService()
        await data._restoring  # type: ignore[misc]
        self.assertRegex(self.failures.pop(), r"^--data-dir: .* can't be read: .*keep-going to go on")
        await self.end(data)
        data = self.data(damage="keep-going")
        data.startService()
        await data.restored()
        self.assertEqual((data.figures.damaged, data.data.kept_messages), (1, 3))
        self.assertNotEqual(data.data.epoch, before)

    async def test_a_file_that_can_not_be_read_is_named(self) -> None:
        await self.fill()
        name = os.path.join(self.path, "log-00000001.gim")
        os.unlink(name)
        os.mkdir(name)
        data = self.data()
        data.startService()
        await data._restoring  # type: ignore[misc]
        self.assertEqual(
            self.failures.pop(), f"--data-dir: {name} can't be read or written: Is a directory"
        )
        data._not_restored(Failure(PermissionError(errno.EACCES, "Permission denied", name)))
        self.assertRegex(self.failures.pop(), "Permission denied: give it to the user that gim runs as$")
        await self.end(data)

    async def damaged(self) -> str:
        """Damage the first of three messages; return the epoch."""
        epoch = await self.fill()
        path = os.path.join(self.path, "log-00000001.gim")
        with open(path, "r+b") as file:
            content = file.read()
            file.seek(content.index(b"first"))
            file.write(b"F")
        return epoch

    async def test_what_it_counts(self) -> None:
        data = self.data(sync="always")
        data.startService()
        await data.restored()
        store = data.stored(MemoryStore(data.data))
        self.assertIsInstance(store, RestoredStorage)
        figures = data.figures
        self.assertEqual(figures.written_bytes, 0)
        await store.messages.append(Draft(private_session("ann", "bob"), User("ann", "Ann"), "x"))
        self.assertGreater(figures.written_bytes, 50)
        self.assertEqual((figures.unsynced_bytes, figures.segments, figures.is_failing), (0, 1, False))
        self.assertGreater(sum(figures.sync_times), 0)
        self.assertGreater(figures.free_bytes, 0)
