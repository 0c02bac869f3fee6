"""The command line of ``twistd gim``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from twisted.python import usage

from gim import __version__, values

_ALIASES = {"ws": "gateway-address", "http": "api-address", "trace": "trace-header"}
_SWITCHES = ("enable-message-sequence",)


_TABLE: list[list[Any]] = [  # long name, short one, default, help, reader of values
    ["gateway-address", None, ":8080", "Address for WebSocket clients, short --ws: a port, :port,"
     " host:port, [v6]:port or a Twisted endpoint string.", values.endpoint],
    ["api-address", None, ":8081", "Address of the HTTP API, short --http: as --ws.",
     values.endpoint],
    ["message-push-count", None, "10", "The newest messages that a chatroom push holds, 0 for"
     " all.", values.count_or_zero],
    ["message-push-duration", None, "1s", "Time between two pushes of a chatroom, at least.",
     values.duration],
    ["message-push-concurrency-limit", None, "64", "Chatroom pushes written out at a time, at"
     " most.", values.count],
    ["enable-message-sequence", None, "false", "Number the messages of each session 1, 2, 3: alone,"
     " or =true or =false.", values.switch],
    ["trace-header", None, "trace", "HTTP header with the trace id of a request, short --trace.",
     values.header_name],
    ["heartbeat-interval", None, "2m", "Silence after which a connection is closed; half of it"
     " brings a ping.", values.duration],
    ["login-timeout", None, "30s", "Time that a connection has for its login.", values.duration],
    ["handshake-timeout", None, "5s", "Time that a connection has for its WebSocket handshake.",
     values.duration],
    ["max-session-messages", None, "10000", "Messages kept of one session: the oldest go.",
     values.count],
    ["max-messages", None, "1000000", "Messages kept in all: the oldest go.", values.count],
    ["message-ttl", None, "30d", "Age at which a message goes.", values.duration],
    ["max-unsent", None, "1MiB", "Bytes that may wait unsent for a connection until it gets no more"
     " chatroom pushes; at four times of it, it is closed.", values.size],
    ["max-content", None, "4096", "Longest content of a message, in bytes of UTF-8.", values.size],
    ["max-packet", None, "64KiB", "Longest packet or HTTP body that is taken in.", values.size],
]  # fmt: skip


def _named(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let what *read* says of a bad value begin with the option's name."""

    def coerce(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise usage.UsageError(f"--{name}: {error}") from error

    return coerce


class Options(usage.Options):
    """Options by their long names; values are typed and can work.

    A short form of the original is the same option as its long one, as in ``--ws`` and
    ``--gateway-address``.
    """

    synopsis = "[options]"
    longdesc = (
        "Serves WebSocket clients and an HTTP API in one process."
        " Durations are written as 500ms, 2s, 1m, 12h, 30d or plain seconds, sizes as 4096 or 64KiB."
    )
    optParameters = [[*words, _named(words[0], read)] for *words, read in _TABLE]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, or end the process with one clear line on stderr."""
        try:
            super().parseOptions(list(_canonical(sys.argv[1:] if options is None else options)))
        except usage.UsageError as error:
            refuse_start(str(error))

    def parseArgs(self, *args: str) -> None:
        if args:
            raise usage.UsageError(f"unexpected argument {args[0]!r}: options begin with --")

    def postOptions(self) -> None:
        for name, value in self.items():
            if isinstance(value, str):  # a default, which usage does not coerce
                self[name] = self._dispatch[name].coerce(value)
        if self["max-content"] >= self["max-packet"]:
            raise usage.UsageError("--max-content: it must be smaller than --max-packet")

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        print(f"gim {__version__}")
        sys.exit(0)

    opt_v = opt_version


def refuse_start(line: str) -> NoReturn:
    """End the process before it has begun, with one line on stderr and exit status 1."""
    sys.stderr.write(f"gim: {line}\n")
    raise SystemExit(1)


def _canonical(arguments: Iterable[str]) -> Iterable[str]:
    """Put the long name for each short one, and ``=true`` behind a bare switch."""
    for argument in arguments:
        name, equals, value = argument[2:].partition("=")
        if argument.startswith("--") and name in _ALIASES:
            yield f"--{_ALIASES[name]}{equals}{value}"
        elif argument.startswith("--") and name in _SWITCHES and not equals:
            yield f"{argument}=true"
        else:
            yield argument
