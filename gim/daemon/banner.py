"""The log lines at the start: version, addresses, storage and limits, and where the console is."""

from __future__ import annotations

import os
import resource
from typing import Any

from twisted.application.service import Service

from gim import __version__
from gim.config.settings import Settings
from gim.config.suggestions import of_variables
from gim.log.logger import Logger
from gim.net.endpoints import scheme_and_port
from gim.net.listening import Listening
from gim.net.open_files import RESERVED_FILES
from gim.storage.settings import MemorySettings, RedisSettings

EXPECTED_CONNECTIONS = 10_000  # of one node: docs/performance.md measures as many


class StartupBanner(Service):
    """Logs the line when it starts, as the last of all services. Warns when few clients could connect."""

    _log = Logger()

    def __init__(self, settings: Settings, gateway: Listening, api: Listening, is_open: bool) -> None:
        """*is_open* says that logins need no token."""
        self._settings = settings
        self._gateway = gateway
        self._api = api
        self._is_open = is_open

    def startService(self) -> None:
        super().startService()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._log_start(soft, hard)
        self._log_console()
        self._log_origins()
        for line in of_variables(os.environ):
            self._log.warn("{line}", line=line)
        if self._is_open:
            self._log.warn(
                "open mode: gim believes every id, as neither --auth-key-file nor --auth-jwks-file is"
                " given; the HTTP API listens on loopback unless --http names a host"
            )
        workers = self._settings.daemon.gateway_worker
        count = max(0, soft - RESERVED_FILES) * workers
        if soft != resource.RLIM_INFINITY and count < EXPECTED_CONNECTIONS:
            self._log.warn(
                "{soft} open files are enough for some {count} connections{to}: raise the limit, with"
                " LimitNOFILE= of systemd or ulimit -n",
                soft=soft,
                count=count,
                to=f" to {workers} workers" if workers > 1 else "",
            )

    def _log_start(self, soft: int, hard: int) -> None:
        self._log.info(
            "gim {version} started: gateway {gateway}, api {api}, storage {storage}{workers}; limits:"
            " open files {soft} (soft) and {hard} (hard), {session} messages a session, packets of"
            " {packet} bytes",
            version=__version__,
            workers=_with_workers(self._settings.daemon.gateway_worker),
            gateway=self._gateway.address or "at /ws of the api",
            api=self._api.address,
            storage=_described(self._settings.storage),
            soft=_written(soft),
            hard=_written(hard),
            session=self._settings.storage.max_session_messages,
            packet=self._settings.gateway.max_packet,
        )

    def _log_console(self) -> None:
        url = self._url_of_api() if self._settings.console.console else None
        if url is not None:
            self._log.info("console at {url}/console/", url=url)

    def _url_of_api(self) -> str | None:
        """Return the URL for a browser on this machine, None for a port that only a proxy can use."""
        found, port = scheme_and_port(self._settings.net.api_address), self._api.port
        if found is None or port is None:
            return None
        address: Any = port.getHost()
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
        scheme, place = "https" if found[0] == "wss" else "http", f"[{host}]" if ":" in host else host
        return f"{scheme}://{place}:{address.port}"

    def _log_origins(self) -> None:
        """Log where options that are not defaults come from. Not their values: some may be secrets."""
        for name, origin in self._settings.origins.items():
            self._log.debug("option {name} is given by {origin}", name=name, origin=origin)


def _with_workers(count: int) -> str:
    return f", {count} workers" if count > 1 else ""


def _described(storage: MemorySettings | RedisSettings) -> str:
    if isinstance(storage, RedisSettings):
        return storage.redis_url.describe()
    journal = f" with a journal in {storage.journal.data_dir}" if storage.journal is not None else ""
    return f"memory for {storage.max_messages} messages{journal}"


def _written(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
