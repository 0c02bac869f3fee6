"""What /metrics of a real daemon tells, and whether the document and the dashboard speak of the same."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import Any

import treq
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from twisted.python.filepath import FilePath

from tests.support.daemon_process import PATIENCE, DaemonTestCase
from tests.support.paths import ROOT
from tests.support.webhooks.receiver import SECRET, start_hook

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class PageTestCase(DaemonTestCase):
    async def page(self, accept: str = "") -> tuple[str, str]:
        """Return content type and text."""
        headers: Any = {"Accept": accept} if accept else {}
        url = f"http://127.0.0.1:{self.http}/metrics"
        response = await treq.get(url, headers=headers, persistent=False, timeout=PATIENCE)
        self.assertEqual(response.code, 200)
        (content_type,) = response.headers.getRawHeaders("content-type")
        return content_type, await response.text()

    async def samples(self) -> Samples:
        _, text = await self.page()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def use(self) -> None:
        """Do a little of everything."""
        ann, bob = await self.client(), await self.client()
        await ann.ask(101, id="ann")
        await ann.ask(201, type=2, target_id="bob", content="missed")
        await bob.ask(101, id="bob")
        await bob.next()
        await ann.ask(201, type=2, target_id="bob", content="hi")
        await bob.next()
        await ann.ask(301, id="den")
        ann.say('{"op":201,"body":{"type":1,"target_id":"den","content":"all"}}')
        await ann.next()
        await ann.next()
        for refused in '{"op":999}', '{"op":998}', "x", '{"op":203,"body":{"session_id":"1:no"}}':
            ann.say(refused)
            await ann.next()
        url = f"http://127.0.0.1:{self.http}/v1"
        await treq.post(f"{url}/login", json={"id": "cat"}, persistent=False)
        await treq.get(f"{url}/sessions", persistent=False)
        await treq.get(f"{url}/{'x' * 30}", persistent=False)


class MetricsTests(PageTestCase):
    async def test_what_clients_do_is_counted(self) -> None:
        await self.daemon()
        await self.use()
        samples = await self.samples()
        for name, labels, value in (
            ("gim_connections", {}, 2),
            ("gim_users", {}, 2),
            ("gim_chatrooms", {}, 1),
            ("gim_requests_total", {"op": "101", "code": "0"}, 2),
            ("gim_requests_total", {"op": "201", "code": "0"}, 3),
            ("gim_requests_total", {"op": "203", "code": "404"}, 1),
            ("gim_requests_total", {"op": "203", "code": "0"}, 0),
            ("gim_requests_total", {"op": "0", "code": "400"}, 3),
            ("gim_request_duration_seconds_count", {"op": "201"}, 3),
            ("gim_http_requests_total", {"op": "login", "code": "200"}, 1),
            ("gim_http_requests_total", {"op": "sessions", "code": "401"}, 1),
            ("gim_http_requests_total", {"op": "none", "code": "404"}, 1),
            ("gim_pushes_total", {"kind": "private"}, 1),
            ("gim_pushes_total", {"kind": "caught_up"}, 1),
            ("gim_pushes_total", {"kind": "chatroom"}, 1),
            ("gim_pushed_messages_total", {"kind": "chatroom"}, 1),
            ("gim_stored_messages", {}, 3),
            ("gim_storage_duration_seconds_count", {"operation": "enter"}, 2),
            ("gim_storage_duration_seconds_count", {"operation": "put_user"}, 1),
            ("gim_storage_errors_total", {"operation": "append"}, 0),
            ("gim_unsent_bytes", {}, 0),
            ("gim_ready", {}, 1),
            ("gim_storage_up", {}, 1),
            ("gim_info", {"version": "1.0.0", "storage": "memory"}, 1),
        ):
            found = samples.get((name, tuple(sorted(labels.items()))))
            self.assertEqual(found, value, (name, labels))
        self.assertGreater(samples["python_twisted_reactor_tick_time_count", ()], 10)
        self.assertGreater(samples["process_resident_memory_bytes", ()], 1e6)

    async def test_no_client_can_make_up_series(self) -> None:
        await self.daemon()
        await self.use()
        await self.samples()  # which is a request as well
        before = set(await self.samples())
        ann = await self.client()
        for op in range(1001, 1101):
            ann.say(json.dumps({"op": op}))
            await ann.next()
        for path in range(20):
            await treq.get(f"http://127.0.0.1:{self.http}/{path}", persistent=False)
        self.assertEqual(set(await self.samples()), before)

    async def test_a_connection_that_ends_is_counted_by_its_code(self) -> None:
        process = await self.daemon()
        for code in 1000, 4321:
            client = await self.client()
            client.sendClose(code)
            await client.gone
        await process.says("ended, 4321")
        samples = await self.samples()
        for label in "1000", "other":
            self.assertEqual(samples["gim_closed_connections_total", (("code", label),)], 1)

    async def test_openmetrics_for_those_who_ask(self) -> None:
        await self.daemon()
        content_type, text = await self.page(
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        )
        self.assertTrue(content_type.startswith("application/openmetrics-text; version=1.0.0"))
        self.assertGreater(len(list(openmetrics.text_string_to_metric_families(text))), 20)
        content_type, _ = await self.page()
        self.assertTrue(content_type.startswith("text/plain; version=0.0.4"), content_type)

    async def test_there_is_none_when_nothing_is_counted(self) -> None:
        process = await self.daemon("--metrics=false")
        ann = await self.client()
        await ann.ask(101, id="ann")
        self.assertEqual((await ann.ask(205))["items"], [])
        response = await treq.get(f"http://127.0.0.1:{self.http}/metrics", persistent=False)
        self.assertEqual(response.code, 404)
        self.assertEqual((await treq.json_content(response))["code"], 404)
        process.signal(signal.SIGKILL)


class DocumentTests(PageTestCase):
    async def test_the_document_lists_what_is_served_and_nothing_else(self) -> None:
        document = ROOT.child("docs").child("metrics.md").getContent().decode()
        await self.check_document(document.partition("## Workers")[0])

    async def test_with_workers_all_that_it_lists_is_served(self) -> None:
        document = ROOT.child("docs").child("metrics.md").getContent().decode()
        await self.check_document(document, "--gateway-worker", "2")

    async def check_document(self, document: str, *options: str) -> None:
        """Compare the metrics that *document* lists with those of a daemon."""
        hook = start_hook(self)
        environment: Any = {"GIM_WEBHOOK_SECRET": SECRET}
        data = FilePath(self.mktemp())
        data.makedirs()
        words = "--webhook-url", hook.url, "--data-dir", os.path.abspath(data.path)
        process = await self.daemon(*words, *options, **environment)
        await self.use()
        _, page = await self.page()
        served = await self.samples()
        process.signal(signal.SIGTERM)  # all of its processes have ended when it has
        self.assertEqual(await process.exited, 0)
        listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", document, re.MULTILINE))
        self.assertEqual(dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE)), listed)
        labels = {
            name: set(re.findall(r"`(\w+)`", cell))
            for name, cell in re.findall(r"^\| `(\w+)` \| \w+ \|([^|]*)\|", document, re.MULTILINE)
        }
        for name, pairs in served:
            family = name if name in labels else re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertLessEqual({label for label, _ in pairs} - {"le"}, labels[family], name)

    async def test_the_dashboard_asks_for_what_is_served(self) -> None:
        hook = start_hook(self)
        environment: Any = {"GIM_WEBHOOK_SECRET": SECRET}
        data = FilePath(self.mktemp())
        data.makedirs()
        words = "--webhook-url", hook.url, "--data-dir", os.path.abspath(data.path)
        await self.daemon("--gateway-worker", "2", *words, **environment)
        await self.use()
        client = await self.client()
        client.sendClose(1000)
        await client.gone
        dashboard = json.loads(ROOT.descendant(["contrib", "grafana", "gim.json"]).getContent())
        self.check_shape(dashboard)
        labels: dict[str, set[str]] = {}
        for name, pairs in await self.samples():
            labels.setdefault(name, set()).update(label for label, _ in pairs)
        for expression in self.expressions(dashboard):
            names = re.findall(r"\b((?:gim|python|process)_\w+)", expression)
            self.assertTrue(names, expression)
            for name in names:
                self.assertIn(name, labels, expression)
                for by in re.findall(r"by \(([\w, ]+)\)", expression):
                    self.assertLessEqual(set(by.split(", ")), labels[name] | {"instance"}, expression)

    def expressions(self, dashboard: dict[str, Any]) -> list[str]:
        targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
        queries = [
            variable["query"]["query"]
            for variable in dashboard["templating"]["list"]
            if variable["type"] == "query"
        ]
        return [target["expr"] for target in targets] + queries

    def check_shape(self, dashboard: dict[str, Any]) -> None:
        """See that Grafana can take it: what its JSON model asks of a dashboard and of panels."""
        for name, kind in ("title", str), ("uid", str), ("schemaVersion", int), ("panels", list):
            self.assertIsInstance(dashboard[name], kind)
        self.assertEqual(set(dashboard["time"]), {"from", "to"})
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            self.assertEqual(cells & taken, set(), panel["title"])
            taken |= cells
            if panel["type"] != "row":
                self.check_targets(panel)

    def check_targets(self, panel: dict[str, Any]) -> None:
        self.assertIn(panel["type"], ("timeseries", "stat"))
        self.assertTrue(panel["description"].endswith("."), panel["title"])
        self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])
        self.assertTrue(panel["targets"])
        references = [target["refId"] for target in panel["targets"]]
        self.assertEqual(len(set(references)), len(references))
        for place in panel, *panel["targets"]:
            self.assertEqual(place["datasource"], {"type": "prometheus", "uid": "${datasource}"})
