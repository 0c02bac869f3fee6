"""The live figures of a process: what it samples, and what it answers to the nodes that ask."""

from __future__ import annotations

from typing import Literal

from twisted.internet.interfaces import IReactorTime

from gim import __version__
from gim.api.routes.live import LiveRoutes
from gim.concurrency.clocks import WallClock
from gim.inspection.figures import Figures, ParentFigures
from gim.inspection.live import LiveFigures
from gim.inspection.node_talk import NodeTalk
from gim.inspection.proc_files import network_name
from gim.inspection.readings import Readings
from gim.inspection.sampler import Process, Sampler


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


def make_live_routes(
    sampler: Sampler,
    parent: ParentFigures | None,
    talk: NodeTalk,
    is_open: bool,
    clock: IReactorTime,
    wall: WallClock,
) -> LiveRoutes:
    """Return the routes, and answer the nodes that ask; *is_open* says whether logins need no token."""
    Figures(sampler, parent).serve(talk)
    return LiveRoutes(LiveFigures(talk, is_open, clock, wall))
