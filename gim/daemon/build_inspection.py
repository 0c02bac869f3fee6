"""What the administrator sees of all nodes, and what this process answers to others about itself."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from twisted.internet.interfaces import IReactorTime

from gim import __version__
from gim.api.openapi.describe import RouteSet
from gim.api.routes.admin import AdminRoutes
from gim.api.routes.batch import BatchRoutes
from gim.api.routes.connections import ConnectionRoutes
from gim.api.routes.directory import DirectoryRoutes
from gim.api.routes.live import LiveRoutes
from gim.chat.administration import Administration
from gim.chat.chat import Chat
from gim.chat.directory import Directory
from gim.chat.moderation import Moderation
from gim.concurrency.clocks import WallClock
from gim.config.in_force import options_in_force
from gim.config.settings import Settings
from gim.config.validate import Resources
from gim.gateway.factory import GatewayFactory
from gim.inspection.chatroom_activity import ChatroomActivity
from gim.inspection.chatroom_directory import ChatroomDirectory
from gim.inspection.connections import ConnectionList, NodeConnectionList
from gim.inspection.figures import Figures
from gim.inspection.live import LiveFigures
from gim.inspection.node_talk import NodeTalk
from gim.inspection.proc_files import network_name
from gim.inspection.readings import Readings
from gim.inspection.sampler import Process, Sampler
from gim.inspection.traces import Traces
from gim.inspection.watches import Watches
from gim.model import ServerOptions
from gim.push.dispatcher import PushDispatcher
from gim.storage.interface import Storage


class Seen(NamedTuple):
    """The parts of a process that the administrator sees, and those that this needs."""

    settings: Settings
    store: Storage
    chat: Chat
    moderation: Moderation
    gateway: GatewayFactory
    pushes: PushDispatcher
    talk: NodeTalk
    clock: Any
    wall: WallClock


def admin_routes(seen: Seen, resources: Resources, figures: Figures) -> list[RouteSet]:
    """Return the routes below /v1/admin/, without a key only the live figures.

    Without a key, this process still answers the nodes that have one.
    """
    is_open = resources.keyring is None
    figures.serve(seen.talk)
    live = LiveRoutes(LiveFigures(seen.talk, is_open, seen.clock, seen.wall))
    connections = _connection_routes(seen)
    activity = ChatroomActivity(seen.talk, seen.pushes, seen.clock)
    if resources.admin_key is None:
        return [live]
    administration = Administration(seen.chat, seen.store, seen.wall)
    directory = DirectoryRoutes(
        Directory(administration, seen.store),
        ChatroomDirectory(seen.store.chatrooms, activity),
        _options(seen.settings, seen.store.node),
    )
    admin, batch = AdminRoutes(administration, seen.moderation), BatchRoutes(administration)
    return [live, admin, batch, directory, connections]


def _connection_routes(seen: Seen) -> ConnectionRoutes:
    gateway, talk, node, clock, wall = seen.gateway, seen.talk, seen.store.node, seen.clock, seen.wall
    NodeConnectionList(gateway, node, clock).serve(talk)
    watches = Watches(gateway, seen.pushes.keys_of, talk, node, clock, wall)
    return ConnectionRoutes(ConnectionList(talk), Traces(talk, watches, clock, wall))


def _options(settings: Settings, node: str) -> ServerOptions:
    workers, kind = settings.daemon.gateway_worker, settings.storage.kind
    return ServerOptions(__version__, node, workers, kind, options_in_force(settings))


def make_sampler(
    readings: Readings,
    node: str,
    worker: int,
    storage: Literal["memory", "redis"],
    clock: IReactorTime,
    wall: WallClock,
) -> Sampler:
    """Return the sampler of this process; *node* and *worker* are its names, *storage* is its kind."""
    process = Process(node, worker, __version__, wall.now_ms(), storage, network_name())
    return Sampler(readings, process, clock, wall)
