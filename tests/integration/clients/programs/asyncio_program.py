"""The program of the asyncio client."""

from __future__ import annotations

import asyncio
import json
import sys

from gim.client.asyncio import Client
from gim.client.events import Reset, Sent
from gim.client.outcome import GimError
from tests.integration.clients.programs.job import (
    JOIN_PAUSE,
    ClientJob,
    Reports,
    read_job,
    receiver,
)


class Talker:
    """One client of the job."""

    def __init__(self, job: ClientJob, start: asyncio.Event) -> None:
        self._job, self._start = job, start
        self._reports = Reports(job.user)
        self._window = asyncio.Semaphore(job.window)
        self._joining: asyncio.Task[None] | None = None
        self.stopped = False
        self.client = Client(job.url, id=job.user, fill=job.fill, store=job.file_store())

    async def run(self) -> None:
        """Connect, and report what happens until the client is closed."""
        await asyncio.sleep(self._job.after)
        connecting = asyncio.create_task(self.client.connect())
        sending = asyncio.create_task(self._send_all())
        async for event in self.client.events():
            self._reports.event(event)
            if isinstance(event, Reset) and event.reason != "missed":
                self._join_anew()
        await asyncio.wait([sending])
        self._stop_joining()
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)

    async def close(self) -> None:
        await self.client.close()
        self._reports.write("closed")

    def _join_anew(self) -> None:
        self._stop_joining()
        self._joining = asyncio.create_task(self._join_all())

    def _stop_joining(self) -> None:
        if self._joining is not None:
            self._joining.cancel()

    async def _join_all(self) -> None:
        for room in self._job.rooms:
            while not await self._joins(room):
                await asyncio.sleep(JOIN_PAUSE)
            self._reports.write("joined", room=room)

    async def _joins(self, room: str) -> bool:
        try:
            await self.client.join(room)
        except GimError:
            return False
        return True

    async def _send_all(self) -> None:
        await self._start.wait()
        called = []
        for number in range(self._job.sends):
            await self._window.acquire()
            if self.stopped:
                break
            called.append(self._send(number))
            await asyncio.sleep(self._job.pause)
        await asyncio.gather(*called)
        if self._job.sends:
            self._reports.write("done")

    def _send(self, number: int) -> asyncio.Task[None]:
        pending = self.client.post(receiver(self._job.target(number)), self._job.content(number))
        self._reports.call(number, pending.request_id, self._job)

        async def end() -> None:
            result: Sent | GimError
            try:
                result = await pending
            except GimError as error:
                result = error
            self._reports.end(number, pending.request_id, result)
            self._window.release()

        return asyncio.create_task(end())


async def run() -> None:
    lines = asyncio.StreamReader(limit=2**24)  # bytes; the job of many clients is long
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    start = asyncio.Event()
    talkers = [Talker(job, start) for job in read_job((await lines.readline()).decode())]
    running = asyncio.gather(*(talker.run() for talker in talkers))
    async for line in lines:
        match json.loads(line)["do"]:
            case "send":
                start.set()
            case "stop":
                stop(talkers)
            case "wake":
                for talker in talkers:
                    talker.client.wake()
            case "close":
                break
    stop(talkers)
    start.set()
    await asyncio.gather(*(talker.close() for talker in talkers))
    await running


def stop(talkers: list[Talker]) -> None:
    """Call no more sends."""
    for talker in talkers:
        talker.stopped = True


if __name__ == "__main__":
    asyncio.run(run())
