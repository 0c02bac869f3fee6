"""A program in place of `gim.worker`, with the parts of a worker that need no gateway.

It reads from its standard input what it is to do, JSON. ``crash`` says what it prints before it ends with
exit status 1, ``fault`` what it raises after it has logged a line. ``log`` is a `LineForm` as a list.
Later it does what each `Order` of its parent says.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from msgspec import Struct, convert
from twisted.internet.protocol import Factory

from gim.link.channel import Channel
from gim.workers.control import (
    TO_PARENT,
    TO_WORKER,
    Drain,
    Hurry,
    Joined,
    Leave,
    PrepareToDrain,
    Ready,
    Stop,
)
from gim.workers.lifeline import end, parent_lost, tie_to_parent
from gim.workers.log_lines import LineForm, begin_logging
from gim.workers.worker_process import LINK

WORDS = (sys.executable, "-m", "tests.support.fake_worker")


class Order(Struct, array_like=True, tag=199):
    """What a worker is to do: the name of a method of `FakeWorker`, and its arguments."""

    name: str
    arguments: list[Any]


class Done(Struct, array_like=True, tag=198):
    """An order is carried out; *result* is what the method returned."""

    name: str
    result: Any


FROM_FAKE = (*TO_PARENT, Done)


class FakeWorker:
    """Answers as a worker does, with clients that are a number only."""

    def __init__(self, number: int, form: LineForm, reactor: Any) -> None:
        self._reactor = reactor
        self._connections = number
        self._hurried = False
        self.channel = channel = Channel((*TO_WORKER, Order), reactor, on_end=parent_lost)
        reactor.adoptStreamConnection(LINK, socket.AF_UNIX, Factory.forProtocol(lambda: channel))
        os.close(LINK)
        self._log = begin_logging(number, form, channel, reactor)
        channel.serve(PrepareToDrain, self._prepare_to_drain)
        channel.serve(Drain, self._drain)
        channel.handle(Hurry, self._hurry)
        channel.handle(Stop, self._stop)
        channel.handle(Order, self._carry_out)
        channel.send(Joined())
        channel.send(Ready())

    async def _prepare_to_drain(self, question: PrepareToDrain) -> int:
        return self._connections

    async def _drain(self, question: Drain) -> None:
        from twisted.internet.task import deferLater

        print("drains over", question.duration, "counts", list(question.counts), "place", question.place)
        while not self._hurried and question.duration:
            await deferLater(self._reactor, 0.01)

    def _hurry(self, message: Hurry) -> None:
        self._hurried = True

    def _stop(self, message: Stop) -> None:
        self._log.flush()
        self.channel.ask(Leave(), type(None)).addBoth(lambda _: end(0))

    def _carry_out(self, order: Order) -> None:
        self.channel.send(Done(order.name, getattr(self, order.name)(*order.arguments)))

    # orders

    def say(self, *lines: str) -> None:
        """Log lines."""
        from gim.log.logger import Logger

        for line in lines:
            Logger("fake").info("{line}", line=line)

    def fail(self, text: str) -> None:
        """Log a failure."""
        from gim.log.logger import Logger

        try:
            raise ZeroDivisionError(text)
        except ZeroDivisionError:
            Logger("fake").failure("it broke")

    def flood(self, count: int, size: int) -> int:
        """Log many lines in one iteration of the reactor; return their number."""
        self.say(*("x" * size for _ in range(count)))
        return count

    def die(self, status: int, last_words: str) -> None:
        """Print to the standard error, and end."""
        os.write(2, last_words.encode())
        end(status)

    def print_error(self, line: str) -> None:
        """Print to the standard error that the process began with."""
        os.write(2, line.encode() + b"\n")

    def ignored_signals(self) -> list[int]:
        """Return the signals that this process ignores."""
        import signal

        return [number for number in range(1, 32) if signal.getsignal(number) is signal.SIG_IGN]


def main() -> None:
    number, parent = map(int, sys.argv[1:])
    tie_to_parent(parent)
    start = json.loads(sys.stdin.buffer.read())
    if "crash" in start:
        sys.exit(start["crash"])
    from twisted.internet import reactor

    worker = FakeWorker(number, convert(start["log"], LineForm), reactor)
    if "fault" in start:
        worker.say("it begins")
        raise RuntimeError(start["fault"])
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]


if __name__ == "__main__":
    main()
