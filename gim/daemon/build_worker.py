"""The parts of a worker: those of a node, apart from the parent's storage, sockets and counts."""

from __future__ import annotations

import socket
from functools import cached_property
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from twisted.internet.interfaces import IListeningPort

from gim.concurrency.clocks import WallClock
from gim.config.files import map_paths
from gim.config.given_texts import GivenTexts
from gim.config.settings import Settings, settings_of
from gim.config.validate import Resources, validate
from gim.daemon.build_admission import make_rules
from gim.daemon.build_storage import NO_WEBHOOKS, StoreParts, WebhookParts
from gim.daemon.parts import NodeParts
from gim.daemon.signals import Reloader
from gim.daemon.worker_daemon import WorkerDaemon
from gim.gateway.connection_rules import ConnectionRules, Rejection
from gim.inspection.figures import ParentFigures
from gim.limits.overload import Overload
from gim.limits.rate_per_second import Rate
from gim.limits.read_rate import ReadRate
from gim.link.channel import Channel
from gim.link.transport import connect
from gim.metrics.export.page import PageSource
from gim.profiling.profiles import Profiles
from gim.startup import reported
from gim.storage.linked.calls import TO_WORKER as STORED
from gim.storage.linked.store import LinkedStore
from gim.storage.node_names import listener_of
from gim.storage.settings import MemorySettings
from gim.workers.admission import WorkerAdmission
from gim.workers.closings import Closings
from gim.workers.control import TO_WORKER as CONTROL
from gim.workers.files_in_memory import FilesInMemory
from gim.workers.hand_over import API, GATEWAY
from gim.workers.lifeline import end, parent_lost
from gim.workers.log_lines import LinkLog, begin_logging
from gim.workers.observing import TO_WORKER as OBSERVED
from gim.workers.overload import WorkerOverload
from gim.workers.ports import HandedOverPorts
from gim.workers.profiles import LinkedProfiles
from gim.workers.rates import LinkedLoginRate, SharedReadRate
from gim.workers.samples import LinkedFigures
from gim.workers.snapshots import CollectedPage
from gim.workers.start import NewFiles, Start, as_texts
from gim.workers.webhook_posts import PostQuestion, PostServer
from gim.workers.worker_process import HAND_OVER, LINK
from gim.workers.worker_reactor import WorkerReactor, without_socket

MESSAGES: Final[tuple[type[Struct], ...]] = (
    *CONTROL,
    *OBSERVED,
    *STORED,
    NewFiles,
    PostQuestion,
)


def make_worker(start: Start, reactor: Any) -> WorkerDaemon:
    """Return the daemon of a worker, which has its link and its pair for sockets where
    `gim.workers.worker_process` says."""
    channel = Channel(MESSAGES, reactor, on_end=parent_lost)
    connect(socket.socket(fileno=LINK), channel, reactor)
    log = begin_logging(start.number, start.log, channel, reactor)
    files = FilesInMemory(start.files)
    with reported():
        settings = settings_in_memory(start, files)
        resources = validate(settings, WorkerReactor(reactor), starts=False)
        hand_over = socket.socket(fileno=HAND_OVER)
        builder = WorkerBuilder(
            start, settings, resources, reactor, WallClock(), channel, hand_over, files, log
        )
        return builder.daemon()


def settings_in_memory(start: Start, files: FilesInMemory) -> Settings:
    """Return the settings that the parent has, with the paths of files in memory, and with addresses that
    need no socket."""
    given = GivenTexts(as_texts(start.options), as_texts(start.origins))
    settings = map_paths(settings_of(given, as_texts(start.secrets)), files.path_of)
    net = replace(
        settings.net,
        gateway_address=without_socket(settings.net.gateway_address),
        api_address=without_socket(settings.net.api_address),
    )
    storage = settings.storage
    if isinstance(storage, MemorySettings):
        storage = replace(storage, journal=None)  # the parent has it
    return replace(settings, net=net, storage=storage)


class WorkerBuilder(NodeParts):
    """The parts, and the daemon that they make."""

    def __init__(
        self,
        start: Start,
        settings: Settings,
        resources: Resources,
        reactor: Any,
        wall: WallClock,
        channel: Channel,
        hand_over: socket.socket,
        files: FilesInMemory,
        log: LinkLog,
    ) -> None:
        """*channel* is the link to the parent, *hand_over* the worker's end of the pair for sockets.
        *files* are the ones that *settings* name."""
        super().__init__(settings, resources, reactor, wall)
        self._start = start
        self._number = start.number
        self._channel = channel
        self._files = files
        self._log = log
        self._closings = Closings(channel.send, reactor)
        self._sockets = HandedOverPorts(hand_over, self._closings, self._judged, reactor)

    def daemon(self) -> WorkerDaemon:
        """Return the daemon with all its services."""
        daemon = WorkerDaemon(
            self._chat,
            self._gateway,
            self._gateway_port.accept,
            self._channel,
            self._reactor,
            self._sockets.take_all,
            self._log.flush,
            end,
        )
        for service in self._services():
            service.setServiceParent(daemon)
        self._sockets.setServiceParent(daemon)
        self._take_new_files()
        return daemon

    def _take_new_files(self) -> None:
        """Read the files again when the parent has."""
        reloader = Reloader(self._reactor, directory="/")  # no path is relative
        self._reload_files(reloader)

        async def take(new: NewFiles) -> None:
            self._files.replace(new.files)
            reloader.reload_quietly()

        self._channel.serve(NewFiles, take)

    # what the parent has

    @cached_property
    def _store_parts(self) -> StoreParts:
        identity = self._start.store
        if identity is None:
            return super()._store_parts
        store = LinkedStore(
            self._channel,
            self._reactor,
            self._wall,
            node=identity.node,
            listener=listener_of(identity.node, self._start.number),
            token_key=identity.token_key,
        )
        stored = store if self._meters is None else self._meters.measured(store, all_appends=False)
        return StoreParts(stored, None, None, ())

    @cached_property
    def _webhook_parts(self) -> WebhookParts:
        """On Redis those of a node; else the parent has the webhooks, and this process makes attempts."""
        if self._start.store is None:
            return super()._webhook_parts
        if (settings := self._settings.webhooks) is None:
            return NO_WEBHOOKS
        from gim.webhooks.receiver import Receiver  # with an HTTP client, of no use without webhooks

        receiver = Receiver(settings.url, self._resources.webhook_secret, self._reactor, self._wall)
        server = PostServer(receiver.post, receiver.close, self._channel)
        return WebhookParts(None, receiver.use_secret, (server,))

    @cached_property
    def _page(self) -> PageSource | None:
        own = self._own_page
        return CollectedPage(own, self._channel) if own is not None else None

    @property
    def _parent_figures(self) -> ParentFigures:
        return LinkedFigures(self._channel, self._store.node)

    @cached_property
    def _profiles(self) -> Profiles:
        return LinkedProfiles(self._profiler, self._channel, self._start.number, self._start.count)

    # limits that hold for all workers together

    @cached_property
    def _overload(self) -> Overload:
        return WorkerOverload(self._reactor, self._limits.max_reactor_delay, self._channel)

    @cached_property
    def _read_rate(self) -> ReadRate:
        count = self._start.count
        return SharedReadRate(self._limits, self._hits, self._reactor, self._channel, count)

    @cached_property
    def _login_rate(self) -> Rate:
        return LinkedLoginRate(self._limits, self._channel)

    @cached_property
    def _admission(self) -> WorkerAdmission:
        overload, are_short = self._overload, self._open_files.are_short
        rules = make_rules(ConnectionRules, self._settings, self._hits, overload, are_short)
        return WorkerAdmission(rules, self._closings, self._channel, self._reactor)

    def _judged(self, verdict: Rejection | None) -> None:
        self._admission.verdict = verdict

    # sockets

    def _prepare_gateway_port(self, port: IListeningPort) -> None:
        super()._prepare_gateway_port(port)
        self._sockets.take(GATEWAY, port)

    def _prepare_api_port(self, port: IListeningPort) -> None:
        super()._prepare_api_port(port)
        self._sockets.take(API, port)
