"""What the parent of workers counts, limits and measures for all of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted.application.service import Service

from gim.concurrency.clocks import WallClock
from gim.config.settings import Settings
from gim.daemon.build_inspection import make_sampler
from gim.daemon.shared_store import SharedStore
from gim.inspection.readings import of_parent
from gim.inspection.sampler import Sampler
from gim.limits.limits import LimitHits
from gim.limits.overload import Overload
from gim.limits.rate_per_second import login_rate
from gim.metrics.export.meters import ParentMeters
from gim.profiling.profiler import Profiler
from gim.workers.observing import Observing, Roster
from gim.workers.overload import ParentOverload
from gim.workers.profiles import ProfileRelay
from gim.workers.rates import NodeReadRate
from gim.workers.samples import ParentSamples
from gim.workers.snapshots import SnapshotCollector


class ObservingParts(NamedTuple):
    """What follows the workers, the overload of all, and the services that run for both."""

    observing: Observing
    overload: Overload
    services: tuple[Service, ...]


def make_observing(
    settings: Settings, store: SharedStore | None, hits: LimitHits, reactor: Any, wall: WallClock
) -> ObservingParts:
    """Return the parts; *store* is None where the workers have stores of their own."""
    limits, roster = settings.limits, Roster()
    channels = roster.channels
    overload = ParentOverload(reactor, limits.max_reactor_delay, limits.max_memory, channels)
    read_rate = NodeReadRate(limits, hits, reactor, channels)
    logins = login_rate(limits, hits, reactor)
    profiler = Profiler(reactor, wall)
    services: list[Service] = [overload, read_rate, logins, profiler]
    snapshots = None
    if settings.daemon.metrics:
        meters = ParentMeters(reactor)
        services += meters.services
        page = meters.page(
            roster,
            "redis" if store is None else "memory",
            store.data if store is not None else None,
            hits,
            overload,
            store.webhooks if store is not None else None,
            store.figures if store is not None else None,
        )
        snapshots = SnapshotCollector(page.snapshot, channels)
    profiles = ProfileRelay(profiler, channels)
    sampler = _make_sampler(store, hits, overload, reactor, wall)
    services.append(sampler)
    samples = ParentSamples(sampler, channels)
    observing = Observing(roster, overload, read_rate, logins, profiles, samples, snapshots)
    return ObservingParts(observing, overload, tuple(services))


def _make_sampler(
    store: SharedStore | None, hits: LimitHits, overload: Overload, reactor: Any, wall: WallClock
) -> Sampler:
    if store is None:
        return make_sampler(of_parent(hits, overload, None, None), "", 0, "redis", reactor, wall)
    readings = of_parent(hits, overload, store.data, store.webhooks)
    return make_sampler(readings, store.data.node, 0, "memory", reactor, wall)
