"""All options. This is the one source of ``--help``, docs/configuration.md and contrib/gim.toml.

After a change run ``make docs``, which writes the two files again.
"""

from __future__ import annotations

from gim.config import types
from gim.config.limit_options import LIMITS
from gim.config.option import Group, Option
from gim.net import endpoints, origins
from gim.storage.redis.client import url
from gim.units import count, count_or_zero, duration, duration_or_zero, size
from gim.webhooks import event_types

_ADDRESSES = Group(
    "Addresses",
    "An address is a port, `:port`, `host:port`, `[v6]:port` or a Twisted endpoint string, such as"
    " `ssl:8443:privateKey=/etc/gim/key.pem:certKey=/etc/gim/cert.pem` or `unix:/run/gim/gateway.sock`.",
    (
        Option(
            "gateway-address", ":8080", endpoints.read_or_nowhere,
            "Address for WebSocket clients, short `--ws`: a port, :port, host:port, [v6]:port or a"
            " Twisted endpoint string.",
            "The gateway is at `/ws` of the HTTP address as well; with `none`, only there.",
            aliases=("ws",),
        ),
        Option(
            "api-address", ":8081", endpoints.read,
            "Address of the HTTP API, short `--http`: in the same forms as `--ws`.",
            "Without a key for logins, an address without a host stands for 127.0.0.1.",
            aliases=("http",),
        ),
    ),
)  # fmt: skip

_WORKERS = Group(
    "Workers",
    "",
    (
        Option(
            "gateway-worker", "1", types.workers,
            "How many processes serve clients, short `--ws-worker`: 1 to 256, or `auto` for one on each"
            " core.",
            "With 1, gim is one process. `auto` counts the cores that this process may use, by its"
            " affinity and by the CPU quota of its container.",
            aliases=("ws-worker",),
        ),
    ),
)  # fmt: skip

_MESSAGES = Group(
    "Messages and pushes",
    "docs/protocol.md describes how clients see messages and pushes.",
    (
        Option(
            "message-protocol", "json", types.one_of("json", "proto"),
            "Codec of clients that do not ask for one: `json` or `proto`.",
            "Both are always served.",
        ),
        Option(
            "message-push-count", "10", count_or_zero,
            "How many of the newest messages a chatroom push holds, 0 for all.",
        ),
        Option(
            "message-push-duration", "1s", duration, "Shortest time between two pushes of a chatroom."
        ),
        Option(
            "message-push-concurrency-limit", "64", count,
            "How many chatroom pushes are written at a time.",
            "The others wait in order.",
        ),
        Option(
            "enable-message-sequence", "false", types.switch,
            "Number the messages of each session 1, 2, 3 and so on. Give it alone, or with `=true` or"
            " `=false`.",
        ),
        Option("max-content", "4096", size, "Longest content of a message, in bytes of UTF-8."),
        Option(
            "max-packet", "64KiB", size, "Longest packet or HTTP body that is accepted.",
            "It must be greater than `--max-content`. It does not limit what the server sends.",
        ),
        Option(
            "max-unsent", "1MiB", size,
            "Unsent bytes of a connection above which it gets no chatroom pushes; at four times this size"
            " it is closed.",
        ),
    ),
)  # fmt: skip

_STORAGE = Group(
    "Storage",
    "docs/redis.md describes the set-up for `redis`.",
    (
        Option(
            "storage", "memory", types.one_of("memory", "redis"),
            "Where messages are kept: `memory`, or `redis` for several nodes.",
        ),
        Option(
            "redis-url", "redis://127.0.0.1:6379/0", url.read,
            "The Redis of `--storage redis`: redis://, rediss:// (TLS), unix://, redis+sentinel:// or"
            " redis+cluster://. Better in the environment if it holds a password: `GIM_REDIS_URL`.",
        ),
        Option(
            "redis-prefix", "gim", types.prefix, "Prefix of all keys in Redis.",
            "For `--storage redis` only.",
        ),
        Option(
            "max-session-messages", "10000", count,
            "Messages kept of each session; older ones are removed.",
        ),
        Option(
            "max-messages", "1000000", count, "Messages kept in total; older ones are removed.",
            "For `--storage memory` only.",
        ),
        Option("message-ttl", "30d", duration, "Age at which a message is removed."),
    ),
)  # fmt: skip

_DATA_DIRECTORY = Group(
    "Data directory",
    "With a data directory, what `--storage memory` keeps survives a restart, a crash and a power cut."
    " The other options need `--data-dir`.",
    (
        Option(
            "data-dir", None, types.directory,
            "Directory of the journal, which `--storage memory` is restored from at a start. Without it,"
            " the end of the process loses all messages.",
            "It must exist, belong to the user that gim runs as, and be used by one gim at a time.",
            example="/var/lib/gim",
        ),
        Option(
            "sync", "1s", types.sync,
            "What a power cut may lose: `always` for nothing that was acknowledged, a duration such as"
            " `1s` for that time, or `no` to leave it to the kernel.",
            "With `always`, each reply and push waits until the disk has its message. The end of the"
            " process alone loses nothing that was acknowledged, whatever is chosen.",
        ),
        Option(
            "data-damage", "refuse", types.one_of("refuse", "keep-going"),
            "What to do if a start finds damaged records: `refuse` to start, or `keep-going` without"
            " them.",
            "With `keep-going`, copies of the damaged files are kept in the directory `damaged`, and all"
            " clients load their data anew.",
        ),
        Option(
            "segment-size", "64MiB", types.segment_size, "Size of the journal's files, 1MiB to 1024MiB.",
        ),
    ),
)  # fmt: skip

_CONNECTIONS = Group(
    "Connections",
    "",
    (
        Option(
            "heartbeat-interval", "2m", duration,
            "Silence of a client after which its connection is closed.",
        ),
        Option(
            "ping-interval", "25s", duration,
            "Silence of a client after which the server sends a ping.",
            "Or after half of `--heartbeat-interval`, if that is less. Keep it well below the time after"
            " which a proxy cuts a quiet connection: docs/behind-a-proxy.md.",
        ),
        Option("login-timeout", "30s", duration, "Time in which a connection must log in."),
        Option(
            "handshake-timeout", "5s", duration,
            "Time in which a connection must complete its WebSocket handshake.",
        ),
        Option(
            "drain", "5s", duration_or_zero,
            "Time over which a stopping server closes its connections, 0 to close all at once.",
        ),
    ),
)  # fmt: skip

_LOGINS = Group(
    "Logins",
    "Without a key, gim believes every id. docs/authentication.md describes keys and tokens,"
    " docs/administration.md the routes of the administrator.",
    (
        Option(
            "auth-key-file", None, types.path,
            "File with the secret (HMAC) that login tokens are signed with. Instead of the file,"
            " `GIM_AUTH_KEY` in the environment can hold the secret.",
            example="/etc/gim/auth.key",
        ),
        Option(
            "auth-jwks-file", None, types.path,
            "File with the public keys that verify login tokens, a JSON Web Key Set. SIGHUP reads either"
            " file again.",
            "It can't be combined with `--auth-key-file`.",
            example="/etc/gim/auth.jwks",
        ),
        Option(
            "auth-audience", None, types.audience, "The claim `aud` that login tokens must have.",
            example="chat.example.com",
        ),
        Option(
            "auth-issuer", None, types.party, "The claim `iss` that login tokens must have.",
            example="https://example.com",
        ),
        Option(
            "admin-key-file", None, types.path,
            "File with the key that opens /v1/admin/ of the HTTP API. Instead of the file,"
            " `GIM_ADMIN_KEY` in the environment can hold the key. Without a key, /v1/admin/ is a 404.",
            example="/etc/gim/admin.key",
        ),
        Option(
            "allowed-origins", "same-host", origins.read,
            "Web pages that may talk to gim: `same-host`, `*`, `null`, or origins like"
            " `https://*.example.com`, separated by commas.",
            "Without a key, it also names the hosts that requests may be for, beside IP addresses and"
            " localhost.",
        ),
    ),
)  # fmt: skip

_CONSOLE = Group(
    "Console",
    "Pages for the operator, at /console/ of the HTTP API: docs/console.md.",
    (
        Option(
            "console", "true", types.switch, "Serve the console at /console/: `=true` or `=false`.",
            "What it shows comes from /v1/admin/, which needs the key of `--admin-key-file`.",
        ),
        Option(
            "console-read-only", "false", types.switch,
            "Let the console show everything and change nothing. Give it alone, or with `=true` or"
            " `=false`.",
            "Requests with the key in the header X-API-Key still change what they like.",
        ),
    ),
)  # fmt: skip

_WEBHOOKS = Group(
    "Webhooks",
    "gim posts events to a backend, each with a signature: docs/webhooks.md. The other options need"
    " `--webhook-url`.",
    (
        Option(
            "webhook-url", None, event_types.url,
            "The http:// or https:// URL that events are posted to.",
            example="https://backend.example.com/gim",
        ),
        Option(
            "webhook-events", ",".join(event_types.EVENTS), event_types.events,
            "The events that are posted, separated by commas.",
            "The default names all events.",
        ),
        Option(
            "webhook-secret-file", None, types.path,
            "File with the secret of the signatures. Instead of the file, `GIM_WEBHOOK_SECRET` in the"
            " environment can hold the secret.",
            example="/etc/gim/webhook.key",
        ),
        Option(
            "webhook-grace", "10s", duration_or_zero,
            "How long a user may take to reconnect before user.offline is sent; 0 sends it at once.",
        ),
    ),
)  # fmt: skip

_OBSERVATION = Group(
    "Log, metrics and profiles",
    "Options of twistd say where the log goes: `--logfile`, `--syslog` or standard output.",
    (
        Option(
            "log-format", "text", types.one_of("text", "json"),
            "Format of the log: `text`, or `json` with one object in each line.",
        ),
        Option(
            "log-level", "info", types.one_of("debug", "info", "warn", "error", "critical"),
            "The least severe level that is logged: `debug`, `info`, `warn`, `error` or `critical`.",
        ),
        Option(
            "log-requests", "all", types.one_of("all", "sampled", "off"),
            "Which HTTP requests have a line in the log: `all`, `sampled` or `off` for none.",
            "`sampled` is one in 100 of those that succeed, counted by route, and all that fail.",
        ),
        Option(
            "trace-header", "trace", types.header_name,
            "HTTP header with the trace id of a request, short `--trace`.",
            "If a request lacks it, gim takes the trace id of a W3C `traceparent`.",
            aliases=("trace",),
        ),
        Option(
            "metrics", "true", types.switch, "Count and measure for GET /metrics: `=true` or `=false`.",
            "docs/metrics.md lists what is measured.",
        ),
        Option(
            "enable-profiling", "false", types.switch,
            "Serve profiles of CPU and memory at /debug/pprof/ of the HTTP API, short `--profiling`.",
            "Only clients on this machine, or with the key of `--admin-key-file`, may read them:"
            " docs/profiling.md. Give it alone, or with `=true` or `=false`.",
            aliases=("profiling", "profiling-enabled"),
        ),
    ),
)  # fmt: skip

GROUPS = (
    _ADDRESSES, _WORKERS, _MESSAGES, _STORAGE, _DATA_DIRECTORY, _CONNECTIONS, _LOGINS, _CONSOLE,
    _WEBHOOKS, LIMITS, _OBSERVATION,
)  # fmt: skip
OPTIONS = {option.name: option for group in GROUPS for option in group.options}
SPELLINGS = {spelling: option.name for option in OPTIONS.values() for spelling in option.spellings}
READERS = {option.name: option.read for option in OPTIONS.values()}
