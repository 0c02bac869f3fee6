"""Messages between the parent and a worker about its start, its end and its log: tags 100-119."""

from __future__ import annotations

from msgspec import Struct

from gim.link.messages import Question


class Joined(Struct, array_like=True, gc=False, tag=100):
    """The worker's services run: its HTTP API answers."""


class Ready(Struct, array_like=True, gc=False, tag=101):
    """The worker's storage serves: its gateway takes connections."""


class PrepareToDrain(Question, tag=102):
    """Report not ready from now on. The ports of the gateway are closed already. The answer is the number
    of the gateway's connections, an int."""


class Drain(Question, tag=103):
    """Close all connections of the gateway evenly over *duration* seconds. The answer, None, comes when
    the last one is gone.

    *counts* are the connections of all workers, *place* is the index of this one: see
    `gim.gateway.draining.shares_of`.
    """

    duration: float = 0.0
    counts: tuple[int, ...] = ()
    place: int = 0


class Hurry(Struct, array_like=True, gc=False, tag=104):
    """Close the rest at once, without waiting for the clients' answers."""


class Stop(Struct, array_like=True, gc=False, tag=105):
    """Stop all services, send what is left to send, and end with exit status 0."""


class Leave(Question, tag=106):
    """The worker's last message. When the answer, None, is there, the parent has read all before it."""


class LogLines(Struct, array_like=True, gc=False, tag=107):
    """Lines of the worker's log: pairs of the index in `gim.workers.log_lines.LEVELS` and a text.

    The text ends with a line end. It has more than one line if it has a traceback.
    """

    lines: list[tuple[int, str]]


TO_PARENT = (Joined, Ready, Leave, LogLines)
TO_WORKER = (PrepareToDrain, Drain, Hurry, Stop)
