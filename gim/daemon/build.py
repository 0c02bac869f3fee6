"""The daemon that is one process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twisted.application.service import Service
from twisted.python.components import Componentized

from gim.concurrency.clocks import WallClock
from gim.config.settings import Settings
from gim.config.validate import Resources
from gim.daemon.banner import StartupBanner
from gim.daemon.daemon import Daemon
from gim.daemon.parts import NodeParts
from gim.daemon.signals import Reloader, StopSignals
from gim.log.output import prepare_log


class DaemonBuilder(NodeParts):
    """The parts of a node, and the daemon that they make."""

    def __init__(
        self,
        settings: Settings,
        resources: Resources,
        reactor: Any,
        wall: WallClock,
        twistd: Mapping[str, Any] | None = None,
    ) -> None:
        """*twistd* holds the options of twistd or twist, None where a .tac file makes the daemon."""
        super().__init__(settings, resources, reactor, wall)
        self._twistd = twistd

    def daemon(self) -> Daemon:
        """Return the daemon with all its services."""
        gateway, drain = self._gateway_port, self._settings.daemon.drain
        durable = self._store_parts.durable
        daemon = Daemon(
            self._chat, self._gateway, gateway, self._reactor, drain, self._prepare_process, durable
        )
        self._fatal_end.hurry = daemon.cut_short
        StopSignals(self._reactor, daemon.hurry).setServiceParent(daemon)
        for service in self._services():
            service.setServiceParent(daemon)
        return daemon

    def _services(self) -> Iterator[Service]:
        yield from super()._services()
        is_open = self._resources.keyring is None
        yield StartupBanner(self._settings, self._gateway_port, self._api_port, is_open)

    def _prepare_process(self, application: Componentized) -> None:
        """Set up what the process has one of: its log, and what SIGHUP does."""
        reloader = Reloader(self._reactor)
        self._reload_files(reloader)
        file = prepare_log(self._settings.log, self._twistd, application).file
        if file is not None:
            reloader.add("--logfile", file.open_again)
        reloader.take_signals()
