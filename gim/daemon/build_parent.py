"""The parent of workers: it has the storage and the ports, they have the gateway and the HTTP API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any, Final

from msgspec import Struct
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.python.components import Componentized

from gim.auth.constants import ADMIN_KEY_VARIABLE, KEY_VARIABLE
from gim.concurrency.clocks import WallClock
from gim.concurrency.gather import gather
from gim.config.options import Options
from gim.config.settings import Settings
from gim.config.validate import Resources
from gim.daemon.banner import StartupBanner
from gim.daemon.build_admission import make_rules
from gim.daemon.build_observing import ObservingParts, make_observing
from gim.daemon.build_reloading import add_files
from gim.daemon.fatal_end import FatalEnd
from gim.daemon.gc_tuning import GcTuner
from gim.daemon.parent_daemon import ParentDaemon
from gim.daemon.shared_files import SharedFiles
from gim.daemon.shared_store import SharedStore
from gim.daemon.signals import Reloader, StopSignals
from gim.errors import GimError
from gim.gateway.connection_rules import ConnectionRules
from gim.limits.limits import LimitHits
from gim.limits.report import LimitReport
from gim.log.logger import Logger
from gim.log.output import LogTarget, prepare_log
from gim.net.listening import Listening
from gim.storage.linked.calls import TO_STORE
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits
from gim.webhooks.settings import SECRET_VARIABLE
from gim.workers import accept_messages, control, observing
from gim.workers.acceptor import Acceptor
from gim.workers.control import LogLines
from gim.workers.hand_over import API, GATEWAY, HandOver
from gim.workers.log_lines import form_of, writer
from gim.workers.start import NewFiles, Start, as_bytes, written
from gim.workers.supervisor import Supervisor
from gim.workers.worker_process import Worker

MESSAGES: Final[tuple[type[Struct], ...]] = (
    *control.TO_PARENT,
    *accept_messages.TO_PARENT,
    *observing.TO_PARENT,
    *TO_STORE,
)
_SECRETS = (KEY_VARIABLE, ADMIN_KEY_VARIABLE, SECRET_VARIABLE)


class HandedOverSockets(Factory):
    """What a port has for a factory: its connections are handed over."""

    noisy = False


class ParentBuilder:
    """Every part, by the name that other parts ask for it with."""

    _log = Logger()

    def __init__(
        self,
        options: Options,
        settings: Settings,
        resources: Resources,
        reactor: Any,
        wall: WallClock,
    ) -> None:
        """*options* are what *settings* were made of."""
        self._options = options
        self._settings = settings
        self._resources = resources
        self._reactor = reactor
        self._wall = wall
        self._count = settings.daemon.gateway_worker
        self._hits = LimitHits(settings.are_limits_enforced)
        self._secrets = {name: os.environ[name] for name in _SECRETS if name in os.environ}
        self._files = SharedFiles(settings)
        self._target = LogTarget(settings.log.log_level, json=True)
        self._fatal_end = FatalEnd(reactor)
        self._hand_overs: dict[Worker, HandOver] = {}  # of workers that have joined

    def daemon(self) -> ParentDaemon:
        """Return the daemon with all its services."""
        daemon = ParentDaemon(
            self._supervisor,
            self._gateway_port,
            self._before_workers,
            self._reactor,
            self._settings.daemon.drain,
            self._prepare_process,
            self._store.durable if self._store is not None else None,
        )
        self._fatal_end.hurry = daemon.cut_short
        StopSignals(self._reactor, daemon.hurry).setServiceParent(daemon)
        for service in self._services():
            service.setServiceParent(daemon)
        return daemon

    @cached_property
    def _before_workers(self) -> list[Service]:
        """The services that need workers until they have stopped."""
        store = self._store
        webhooks = [store.webhooks] if store is not None and store.webhooks is not None else []
        return [*webhooks, self._api_port]

    def _services(self) -> Iterator[Service]:
        """Yield all services in the order in which they start."""
        yield GcTuner(self._reactor)
        yield from self._store.services if self._store is not None else ()
        yield from self._observed.services
        yield LimitReport(self._hits, self._reactor)
        before = [service for service in self._before_workers if service.parent is None]
        yield from (self._acceptor, *before, self._gateway_port, self._supervisor)
        is_open = self._resources.keyring is None
        yield StartupBanner(self._settings, self._gateway_port, self._api_port, is_open)

    def _prepare_process(self, application: Componentized) -> None:
        """Set up what the process has one of: its log, and what SIGHUP does."""
        reloader = Reloader(self._reactor, taken=self._hand_out)
        add_files(
            reloader,
            self._settings,
            self._resources,
            use_admin_key=lambda key: None,
            use_webhook_secret=lambda secret: None,
        )
        self._target = prepare_log(self._settings.log, self._options.parent, application)
        if self._target.file is not None:
            reloader.add("--logfile", self._target.file.open_again)
        reloader.take_signals()

    def _hand_out(self, sources: list[str]) -> Deferred[Any]:
        """Give the workers the files that were read again; fires when they use them."""
        contents = self._files.read(source.removeprefix("--") for source in sources)
        workers = self._supervisor.workers if contents else []
        return Deferred.fromCoroutine(gather(self._give(worker, contents) for worker in workers))

    async def _give(self, worker: Worker, contents: dict[bytes, bytes]) -> None:
        try:
            await worker.channel.ask(NewFiles(files=contents), type(None))
        except GimError as error:  # it is slow, and uses them later; or it has ended
            self._log.warn("{worker} may not use the new files yet: {error}", worker=worker, error=error)

    # storage and limits

    @cached_property
    def _store(self) -> SharedStore | None:
        """None where each worker has a store of its own, on Redis."""
        settings, memory = self._settings, self._settings.storage
        if not isinstance(memory, MemorySettings):
            return None
        limits = StorageLimits.of(settings.limits, self._hits, self._reactor)
        fail = self._fatal_end.end
        return SharedStore(memory, settings.webhooks, limits, self._reactor, self._wall, fail)

    @cached_property
    def _observed(self) -> ObservingParts:
        return make_observing(self._settings, self._store, self._hits, self._reactor, self._wall)

    # ports

    @cached_property
    def _acceptor(self) -> Acceptor:
        def never() -> bool:
            return False  # what this process has of a client is in a worker at once

        overload = self._observed.overload
        rules = make_rules(ConnectionRules, self._settings, self._hits, overload, never)
        return Acceptor(rules, self._reactor)

    @cached_property
    def _gateway_port(self) -> Listening:
        take = partial(self._acceptor.take, GATEWAY)
        return Listening("gateway", self._resources.gateway, HandedOverSockets(), take, at_once=False)

    @cached_property
    def _api_port(self) -> Listening:
        take = partial(self._acceptor.take, API)
        return Listening("api", self._resources.api, HandedOverSockets(), take)

    # workers

    @cached_property
    def _supervisor(self) -> Supervisor:
        return Supervisor(
            self._count,
            MESSAGES,
            self._start_of,
            self._reactor,
            spawned=self._spawned,
            joined=self._joined,
            gone=self._gone,
        )

    def _start_of(self, number: int) -> bytes:
        """Return what a worker begins with."""
        count = {"gateway-worker": str(self._count)}  # `auto` may come to another number meanwhile
        start = Start(
            number=number,
            count=self._count,
            options=as_bytes(self._options.texts | count),
            origins=as_bytes(self._options.origins),
            secrets=as_bytes(self._secrets),
            files=self._files.contents,
            directory=self._files.directory,
            log=form_of(self._target),
            reactor=type(self._reactor).__module__,
            store=self._store.identity if self._store is not None else None,
        )
        return written(start)

    def _spawned(self, worker: Worker) -> None:
        worker.channel.handle(LogLines, writer(self._target))
        if self._store is not None:
            self._store.spawned(worker)
        self._observed.observing.spawned(worker.number, worker.pid, worker.channel)

    def _joined(self, worker: Worker) -> None:
        if self._store is not None:
            self._store.joined(worker)
        self._observed.observing.joined(worker.number, worker.channel)
        self._hand_overs[worker] = self._acceptor.join(
            worker.hand_over, worker.their_hand_over, worker.channel, lambda: worker.is_ready
        )

    def _gone(self, worker: Worker) -> None:
        if self._store is not None:  # first: its users are offline, whatever fails below
            self._store.gone(worker)
        if (hand_over := self._hand_overs.pop(worker, None)) is not None:
            self._acceptor.leave(hand_over)
        self._observed.observing.gone(worker.number)
