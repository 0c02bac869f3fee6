"""The processes of the generator, as the command sees them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gim.benchmark.plan import Plan
from gim.cli.failures import Failure

_MAX_LINE = 1 << 26  # bytes of a tally
_PATIENCE_S = 10.0  # until a process that should end is killed


class ProcessFailure(Failure):
    """A process could not do what it was asked for; ``answer`` is what it said."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer["failed"])
        self.status = answer["status"]


class Member:
    """One process. It does one thing at a time."""

    def __init__(self, process: asyncio.subprocess.Process, say_reached: Callable[[Any], None]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process = process
        self.progress = 0
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._say_reached = say_reached
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._reading = asyncio.create_task(self._read())

    def say(self, data: Any) -> None:
        """Write a line."""
        self._stdin.write(json.dumps(data).encode() + b"\n")

    async def do(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something; return its answer, which may have ``failed``."""
        self._answer = asyncio.get_running_loop().create_future()
        self.say({"do": name, **arguments})
        return await self._answer

    async def _read(self) -> None:
        while line := await self._stdout.readline():
            data = json.loads(line)
            if "progress" in data:
                self.progress = data["progress"]
            elif "reached" in data:
                self._say_reached(data)
            else:
                self._answered(data)
        self._answered({"failed": "a process of the generator has ended", "status": Failure.status})

    def _answered(self, data: dict[str, Any]) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(data)

    async def end(self) -> None:
        """Let it end; kill it if it does not."""
        self._stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self.process.wait()
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self._reading


class Crew:
    """All processes of one measurement."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._members: list[Member] = []

    async def __aenter__(self) -> Crew:
        for place in range(self._plan.processes):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gim.benchmark.generator"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_MAX_LINE,
                start_new_session=True,  # Ctrl-C is for the command alone
            )
            member = Member(process, self._pass_on)
            self._members.append(member)
            member.say(self._plan.share(place).as_json())
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.gather(*(member.end() for member in self._members))

    def _pass_on(self, data: dict[str, Any]) -> None:
        """Tell the process of a chatroom's sender that a message has reached the members of another."""
        room, _ = data["reached"]
        self._members[room % len(self._members)].say(data)

    @property
    def progress(self) -> int:
        """How many connections there are, in a measurement how many messages."""
        return sum(member.progress for member in self._members)

    async def do(self, name: str, **arguments: Any) -> list[Any]:
        """Have all do something; return what each has found. Raises `ProcessFailure`."""
        answers = await self.answers(name, **arguments)
        for answer in answers:
            if "failed" in answer:
                raise ProcessFailure(answer)
        return [answer.get("found") for answer in answers]

    async def answers(self, name: str, **arguments: Any) -> list[dict[str, Any]]:
        """Have all do something; return the answer of each. When one fails, the others stop."""
        tasks = [asyncio.create_task(member.do(name, **arguments)) for member in self._members]
        for task in asyncio.as_completed(tasks):
            if "failed" in await task:
                self.stop()
        return [task.result() for task in tasks]

    async def open_some(self, count: int) -> float:
        """Connect so many users more, spread over all; return how many seconds that took."""
        each, rest = divmod(count, len(self._members))
        shares = [each + (place < rest) for place in range(len(self._members))]
        tasks = [
            member.do("open_some", count=share)
            for member, share in zip(self._members, shares, strict=True)
        ]
        answers = await asyncio.gather(*tasks)
        for answer in answers:
            if "failed" in answer:
                raise ProcessFailure(answer)
        return max(float(answer["found"]) for answer in answers)

    def stop(self) -> None:
        """End the measured window now."""
        for member in self._members:
            member.say({"do": "stop"})
