"""A fault in a job that is done again and again: it is logged, the job goes on, and the stop is clean."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

from twisted.application.service import IServiceCollection
from twisted.internet.task import Clock
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.periodic import Periodic
from gim.daemon.gc_tuning import COLLECTION_INTERVAL, GcTuner
from gim.gateway.timeout_wheel import TimeoutWheel
from gim.inspection.sampler import Sampler
from gim.journal.syncing import Syncing
from gim.limits import overload
from gim.limits.overload import IN_A_ROW, SAMPLE_INTERVAL, Overload
from gim.limits.rate_per_second import RatePerSecond
from gim.limits.read_rate import ReadRate
from gim.limits.report import REPORT_INTERVAL, LimitReport
from gim.metrics.instruments.sampling import RequestSampling
from gim.storage.durable.ticker import Ticker
from gim.storage.durable.upkeep import Upkeep
from gim.storage.memory.sweeper import Sweeper
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.webhooks.presence_grace import PresenceGrace
from tests.support.pipe import GatewayTestCase


class Fault(Exception):
    """What fails once."""


class FailsOnce:
    """A call that raises `Fault` the first time, and then does what it stands for."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.calls = 0
        self._call = call

    def __call__(self, *words: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise Fault
        return self._call(*words, **named)


def within(service: Any) -> Iterator[Any]:
    """Yield a service, and all services in it."""
    yield service
    if IServiceCollection.providedBy(service):
        for child in service:
            yield from within(child)


class DaemonJobTests(GatewayTestCase):
    """Those of a whole daemon, with the memory store, metrics and webhooks."""

    KINDS = (
        LimitReport,
        PresenceGrace,
        RatePerSecond,
        ReadRate,
        RequestSampling,
        Sampler,
        Sweeper,
        TimeoutWheel,
    )

    def setUp(self) -> None:
        secret = FilePath(self.mktemp())
        secret.setContent(b"0123456789" * 4)
        secret.chmod(0o600)
        url = "http://127.0.0.1:9/"
        self.options = (
            "--webhook-url",
            url,
            "--webhook-secret-file",
            secret.path,
            "--max-memory",
            "1GiB",
        )
        super().setUp()

    def jobs(self) -> list[Periodic]:
        return [each for each in within(self.daemon) if isinstance(each, Periodic)]

    def test_none_is_left_out_here(self) -> None:
        self.assertEqual(set(map(type, self.jobs())), set(self.KINDS))
        # below, in tests.integration.redis.test_life, and with a journal in tests.unit.journal and
        # tests.unit.storage.durable
        elsewhere = {GcTuner, Heartbeat, Syncing, Ticker, Upkeep}
        self.assertEqual(set(Periodic.__subclasses__()), {*self.KINDS, *elsewhere})

    def test_each_goes_on_after_a_fault_and_the_stop_is_clean(self) -> None:
        failing = {job: FailsOnce(job._job) for job in self.jobs()}
        for job, call in failing.items():
            self.patch(job, "_job", call)
        self.advance(2 * REPORT_INTERVAL + 1, step=0.1)
        for job, call in failing.items():
            self.assertGreater(call.calls, 1, job)
        self.assertEqual(len(self.flushLoggedErrors(Fault)), len(failing))
        self.stop()
        self.assertFalse(self.daemon.running)

    def test_a_fault_during_the_stop_does_not_keep_it_from_ending(self) -> None:
        for job in self.jobs():
            self.patch(job, "_job", FailsOnce(job._job))
        self.stop()
        self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)  # of the limits, which are reported then
        self.assertFalse(self.daemon.running)

    def test_samples_of_overload_go_on(self) -> None:
        (service,) = [each for each in within(self.daemon) if isinstance(each, Overload)]
        used = FailsOnce(lambda statm: 2**40)
        self.patch(overload, "resident", used)
        self.advance(SAMPLE_INTERVAL * (IN_A_ROW + 2), step=SAMPLE_INTERVAL)
        self.assertGreater(used.calls, IN_A_ROW)
        self.assertEqual(service.cause, "max-memory")
        self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)


class GarbageTests(SynchronousTestCase):
    def test_the_collection_goes_on(self) -> None:
        clock = Clock()
        tuner = GcTuner(clock)
        before = gc.get_threshold()
        gc.freeze()  # what other tests have left, which is much to follow
        self.addCleanup(gc.unfreeze)
        tuner.startService()
        objects = FailsOnce(lambda generation: [])
        self.patch(gc, "get_objects", objects)
        clock.pump([COLLECTION_INTERVAL] * 3)
        self.assertEqual(objects.calls, 3)
        self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)
        stopped: Any = tuner.stopService()
        self.successResultOf(stopped)
        self.assertEqual((gc.get_threshold(), clock.getDelayedCalls()), (before, []))
