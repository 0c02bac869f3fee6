"""A process of the generator: ``python -m gim.benchmark.generator``.

It takes one JSON object a line on standard input, and answers on standard output. The first line is the
plan. ``{"do": NAME, …}`` calls a method of its traffic, and is answered by ``{"done": NAME, …}``; where
that fails, ``failed`` has a sentence and ``status`` an exit status. ``{"reached": [ROOM, NUMBER]}`` goes
both ways: see `gim.benchmark.fanout`. In between it says ``{"progress": N}``. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from asyncio import SelectorEventLoop, StreamReader
from traceback import print_exception
from typing import Any

from gim.benchmark.fanout import FanoutTraffic
from gim.benchmark.logins import LoginTraffic
from gim.benchmark.plan import FANOUT, IDLE, LOGIN, PRIVATE, Plan
from gim.benchmark.private import PrivateTraffic
from gim.benchmark.selector import ExactSelector
from gim.benchmark.silence import IdleTraffic
from gim.benchmark.traffic import Traffic
from gim.cli.failures import Failure

_PROGRESS_S = 0.2
_MAX_LINE = 1 << 28  # bytes of a plan with tokens
_KINDS: dict[str, type[Traffic]] = {
    PRIVATE: PrivateTraffic,
    FANOUT: FanoutTraffic,
    IDLE: IdleTraffic,
    LOGIN: LoginTraffic,
}


def main() -> None:
    """Run until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=lambda: SelectorEventLoop(ExactSelector())) as runner:
        runner.run(_serve())


async def _serve() -> None:
    lines = await _standard_input()
    traffic = await _traffic(await lines.readline())
    progress = asyncio.create_task(_say_progress(traffic))
    tasks = {progress}
    while line := await lines.readline():
        command = json.loads(line)
        if "reached" in command and isinstance(traffic, FanoutTraffic):
            traffic.on_reached(*command["reached"])
        elif command["do"] == "stop":
            traffic.stop()
        else:
            tasks.add(asyncio.create_task(_do(traffic, **command)))
    for task in tasks:
        task.cancel()


async def _standard_input() -> StreamReader:
    reader = StreamReader(limit=_MAX_LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


async def _traffic(line: bytes) -> Traffic:
    plan = Plan.from_json(json.loads(line))
    return _KINDS[plan.measurement](plan, _say)


async def _do(traffic: Traffic, do: str, **arguments: Any) -> None:
    answer: dict[str, Any] = {"done": do}
    try:
        found = await getattr(traffic, do)(**arguments)
    except Exception as error:
        failure = _failure_in(error)
        answer |= {"failed": str(failure), "status": failure.status}
    else:
        if isinstance(found, Failure):
            answer |= {"failed": str(found), "status": found.status}
        elif found is not None:
            answer["found"] = found
    if do == "measure":
        answer["tally"] = traffic.tally.as_json()
        answer["measured_s"] = max(0.0, traffic.end - traffic.begin)
    _say(answer)


def _failure_in(error: Exception) -> Failure:
    """Return the first failure of a group; another error is a fault of this program."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Failure):
        return error
    print_exception(error)
    return Failure(f"the generator has a fault: {error!r}")


async def _say_progress(traffic: Traffic) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_S)
        _say({"progress": traffic.progress})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
