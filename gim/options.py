"""The command line of ``twistd gim``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from twisted.python import usage

from gim import __version__, values
from gim.storage.redis import url

_ALIASES = {"ws": "gateway-address", "http": "api-address", "trace": "trace-header"}
_SWITCHES = ("enable-message-sequence", "metrics")


_TABLE: list[list[Any]] = [  # long name, short one, default, help, reader of values
    ["gateway-address", None, ":8080", "Address for WebSocket clients, short --ws: a port, :port,"
     " host:port, [v6]:port or a Twisted endpoint string.", values.endpoint],
    ["api-address", None, ":8081", "Address of the HTTP API, short --http: as --ws.",
     values.endpoint],
    ["message-protocol", None, "json", "Codec of clients that ask for none: json or proto.",
     values.protocol],
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
    ["metrics", None, "true", "Count and measure for GET /metrics: =true or =false.", values.switch],
    ["storage", None, "memory", "Where messages are kept: memory, or redis for several nodes.",
     values.storage],
    ["redis-url", None, "redis://127.0.0.1:6379/0", "The Redis of --storage redis: redis://, rediss://"
     " (TLS), unix://, redis+sentinel:// or redis+cluster://. Or in the environment: GIM_REDIS_URL.",
     url.read],
    ["redis-prefix", None, "gim", "What the names of all keys in Redis begin with.", values.prefix],
    ["heartbeat-interval", None, "2m", "Silence after which a connection is closed; half of it"
     " brings a ping.", values.duration],
    ["login-timeout", None, "30s", "Time that a connection has for its login.", values.duration],
    ["handshake-timeout", None, "5s", "Time that a connection has for its WebSocket handshake.",
     values.duration],
    ["drain", None, "5s", "Time over which connections are closed when the server stops, 0 for all at"
     " once.", values.duration_or_zero],
    ["max-session-messages", None, "10000", "Messages kept of one session: the oldest go.",
     values.count],
    ["max-messages", None, "1000000", "Messages kept in all: the oldest go.", values.count],
    ["message-ttl", None, "30d", "Age at which a message goes.", values.duration],
    ["max-unsent", None, "1MiB", "Bytes that may wait unsent for a connection until it gets no more"
     " chatroom pushes; at four times of it, it is closed.", values.size],
    ["max-content", None, "4096", "Longest content of a message, in bytes of UTF-8.", values.size],
    ["max-packet", None, "64KiB", "Longest packet or HTTP body that is taken in.", values.size],
]  # fmt: skip


_READERS: dict[str, Callable[[str], Any]] = {name: read for name, *_, read in _TABLE}
_DEFAULTS: dict[str, str] = {row[0]: row[2] for row in _TABLE}
_VARIABLES = {"redis-url": "GIM_REDIS_URL"}  # an environment shows no password in the list of processes


def _named(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let what *read* says of a bad value begin with the option's or the variable's name."""

    def coerce(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise usage.UsageError(f"{name}: {error}") from error

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
    optParameters = [[*words, _named(f"--{words[0]}", read)] for *words, read in _TABLE]

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
        given = {name for name in _READERS if self[name] is not _DEFAULTS[name]}
        for name in _READERS.keys() - given:  # usage does not coerce defaults
            self[name] = self._from_environment(name) or _READERS[name](_DEFAULTS[name])
        self._check_storage(given)
        if self["max-content"] >= self["max-packet"]:
            raise usage.UsageError("--max-content: it must be smaller than --max-packet")

    def _from_environment(self, name: str) -> Any:
        """Return the value that a variable gives to the option, None for no such variable."""
        text = os.environ.get(_VARIABLES.get(name, ""), "")
        return _named(_VARIABLES[name], _READERS[name])(text) if text else None

    def _check_storage(self, given: set[str]) -> None:
        """Refuse options that the storage has no use for."""
        if self["storage"] == "redis" and "max-messages" in given:
            raise usage.UsageError(
                "--max-messages: it is for --storage memory; what Redis holds is bounded by"
                " --max-session-messages, --message-ttl and its own maxmemory"
            )
        useless = sorted(given & {"redis-url", "redis-prefix"})
        if self["storage"] != "redis" and useless:
            raise usage.UsageError(f"--{useless[0]}: add --storage redis, or leave it out")

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
