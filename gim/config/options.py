"""The command line of ``twistd gim``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from twisted.python import usage

from gim import __version__
from gim.config import limit_options, sources, types
from gim.config.sources import Given
from gim.net import origins
from gim.storage.redis.client import url
from gim.webhooks import event_types as webhooks

_ALIASES = {
    "ws": "gateway-address",
    "http": "api-address",
    "trace": "trace-header",
    "profiling": "enable-profiling",
    "profiling-enabled": "enable-profiling",
}
_SWITCHES = ("enable-message-sequence", "enable-profiling", "metrics")


_TABLE: list[list[Any]] = [  # long name, short one, default, help, reader of values
    ["gateway-address", None, ":8080", "Address for WebSocket clients, short --ws: a port, :port,"
     " host:port, [v6]:port or a Twisted endpoint string.", types.endpoint],
    ["api-address", None, ":8081", "Address of the HTTP API, short --http: as --ws.",
     types.endpoint],
    ["message-protocol", None, "json", "Codec of clients that ask for none: json or proto.",
     types.protocol],
    ["message-push-count", None, "10", "The newest messages that a chatroom push holds, 0 for"
     " all.", types.count_or_zero],
    ["message-push-duration", None, "1s", "Time between two pushes of a chatroom, at least.",
     types.duration],
    ["message-push-concurrency-limit", None, "64", "Chatroom pushes written out at a time, at"
     " most.", types.count],
    ["enable-message-sequence", None, "false", "Number the messages of each session 1, 2, 3: alone,"
     " or =true or =false.", types.switch],
    ["enable-profiling", None, "false", "Serve profiles of CPU and memory at /debug/pprof/ of the HTTP"
     " API, to clients on this machine; short --profiling.", types.switch],
    ["trace-header", None, "trace", "HTTP header with the trace id of a request, short --trace.",
     types.header_name],
    ["metrics", None, "true", "Count and measure for GET /metrics: =true or =false.", types.switch],
    ["storage", None, "memory", "Where messages are kept: memory, or redis for several nodes.",
     types.storage],
    ["redis-url", None, "redis://127.0.0.1:6379/0", "The Redis of --storage redis: redis://, rediss://"
     " (TLS), unix://, redis+sentinel:// or redis+cluster://. Or in the environment: GIM_REDIS_URL.",
     url.read],
    ["redis-prefix", None, "gim", "What the names of all keys in Redis begin with.", types.prefix],
    ["auth-key-file", None, None, "File with the secret (HMAC) that login tokens are signed with. Or"
     " the secret in the environment: GIM_AUTH_KEY.", types.path],
    ["auth-jwks-file", None, None, "File with the public keys that login tokens are verified with, a"
     " JSON Web Key Set; SIGHUP has either file read again.", types.path],
    ["auth-audience", None, None, "What aud of login tokens must say.", types.audience],
    ["auth-issuer", None, None, "What iss of login tokens must say.", types.party],
    ["allowed-origins", None, "same-host", "Web pages that may talk to gim: same-host, *, null, or"
     " origins like https://*.example.com, with commas in between.", origins.read],
    ["webhook-url", None, None, "http:// or https:// URL that is told what happens, with a signature:"
     " docs/webhooks.md.", webhooks.url],
    ["webhook-events", None, ",".join(webhooks.EVENTS), "What it is told, with commas in between.",
     webhooks.events],
    ["webhook-secret-file", None, None, "File with the secret of those signatures. Or the secret in the"
     " environment: GIM_WEBHOOK_SECRET.", types.path],
    ["webhook-grace", None, "10s", "Time to reconnect in before a user is told to be offline, or 0.",
     types.duration_or_zero],
    ["heartbeat-interval", None, "2m", "Silence after which a connection is closed; half of it"
     " brings a ping.", types.duration],
    ["login-timeout", None, "30s", "Time that a connection has for its login.", types.duration],
    ["handshake-timeout", None, "5s", "Time that a connection has for its WebSocket handshake.",
     types.duration],
    ["drain", None, "5s", "Time over which connections are closed when the server stops, 0 for all at"
     " once.", types.duration_or_zero],
    ["max-session-messages", None, "10000", "Messages kept of one session: the oldest go.",
     types.count],
    ["max-messages", None, "1000000", "Messages kept in all: the oldest go.", types.count],
    ["message-ttl", None, "30d", "Age at which a message goes.", types.duration],
    ["max-unsent", None, "1MiB", "Bytes that may wait unsent for a connection until it gets no more"
     " chatroom pushes; at four times of it, it is closed.", types.size],
    ["max-content", None, "4096", "Longest content of a message, in bytes of UTF-8.", types.size],
    ["max-packet", None, "64KiB", "Longest packet or HTTP body that is taken in.", types.size],
    ["admin-key-file", None, None, "File with the key that opens /v1/admin/ of the HTTP API. Or the key"
     " itself in the environment: GIM_ADMIN_KEY. Without one there is no /v1/admin/.", types.path],
    *limit_options.TABLE,
    ["log-format", None, "text", "How lines of the log are written: text, or json, an object a line.",
     types.one_of("text", "json")],
    ["log-level", None, "info", "The least that is logged: debug, info, warn, error or critical.",
     types.one_of("debug", "info", "warn", "error", "critical")],
]  # fmt: skip


_READERS: dict[str, Callable[[str], Any]] = {name: read for name, *_, read in _TABLE}
_DEFAULTS: dict[str, str | None] = {row[0]: row[2] for row in _TABLE}
_SPELLINGS = {name: name for name in _READERS} | _ALIASES


def _default(name: str) -> Any:
    text = _DEFAULTS[name]
    return None if text is None else _READERS[name](text)


def _on_command_line(name: str, read: Callable[[str], Any]) -> Callable[[str], Given]:
    return lambda text: sources.give(f"--{name}", text, read)


class Options(usage.Options):
    """Options by their long names; values are typed and can work.

    A short form of the original is the same option as its long one, as in ``--ws`` and
    ``--gateway-address``. The command line counts before the environment (``GIM_WS``), and that before
    the file of ``--config``. ``origins`` says where a value that is no default was given, for errors.
    """

    synopsis = "[options]"
    longdesc = (
        "Serves WebSocket clients and an HTTP API in one process."
        " Durations are written as 500ms, 2s, 1m, 12h, 30d or plain seconds, sizes as 4096 or 64KiB."
        " Every option can stand in the environment as well, as GIM_MESSAGE_TTL, and in the file of"
        " --config, as message-ttl; the command line counts first, then the environment."
    )
    optFlags = [["check", None, "Check all options and files, say what is wrong in one line, and exit."]]
    optParameters = [[*words, _on_command_line(words[0], read)] for *words, read in _TABLE]
    optParameters.append(["config", None, "", "TOML file with options, or GIM_CONFIG."])

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, or end the process with one clear line on stderr."""
        try:
            super().parseOptions(list(_canonical(sys.argv[1:] if options is None else options)))
        except usage.UsageError as error:
            refuse_start(str(error))

    def parseArgs(self, *args: str) -> None:
        if args:
            raise usage.UsageError(f"unexpected argument {args[0]!r}: options begin with --")

    origins: dict[str, str]

    def postOptions(self) -> None:
        self._gather()
        self._check_storage()
        self._check_sizes()
        limit_options.check(self)
        self._check_logger()
        if self["check"]:
            self._check_and_exit()

    def _gather(self) -> None:
        """Give each option the value that counts, and find out where it is from."""
        self["config"] = self["config"] or os.environ.get("GIM_CONFIG", "")
        file = sources.from_file(self["config"], _SPELLINGS, _READERS) if self["config"] else {}
        variables = sources.from_environment(os.environ, _SPELLINGS, _READERS)
        words = {name: self[name] for name in _READERS if isinstance(self[name], Given)}
        given = file | variables | words
        for name in _READERS:
            self[name] = given[name].value if name in given else _default(name)
        self.origins = {name: given[name].origin for name in given}
        self._chosen = file.keys() | words.keys()  # a variable may be there for other programs as well

    def origin(self, name: str) -> str:
        """Return what an error about the value of an option begins with."""
        return self.origins.get(name, f"--{name}")

    def _check_storage(self) -> None:
        """Refuse options that the storage has no use for."""
        if self["storage"] == "redis" and "max-messages" in self._chosen:
            raise usage.UsageError(
                f"{self.origin('max-messages')}: it is for --storage memory; what Redis holds is bounded"
                " by --max-session-messages, --message-ttl and its own maxmemory"
            )
        useless = [name for name in ("redis-prefix", "redis-url") if name in self._chosen]
        if self["storage"] != "redis" and useless:
            raise usage.UsageError(f"{self.origin(useless[0])}: add --storage redis, or leave it out")

    def _check_sizes(self) -> None:
        if self["max-content"] < self["max-packet"]:
            return
        if "max-content" in self.origins:
            raise usage.UsageError(f"{self.origin('max-content')}: it must be smaller than --max-packet")
        raise usage.UsageError(f"{self.origin('max-packet')}: it must be greater than --max-content")

    def _check_logger(self) -> None:
        """Refuse what a logger of twistd's own option would leave without effect."""
        if self.parent is not None and self.parent.get("logger"):
            for name in "log-format", "log-level":
                if name in self.origins:
                    raise usage.UsageError(f"{self.origin(name)}: leave out twistd's --logger, or this")

    def _check_and_exit(self) -> NoReturn:
        from gim.config.check import check  # imports the reactor

        check(self)
        print("gim: all options and files are good")
        sys.exit(0)

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
        long = _ALIASES.get(name, name)
        if argument.startswith("--") and long in _SWITCHES and not equals:
            yield f"--{long}=true"
        elif argument.startswith("--") and name in _ALIASES:
            yield f"--{long}{equals}{value}"
        else:
            yield argument
