"""The program of the Twisted client."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredSemaphore
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from gim.client.events import Error, Event, Failed, Gap, Message, Reset, Sent, State
from gim.client.outcome import GimError
from gim.client.twisted import GimClient
from tests.integration.clients.programs.job import (
    JOIN_PAUSE,
    ClientJob,
    Reports,
    read_job,
    receiver,
)


class Talker:
    """One client of the job."""

    def __init__(self, job: ClientJob) -> None:
        self._job = job
        self._reports = Reports(job.user)
        self._window = DeferredSemaphore(job.window)
        self._joining: Deferred[None] | None = None
        self._called: list[Deferred[None]] = []
        self.stopped = False
        self.client = GimClient(job.url, id=job.user, fill=job.fill, store=job.file_store())
        kinds: tuple[type[Event], ...] = (State, Reset, Message, Gap, Sent, Failed, Error)
        for kind in kinds:
            self.client.on(kind, self._reports.event)
        self.client.on(Reset, self._join_anew)
        self._connecting = reactor.callLater(job.after, self.client.startService)

    async def close(self) -> None:
        if self._joining is not None:
            self._joining.cancel()
        if self._connecting.active():
            self._connecting.cancel()
        else:
            await self.client.stopService()
        self._reports.write("closed")

    def _join_anew(self, reset: Reset) -> None:
        if reset.reason == "missed":
            return
        if self._joining is not None:
            self._joining.cancel()
        self._joining = Deferred.fromCoroutine(self._join_all())
        self._joining.addErrback(lambda failure: failure.trap(CancelledError))

    async def _join_all(self) -> None:
        for room in self._job.rooms:
            while not await self._joins(room):
                await deferLater(reactor, JOIN_PAUSE)
            self._reports.write("joined", room=room)

    async def _joins(self, room: str) -> bool:
        try:
            await self.client.join(room)
        except GimError:
            return False
        return True

    async def send_all(self) -> None:
        """Send all that the job says."""
        for number in range(self._job.sends):
            await self._window.acquire()
            if self.stopped:
                break
            self._called.append(self._send(number))
            await deferLater(reactor, self._job.pause)
        await DeferredList(self._called)
        if self._job.sends:
            self._reports.write("done")

    def _send(self, number: int) -> Deferred[None]:
        sent = self.client.send(receiver(self._job.target(number)), self._job.content(number))
        waiting = self.client.unsent()
        request_id = waiting[-1].request_id if waiting and not sent.called else ""
        self._reports.call(number, request_id, self._job)

        def end(result: Sent | Failure) -> None:
            if isinstance(result, Failure):
                result.trap(GimError)
            how: Any = result.value if isinstance(result, Failure) else result
            self._reports.end(number, request_id, how)
            self._window.release()

        return sent.addBoth(end)


class Commands(LineOnlyReceiver):
    """Takes the job and the commands."""

    delimiter = b"\n"
    MAX_LENGTH = 2**24  # bytes; the job of many clients is long

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self._closing = False
        self._talkers: list[Talker] = []
        self._sending: list[Deferred[None]] = []

    def lineReceived(self, line: bytes) -> None:
        if not self._talkers:
            self._talkers = [Talker(job) for job in read_job(line.decode())]
            return
        match json.loads(line)["do"]:
            case "send":
                self._sending = [Deferred.fromCoroutine(each.send_all()) for each in self._talkers]
            case "stop":
                self._stop()
            case "wake":
                for talker in self._talkers:
                    talker.client.wake()
            case "close":
                self._close()

    def connectionLost(self, reason: Any = None) -> None:
        self._close()

    def _stop(self) -> None:
        for talker in self._talkers:
            talker.stopped = True

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            Deferred.fromCoroutine(self._close_all()).chainDeferred(self.ended)

    async def _close_all(self) -> None:
        self._stop()
        await DeferredList([Deferred.fromCoroutine(each.close()) for each in self._talkers])
        await DeferredList(self._sending)


def run(reactor: Any) -> Deferred[None]:
    commands = Commands()
    StandardIO(commands)
    return commands.ended


if __name__ == "__main__":
    react(run)
