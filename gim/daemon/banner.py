"""The line at the start that says what runs here, and within which limits."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from typing import Any

from twisted.application.service import Service

from gim import __version__
from gim.config.options import Options
from gim.log.logger import Logger
from gim.net.listening import Listening

RESERVED = 100  # open files that are no clients: listening ports, the log, Redis, HTTP
ENOUGH = 10_000  # connections that one node is expected to hold: docs/performance.md measures as many


class StartupBanner(Service):
    """Logs the line when it starts: after all that it tells of. Warns when few clients could connect."""

    _log = Logger()

    def __init__(self, options: Options, gateway: Listening, api: Listening, is_open: bool) -> None:
        """*is_open* says that logins need no token."""
        self._options = options
        self._gateway = gateway
        self._api = api
        self._is_open = is_open

    def startService(self) -> None:
        super().startService()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._say_what_runs(soft, hard)
        self._say_options()
        if self._is_open:
            self._log.warn(
                "open mode: every id is believed, as there is no --auth-key-file and no"
                " --auth-jwks-file; the HTTP API listens on loopback unless --http names a host"
            )
        if soft != resource.RLIM_INFINITY and soft < ENOUGH + RESERVED:
            self._log.warn(
                "{soft} open files are enough for some {count} connections: raise the limit, with"
                " LimitNOFILE= of systemd or ulimit -n",
                soft=soft,
                count=max(0, soft - RESERVED),
            )

    def _say_what_runs(self, soft: int, hard: int) -> None:
        self._log.info(
            "gim {version} started: gateway {gateway}, api {api}, storage {storage}; limits: open files"
            " {soft} (soft) and {hard} (hard), {session} messages a session, packets of {packet} bytes",
            version=__version__,
            gateway=self._gateway.address,
            api=self._api.address,
            storage=_storage(self._options),
            soft=_written(soft),
            hard=_written(hard),
            session=self._options["max-session-messages"],
            packet=self._options["max-packet"],
        )

    def _say_options(self) -> None:
        """Say where options that are no defaults are from; not their values: some may be secrets."""
        for name, origin in self._options.origins.items():
            self._log.debug("option {name} is given by {origin}", name=name, origin=origin)


def _storage(options: Mapping[str, Any]) -> str:
    if options["storage"] == "redis":
        return str(options["redis-url"].describe())
    return f"memory for {options['max-messages']} messages"


def _written(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
