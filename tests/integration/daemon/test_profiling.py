"""Profiles and documents of a running daemon, taken as an operator takes them."""

from __future__ import annotations

import json
import signal

import treq
from openapi_spec_validator import OpenAPIV31SpecValidator
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tests.support.daemon_process import PATIENCE, DaemonTestCase
from tests.support.pprof_reader import read


class ProfilingTests(DaemonTestCase):
    async def ask(self, path: str, method: str = "GET") -> tuple[int, str, bytes]:
        """Return status, content type and body."""
        url = f"http://127.0.0.1:{self.http}{path}"
        response = await treq.request(method, url, persistent=False).addTimeout(PATIENCE, reactor)
        (media,) = response.headers.getRawHeaders("Content-Type")
        return response.code, media, await treq.content(response)

    async def keep_busy(self) -> LoopingCall:
        """Give the daemon something to do for as long as the call returned runs."""
        bob = await self.client()
        await bob.ask(101, id="bob")
        heartbeats = LoopingCall(lambda: [bob.say('{"op":105}') for _ in range(50)])
        heartbeats.start(0.005)
        self.addCleanup(lambda: heartbeats.running and heartbeats.stop())
        return heartbeats

    async def profile(self, path: str) -> tuple[str, bytes]:
        """Return type and body of a profile that has something in it: the machine may be busy too."""
        while True:
            status, media, body = await self.ask(path)
            self.assertEqual(status, 200, body)
            if body and (media.startswith("text/") or read(body).samples):
                return media, body

    async def test_a_busy_daemon_shows_where_its_cpu_goes(self) -> None:
        self.starts_afresh = True
        process = await self.daemon("--profiling", "--limits", "dry-run")
        heartbeats = await self.keep_busy()
        media, body = await self.profile("/debug/pprof/profile?seconds=0.3")
        self.assertEqual(media, "application/octet-stream")
        found = read(body)
        outermost = {stack[-1][0] for stack in found.samples}
        self.assertEqual(outermost, {"twistd.<module>"})
        cpu = sum(numbers[1] for numbers in found.samples.values())
        self.assertLess(cpu, 2 * found.duration)
        self.assertGreaterEqual(found.duration, 300_000_000)
        media, body = await self.profile("/debug/pprof/profile?seconds=0.3&format=folded")
        self.assertEqual(media, "text/plain; charset=utf-8")
        self.assertRegex(body, rb"(?m)^\S.*;.* \d+$")
        heartbeats.stop()
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)

    async def test_memory_is_traced_on_demand(self) -> None:
        await self.daemon("--enable-profiling=true")
        self.assertEqual((await self.ask("/debug/pprof/heap"))[0], 409)
        self.assertEqual((await self.ask("/debug/pprof/heap?frames=4", "PUT"))[0], 200)
        found = read((await self.profile("/debug/pprof/heap"))[1])
        self.assertTrue(any("/gim/" in stack[0][1] for stack in found.samples))
        self.assertEqual((await self.ask("/debug/pprof/heap", "DELETE"))[0], 200)
        self.assertEqual((await self.ask("/debug/pprof/heap"))[0], 409)
        self.assertIn(b"is not being traced", (await self.ask("/debug/pprof/"))[2])

    async def test_it_stops_in_the_middle_of_a_profile(self) -> None:
        process = await self.daemon("--profiling-enabled")
        profile = Deferred.fromCoroutine(self.ask("/debug/pprof/profile?seconds=60"))
        await process.says("sampling the CPU for 60.0 s")
        process.signal(signal.SIGTERM)
        self.assertEqual((await profile)[0], 200)
        self.assertEqual(await process.exited.addTimeout(PATIENCE, reactor), 0)
        self.assertNotIn("Traceback", process.output[1] + process.output[2])

    async def test_without_the_option_there_is_nothing_but_the_documents(self) -> None:
        await self.daemon()
        for path in "/debug/pprof/", "/debug/pprof/profile", "/debug/pprof/heap":
            self.assertEqual((await self.ask(path))[0], 404, path)
        document = json.loads((await self.ask("/openapi.json"))[2])
        OpenAPIV31SpecValidator(document).validate()
        self.assertFalse(any("debug" in path for path in document["paths"]))
        status, media, page = await self.ask("/docs")
        self.assertEqual((status, media), (200, "text/html; charset=utf-8"))
        self.assertIn(b"/v1/messages", page)
