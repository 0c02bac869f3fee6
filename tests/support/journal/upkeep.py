"""Journalled stores whose logs are kept small, in a directory that goes with the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from tempfile import mkdtemp
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.ids import SYSTEM, chatroom_session, private_session
from gim.journal import new_file
from gim.journal.files import LOG, STATE, files_of, read_file
from gim.journal.threads import AtOnce, Threads
from gim.model import Message, Sent, User
from gim.storage.durable.upkeep import Upkeep
from gim.storage.interface import Draft
from tests.support.clocks import SettableWallClock
from tests.support.journal.stores import JournalledStore

START = 1_700_000_000.0  # seconds

ANN, BOB = User("ann", "Ann"), User("bob", "Bob")


class Crashing:
    """Runs jobs in place until it has run *jobs*; no later one begins, as after a crash."""

    def __init__(self, jobs: int) -> None:
        self.left = jobs

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        if not self.left:
            return Deferred()
        self.left -= 1
        return maybeDeferred(function, *args)

    def stop(self) -> None:
        pass


class Failing:
    """Runs jobs in place; number *job*, counted from 0, fails. Those that clean up are not counted."""

    def __init__(self, job: int, error: OSError) -> None:
        self._job = job
        self._error = error
        self.count = 0
        self.has_failed = False

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        self.count += function not in (os.close, new_file.remove_temporary)
        if self.count == self._job + 1 and not self.has_failed:
            self.has_failed = True
            return maybeDeferred(self._fail)
        return maybeDeferred(function, *args)

    def _fail(self) -> None:
        raise self._error

    def stop(self) -> None:
        pass


class KeptStore(JournalledStore):
    """A store with its upkeep; everything runs when the clock is moved."""

    def __init__(self, path: str, clock: Clock, threads: Threads | None = None, **changes: Any) -> None:
        """*changes* are as for a `JournalledStore`."""
        wall = SettableWallClock(clock.seconds)
        super().__init__(path, clock, wall, **changes)
        self.upkeep = Upkeep(
            self.data, self.journal, self.ledger, self._settle, threads or AtOnce(), clock
        )
        self.upkeep.startService()
        self.ended = False

    def _settle(self) -> Deferred[None]:
        self.ticker.tick()
        self.journal.finish_closed()
        return succeed(None)

    def kill(self) -> None:
        self.upkeep.stopService()
        super().kill()

    def close(self) -> None:
        self.upkeep.stopService()
        super().close()

    def end(self, killed: bool = False) -> None:
        """End the process, unless it has ended."""
        if not self.ended:
            self.ended = True
            if killed:
                self.kill()
            else:
                self.close()


class UpkeepTestCase(SynchronousTestCase):
    """Tests with a directory, a clock and one process after the other."""

    def setUp(self) -> None:
        self.path = mkdtemp()
        self.addCleanup(shutil.rmtree, self.path)
        self.clock = Clock()
        self.clock.advance(START)
        self.settings: dict[str, Any] = {}
        self.process: KeptStore | None = None

    def start(self, threads: Threads | None = None, path: str = "", **changes: Any) -> KeptStore:
        """Begin a process. *changes* are those of a `JournalledStore`, also of all later ones."""
        self.settings.update(changes)
        process = KeptStore(path or self.path, self.clock, threads, **self.settings)
        self.addCleanup(process.end, killed=True)
        return process

    def wait(self, seconds: float) -> None:
        """Let time pass: a second, and then steps of up to half a minute."""
        until = self.clock.seconds() + seconds
        step = 1.0
        while self.clock.seconds() < until:
            self.clock.advance(min(step, until - self.clock.seconds()))
            step = 30.0

    def work(self, times: int = 400) -> None:
        """Let work that pauses after each step go on."""
        for _ in range(times):
            self.clock.advance(0.0025)

    def send(
        self, process: KeptStore, text: str, room: str = "", sender: User = ANN, to: str = "bob"
    ) -> Sent:
        """Store a message."""
        session = chatroom_session(room) if room else private_session(sender.id, to)
        draft = Draft(session, sender, text)
        sent: Sent = self.successResultOf(Deferred.fromCoroutine(process.store.messages.append(draft)))
        self.clock.advance(0.001)
        return sent

    def done(self, coroutine: Any) -> Any:
        """Return the result of a coroutine that does not wait."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def recall(self, process: KeptStore, sent: Sent | Message) -> None:
        """Recall a message."""
        kind, *parts = sent.session_id.split(":")
        session = chatroom_session(*parts) if kind == "1" else private_session(*parts)
        self.done(process.store.moderation.recall(session, SYSTEM, sent.id))

    def texts(self, process: KeptStore) -> list[tuple[str, str, int]]:
        """Return what the store has: ids, contents and statuses of all messages."""
        messages = process.data.archive.messages
        return sorted((one.id, one.content, one.status) for one in messages)

    def on_disk(self) -> bytes:
        """Return all bytes of all files."""
        return b"".join(
            read_file(os.path.join(path, name)) for path, _, names in os.walk(self.path) for name in names
        )

    def used(self) -> int:
        """Return the bytes that the logs and checkpoints take on the disk."""
        files = [*files_of(self.path, LOG), *files_of(self.path, STATE)]
        return sum(os.stat(file.path).st_blocks * 512 for file in files)

    def numbers(self, kind: str = LOG) -> list[int]:
        """Return the numbers of the logs, or of the checkpoints."""
        return [file.number for file in files_of(self.path, kind)]
