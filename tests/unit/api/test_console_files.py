"""The files of the console as a browser gets them."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

from gim.console.files import sources
from tests.unit.api.test_http import ApiTestCase, Response

NOWHERE = "no such path: /docs lists all paths"
MEDIA = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "vendor/preact/license": "text/plain; charset=utf-8",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class ConsoleFileTests(ApiTestCase):
    def assert_guarded(self, response: Response, path: str) -> None:
        for name, value in HEADERS.items():
            self.assertEqual(response.headers[name], value, path)
        self.assertIn("frame-ancestors 'none'", response.headers["content-security-policy"])
        self.assertNotIn("access-control-allow-origin", response.headers)

    def test_every_file_is_served_with_its_type_and_all_headers(self) -> None:
        files = sources()
        self.assertLessEqual({"index.html", "app.js", "vendor/preact/hooks.mjs"}, set(files))
        for path, source in files.items():
            response = self.request("GET", f"/console/{path}")
            self.assertEqual((response.status, response.body), (200, source), path)
            end = path.rpartition(".")[2].lower()
            self.assertEqual(
                response.headers["content-type"], MEDIA.get(end, MEDIA["vendor/preact/license"])
            )
            self.assert_guarded(response, path)

    def test_the_page_is_served_at_the_folder(self) -> None:
        self.assertEqual(self.request("GET", "/console/").body, sources()["index.html"])

    def test_the_policy_names_the_import_map_and_no_other_inline_code(self) -> None:
        page = sources()["index.html"].decode()
        inline = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>([^<]*)</script>", page)
        self.assertEqual(len(inline), 1)
        digest = b64encode(sha256(inline[0].encode()).digest()).decode()
        response = self.raw(b"GET /console/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(
            response.headers["content-security-policy"],
            f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self';"
            " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self';"
            " frame-ancestors 'none'; require-trusted-types-for 'script'".lower(),
        )
        self.assertNotRegex(page, r"\son\w+=|style=|<style")

    def test_a_browser_may_keep_a_file_and_asks_for_changes(self) -> None:
        path = "/console/vendor/uplot/uPlot.iife.min.js"
        response = self.request("GET", path, Accept_Encoding="gzip")
        self.assertEqual(gzip.decompress(response.body), sources()[path.removeprefix("/console/")])
        self.assertEqual(response.headers["cache-control"], "no-cache")
        known = self.request("GET", path, If_None_Match=response.headers["etag"], Accept_Encoding="gzip")
        self.assertEqual((known.status, known.body), (304, b""))
        self.assert_guarded(known, path)

    def test_head_has_the_headers_alone(self) -> None:
        got, head = self.request("GET", "/console/"), self.request("HEAD", "/console/")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["content-length"], got.headers["content-length"])
        self.assert_guarded(head, "/console/")

    def test_nothing_else_is_served(self) -> None:
        for path in (
            *("vendor", "vendor/", "vendor.toml", "pages/app.js", "__init__.py", "files.py"),
            *("../files.py", "vendor/../app.js", "%2e%2e/files.py", "vendor%2fpreact%2fpreact.mjs"),
            *("/app.js", "app.js/", "app.js%00", "APP.JS"),
        ):
            response = self.request("GET", f"/console/{path}")
            self.assertEqual((response.status, response.envelope["msg"]), (404, NOWHERE), path)

    def test_a_browser_is_sent_there(self) -> None:
        for path, accept in (("/console", "*/*"), ("/", "text/html,*/*;q=0.8")):
            response = self.request("GET", path, Accept=accept)
            self.assertEqual((response.status, response.headers["location"]), (302, "/console/"))
        self.assertEqual(self.request("GET", "/", Accept="*/*").status, 404)
        self.assertEqual(self.request("POST", "/", Accept="text/html").status, 404)

    def test_pages_of_other_origins_get_nothing(self) -> None:
        for origin in (
            "http://localhost:3000",
            "http://localhost.example",
            "null",
            "http://evil.example",
        ):
            response = self.request("GET", "/console/app.js", Origin=origin)
            self.assertEqual(response.status, 403, origin)
            self.assertNotIn("access-control-allow-origin", response.headers)
        asked = self.request(
            "OPTIONS", "/console/app.js", Origin="http://x", Access_Control_Request_Method="GET"
        )
        self.assertEqual(asked.status, 403)
        self.assertEqual(self.request("GET", "/console/app.js", Origin="http://localhost").status, 200)
        same: Any = {"Origin": "https://chat.example", "Sec-Fetch-Site": "same-origin"}
        self.assertEqual(self.request("GET", "/console/app.js", **same).status, 200)


class ConsoleOffTests(ApiTestCase):
    options = ("--console=false",)

    def test_it_is_not_there(self) -> None:
        for path in "/console", "/console/", "/console/app.js", "/":
            self.assertEqual(self.request("GET", path, Accept="text/html").status, 404, path)
