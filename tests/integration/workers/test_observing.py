"""What any worker of a real daemon tells about all of them: metrics and profiles."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import Any

import treq
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.support.daemon_process import PATIENCE, DaemonTestCase, Process
from tests.support.pprof_reader import read

WORKERS = 2
Samples = dict[str, float]


class WorkersTestCase(DaemonTestCase):
    async def workers(self, *options: str, **environment: Any) -> Process:
        """Start a daemon with workers, and wait until all of them serve."""
        process = await self.daemon("--gateway-worker", str(WORKERS), *options, **environment)
        for number in range(1, WORKERS + 1):
            await process.says(rf"worker {number} \(pid \d+\) is ready")
        return process

    def pid_of(self, process: Process, number: int) -> int:
        """Return the process id of the worker of a number that was started last."""
        return int(re.findall(rf"worker {number} \(pid (\d+)\) is ready", process.output[1])[-1])

    async def ask(self, path: str, method: str = "GET", **options: Any) -> tuple[int, bytes]:
        """Send a request on a connection of its own, so that any worker may get it."""
        url = f"http://127.0.0.1:{self.http}{path}"
        response = await treq.request(method, url, persistent=False, timeout=PATIENCE, **options)
        return response.code, await response.content()

    async def samples(self) -> Samples:
        """Return the metrics that some worker serves, by name and values of labels: "name value …"."""
        status, page = await self.ask("/metrics")
        self.assertEqual(status, 200)
        families = parser.text_string_to_metric_families(page.decode())
        return {
            " ".join((sample.name, *dict(sorted(sample.labels.items())).values())): sample.value
            for family in families
            for sample in family.samples
        }


class MetricsTests(WorkersTestCase):
    async def use(self) -> None:
        """Connect ann at both workers and bob at one; let each send and receive."""
        self.ann, self.other, self.bob = [await self.client() for _ in range(3)]
        await self.ann.ask(101, id="ann")
        await self.other.ask(101, id="ann")
        await self.bob.ask(101, id="bob")
        await self.bob.ask(201, type=2, target_id="ann", content="hi")
        await self.ann.next()
        await self.other.next()

    async def test_any_worker_answers_for_all(self) -> None:
        await self.workers()
        await self.use()
        for _ in range(2 * WORKERS):
            samples = await self.samples()
            for name, value in (
                ("gim_connections", 3),
                ("gim_users", 2),
                ("gim_stored_messages", 1),
                ("gim_requests_total 0 101", 3),
                ("gim_requests_total 0 201", 1),
                ("gim_request_duration_seconds_count 101", 3),
                ("gim_pushes_total private", 2),
                ("gim_info memory 1.0.0", 1),
                ("gim_overloaded max-reactor-delay", 0),
                ("gim_workers", WORKERS),
                ("gim_ready", 1),
                ("gim_storage_up", 1),
                ("gim_worker_restarts_total", 0),
            ):
                self.assertEqual(samples[name], value, name)
            shares = [samples[f"gim_worker_connections {number}"] for number in (1, 2)]
            self.assertEqual(sorted(shares), [1, 2])
            for number in 0, 1, 2:
                self.assertGreater(samples[f"gim_worker_cpu_seconds_total {number}"], 0)
        accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
        _, page = await self.ask("/metrics", headers=accept)
        families = openmetrics.text_string_to_metric_families(page.decode())
        self.assertIn("gim_worker_restarts", {family.name for family in families})

    async def test_no_counter_falls_when_a_worker_is_killed(self) -> None:
        process = await self.workers()
        await self.use()
        before = await self.samples()
        os.kill(self.pid_of(process, 1), signal.SIGKILL)
        await process.says(r"(?s)worker 1 .*is ready.*worker 1 .*is ready")
        after = await self.samples()
        for name, value in before.items():
            if re.search(r"_(total|count|sum|bucket)\b", name):
                self.assertGreaterEqual(after[name], value, name)
        self.assertEqual(after["gim_worker_restarts_total"], 1)
        self.assertEqual(after["gim_workers"], WORKERS)
        self.assertEqual(after["process_start_time_seconds"], before["process_start_time_seconds"])
        self.assertLess(after["gim_connections"], 3)


class ProfileTests(WorkersTestCase):
    async def cpu(self, worker: int) -> set[str]:
        """Sample a process until there is something; return the files that its stacks begin in."""
        while True:
            status, body = await self.ask(f"/debug/pprof/profile?seconds=0.2&worker={worker}")
            self.assertEqual(status, 200)
            if (found := read(body)).samples:
                return {place[1] for stack in found.samples for place in stack}

    async def test_each_process_can_be_sampled_from_any_worker(self) -> None:
        await self.workers("--profiling", "--limits", "dry-run")
        client = await self.client()
        await client.ask(101, id="ann")
        client.say(json.dumps({"op": 105}))
        for number in range(WORKERS + 1):
            for _ in range(2):
                sampling = Deferred.fromCoroutine(self.cpu(number))
                while not sampling.called:
                    await self.ask("/readyz")
                files = await sampling
                self.assertTrue(any("/gim/" in file or "twisted" in file for file in files), files)

    async def test_memory_is_traced_in_the_process_that_is_named(self) -> None:
        await self.workers("--profiling")
        for number in range(WORKERS + 1):
            path = f"/debug/pprof/heap?worker={number}"
            self.assertEqual((await self.ask(path))[0], 409)
            self.assertEqual((await self.ask(path + "&frames=4", "PUT"))[0], 200)
            status, body = await self.ask(path)
            self.assertEqual(status, 200)
            self.assertTrue(read(body).kinds)
            self.assertEqual((await self.ask(path, "DELETE"))[0], 200)
            self.assertEqual((await self.ask(path))[0], 409)
        status, body = await self.ask(f"/debug/pprof/heap?worker={WORKERS + 1}")
        self.assertEqual((status, json.loads(body)["code"]), (404, 404))
        _, page = await self.ask("/debug/pprof/")
        self.assertIn(f"This server has {WORKERS} workers.", page.decode())

    async def test_sampling_ends_when_the_client_hangs_up(self) -> None:
        process = await self.workers("--profiling")
        for number in range(WORKERS + 1):
            path = f"/debug/pprof/profile?worker={number}&seconds="
            sampling = Deferred.fromCoroutine(self.ask(path + "60"))
            await process.says(rf"(?s)(sampling the CPU for 60.0 s.*){{{number + 1}}}")
            self.assertEqual((await self.ask(path + "0.01"))[0], 409)
            sampling.addErrback(lambda failure: None).cancel()
            while (await self.ask(path + "0.01"))[0] != 200:
                pass
        self.assertNotIn("Traceback", process.output[1])

    async def test_a_daemon_that_stops_ends_sampling(self) -> None:
        process = await self.workers("--profiling")
        sampling = Deferred.fromCoroutine(self.ask("/debug/pprof/profile?worker=2&seconds=60"))
        sampling.addErrback(lambda failure: None)  # its worker may end first
        await process.says("sampling the CPU for 60.0 s")
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited.addTimeout(PATIENCE, reactor), 0)
        await sampling
        self.assertNotIn("Traceback", process.output[1] + process.output[2])


class LimitTests(WorkersTestCase):
    async def test_logins_over_http_are_counted_together(self) -> None:
        await self.workers("--max-login-rate", "5")
        codes = [(await self.ask("/v1/login", "POST", json={"id": "ann"}))[0] for _ in range(8 * WORKERS)]
        seconds = 1 + codes.count(200) // 5  # that the test took, at least
        self.assertLessEqual(codes.count(200), 5 * seconds)
        self.assertEqual(set(codes), {200, 429})
        self.assertGreater((await self.samples())["gim_limit_hits_total max-login-rate"], 0)

    async def test_what_a_user_reads_counts_at_all_workers(self) -> None:
        await self.workers("--max-read-rate", "40")
        one, other = await self.client(), await self.client()
        await one.ask(101, id="ann")
        await other.ask(101, id="ann")
        while True:
            one.request(205)
            if (await one.packet())["body"]["code"] == 429:
                break
        refused = False
        for _ in range(20):
            other.request(205)
            refused = refused or (await other.packet())["body"]["code"] == 429
        self.assertTrue(refused)

    async def test_the_memory_of_all_processes_counts(self) -> None:
        process = await self.workers("--max-memory", "128MiB")
        await process.says("overloaded: .* MiB are in use")
        for _ in range(2 * WORKERS):
            while True:
                status, body = await self.ask("/readyz")
                if status == 503:
                    break
            self.assertIn("overloaded", body.decode())
        self.assertEqual((await self.samples())["gim_overloaded max-memory"], 1)
