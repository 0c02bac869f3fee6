"""One data directory, on which gim ends and starts again while users send without a pause."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from random import Random

from msgspec import Struct
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from tests.support.daemon_process import DaemonTestCase, Process, until_gone, workers_in
from tests.support.recovery.correspondents import Device, Poster, Sender, targets_of
from tests.support.recovery.letters import Account, faults_of_histories, faults_of_pushes
from tests.support.redis.environment import HOST, hold_port

USERS = tuple(f"u{number}" for number in range(8))
POSTERS = tuple(f"h{number}" for number in range(6))
ROOMS = "den", "hall"
FAULTS = "Traceback", "Unhandled"  # words of a log that tell of one
LIMIT = 60.0  # seconds for one life of the server, until it has acknowledged what it should
OPTIONS = (
    *("--max-session-messages", "1000000", "--max-read-rate", "0", "--max-send-rate", "0"),
    *("--max-packet-rate", "0", "--enable-message-sequence", "--message-push-duration", "100ms"),
    *("--segment-size", "1MiB", "--drain", "0"),
)


class Life(Struct, frozen=True):
    """One run of the server: how it is started, when it ends, and by which signal."""

    options: tuple[str, ...]
    workers: int
    messages: int  # acknowledged in it until it ends
    seconds: float | None  # None: it ends by the messages; else so long after its start
    signal: int


def lives(dice: Random, count: int, messages: int) -> Iterator[Life]:
    """Draw so many lives that end at random points of about so many messages."""
    for _ in range(count):
        yield Life(
            options=("--sync", dice.choice(("1s", "always"))),
            workers=dice.choice((1, 1, 2)),
            messages=round(dice.uniform(0.02, 1.98) * messages / count),
            seconds=dice.uniform(0, 0.8) if dice.random() < 0.15 else None,
            signal=signal.SIGTERM if dice.random() < 0.15 else signal.SIGKILL,
        )


class RestartsTestCase(DaemonTestCase):
    """Runs lives, one after the other, and takes the account at the end."""

    async def begin(self, seed: int) -> None:
        """Make the directory, and the users, who are not there yet."""
        self.data = FilePath(os.path.abspath(self.mktemp()))
        self.data.makedirs()
        self.data.chmod(0o700)
        holders = hold_port(), hold_port()
        for holder in holders:
            self.addCleanup(holder.close)
        self.ws, self.http = (holder.getsockname()[1] for holder in holders)
        self.account = Account()
        self._is_set_up = False
        self.starts: list[float] = []  # seconds until a life has acknowledged something
        self.terminated = 0
        targets = {user: targets_of(user, USERS, ROOMS) for user in USERS}
        dice = [Random(f"{seed} {name}") for name in (*USERS, *POSTERS)]
        self.devices = [
            Device(self.ws, user, targets[user], one, self.account)
            for user, one in zip(USERS, dice, strict=False)
        ]
        self.posters = [
            Poster(self.http, name, targets_of(name, USERS, ()), one, self.account)
            for name, one in zip(POSTERS, dice[len(USERS) :], strict=True)
        ]

    @property
    def senders(self) -> Sequence[Sender]:
        return [*self.devices, *self.posters]

    def launch(self, life: Life) -> Process:
        """Start the server of a life."""
        addresses = [f"tcp:{port}:interface={HOST}" for port in (self.ws, self.http)]
        words = ("--ws", addresses[0], "--http", addresses[1], "--data-dir", self.data.path)
        workers = ("--gateway-worker", str(life.workers))
        return self.spawn("twistd", "-n", "gim", *words, *OPTIONS, *life.options, *workers)

    async def run_lives(self, lives: Sequence[Life], messages: int) -> Process:
        """Run all lives, each to its end, and one more until so many messages are acknowledged.

        Returns the process of that one, which still serves.
        """
        for life in lives:
            process = self.launch(life)
            await self._set_up()
            if life.seconds is None:
                await self._live(life)
            else:
                await deferLater(reactor, life.seconds)
            await self._end(process, life)
        rest = max(messages - self.account.count, 1)
        last = Life(("--sync", "1s"), workers=1, messages=rest, seconds=None, signal=signal.SIGTERM)
        process = self.launch(last)
        await self._set_up()
        await self._live(last)
        return process

    async def _set_up(self) -> None:
        """In the first life let all log in; from here on they are in their chatrooms, and send."""
        if self._is_set_up:
            return
        self._is_set_up = True
        for device in self.devices:
            await device.come()
            await device.join_all()
        await gatherResults([Deferred.fromCoroutine(poster.log_in()) for poster in self.posters])
        for sender in self.senders:
            self.addCleanup(sender.go)
            sender.start()

    async def _live(self, life: Life) -> None:
        began, before = reactor.seconds(), self.account.count
        await self.account.reaches(before + 1).addTimeout(LIMIT, reactor)
        self.starts.append(reactor.seconds() - began)
        # it fires within the reply that counts, so that others are on their way
        await self.account.reaches(before + life.messages).addTimeout(LIMIT, reactor)

    async def _end(self, process: Process, life: Life) -> None:
        process.signal(life.signal)
        status = await process.exited
        for pid in workers_in(process.output[1]).values():
            await until_gone(pid)
        if life.signal == signal.SIGTERM:
            self.terminated += 1
            # it may be too early for its handler
            self.assertIn(status, (0,) if life.seconds is None else (0, None), process.output)
        self.check_log(process)

    def check_log(self, process: Process) -> None:
        said = process.output[1] + process.output[2]
        for word in FAULTS:
            self.assertNotIn(word, said)

    async def settle(self) -> str:
        """Let all end, and come back once more; check the account. Returns its figures."""
        for sender in self.senders:
            sender.stop()
        await gatherResults([sender.ended for sender in self.senders])
        for device in self.devices:
            await device.come_again()
        histories = {}
        letters = [letter for sender in self.senders for letter in sender.letters]
        for session_id in sorted({letter.session_id for letter in letters}):
            histories[session_id] = await self._reader_of(session_id).history(session_id)
        faults = [*self.account.faults, *faults_of_histories(letters, histories)]
        for device in self.devices:
            faults += faults_of_pushes(device.user_id, device.pushed | device.heard, histories)
            await device.hang_up()
        self.assertEqual(faults[:5], [], f"{len(faults)} faults")
        again = sum(letter.tries > 1 for letter in letters)
        logins = sum(device.logins for device in self.devices)
        by_http = sum(len(poster.letters) for poster in self.posters)
        return (
            f"{len(letters)} messages acknowledged, {by_http} over HTTP, {again} sent more than once, "
            f"{logins} logins, the longest start {max(self.starts):.1f} s: 0 lost, 0 twice"
        )

    def _reader_of(self, session_id: str) -> Device:
        names = session_id.split(":")
        reader = names[1] if names[0] == "1" else next(name for name in names[1:] if name in USERS)
        return next(device for device in self.devices if names[0] == "1" or device.user_id == reader)
