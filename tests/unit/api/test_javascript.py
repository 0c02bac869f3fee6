"""The client library as pages get it."""

from __future__ import annotations

import gzip
import os
from typing import Any

from gim.api.routes.javascript import modules
from tests.support.paths import ROOT
from tests.unit.api.test_http import ApiTestCase

SOURCES = {
    path.basename(): path.getContent() for path in ROOT.descendant(["clients", "js"]).globChildren("*.js")
}
GIM = "/client/gim.js"
NOWHERE = "no such path: /docs lists all paths"


class ModuleTests(ApiTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_AUTH_KEY": "0123456789" * 4})
        super().setUp()

    def test_every_module_is_served_without_a_token(self) -> None:
        self.assertIn("gim.js", SOURCES)
        for name, source in SOURCES.items():
            response = self.request("GET", f"/client/{name}")
            self.assertEqual((response.status, response.body), (200, source))
            self.assertEqual(response.headers["content-type"], "text/javascript; charset=utf-8")
            self.assertEqual(response.headers["x-content-type-options"], "nosniff")
            self.assertEqual(response.headers["cache-control"], "no-cache")

    def test_nothing_else_is_served(self) -> None:
        for name in ("", "package.json", "README.md", "gim.d.ts", "gim", "GIM.js", "tests/gim.test.js"):
            self.assertEqual(self.ask_http("GET", f"/client/{name}")["msg"], NOWHERE, name)
        for name in (
            "..%2fpackage.json",
            "%2e%2e",
            "../gim.js",
            "./gim.js",
            "gim.js/",
            "/gim.js",
            "gim.js%00",
        ):
            self.assertEqual(self.ask_http("GET", f"/client/{name}")["msg"], NOWHERE, name)
        self.assertEqual(self.ask_http("GET", "/client")["msg"], NOWHERE)

    def test_head_has_the_headers_alone(self) -> None:
        got, head = self.request("GET", GIM), self.request("HEAD", GIM)
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("etag", "content-length", "content-type", "vary"):
            self.assertEqual(head.headers[name], got.headers[name])

    def test_a_client_that_accepts_gzip_gets_it(self) -> None:
        for accepted in ("gzip", "br, GZIP;q=0.5", "deflate , gzip ; q=1", "gzip;q=0.001"):
            response = self.request("GET", GIM, Accept_Encoding=accepted)
            self.assertEqual(response.headers["content-encoding"], "gzip", accepted)
            self.assertEqual(gzip.decompress(response.body), SOURCES["gim.js"])
            self.assertEqual(response.headers["vary"], "accept-encoding")
        for accepted in ("", "identity", "gzip;q=0", "gzip; q=0.00", "br", "x-gzip-not"):
            response = self.request("GET", GIM, Accept_Encoding=accepted)
            self.assertNotIn("content-encoding", response.headers)
            self.assertEqual(response.body, SOURCES["gim.js"])

    def test_gzip_is_the_same_at_any_time(self) -> None:
        response = self.request("GET", GIM, Accept_Encoding="gzip")
        self.assertEqual(response.body[4:8], bytes(4))


class EtagTests(ApiTestCase):
    def etag(self, path: str = GIM, **headers: Any) -> str:
        return self.request("GET", path, **headers).headers["etag"]

    def test_what_a_client_has_is_not_sent_again(self) -> None:
        etag = self.etag()
        for known in (etag, f'"x", {etag}', f"W/{etag}", "*", f'{etag},"x"'):
            for method in "GET", "HEAD":
                response = self.request(method, GIM, If_None_Match=known)
                self.assertEqual((response.status, response.body), (304, b""), known)
                self.assertEqual(response.headers["etag"], etag)
                self.assertEqual(response.headers["cache-control"], "no-cache")
                self.assertEqual(response.headers["vary"], "accept-encoding")

    def test_another_version_is_sent(self) -> None:
        for known in ('"x"', self.etag()[:-2] + '"', self.etag().strip('"'), ""):
            self.assertEqual(self.request("GET", GIM, If_None_Match=known).status, 200)

    def test_each_module_and_encoding_has_its_own(self) -> None:
        etags = [
            self.etag(f"/client/{name}", Accept_Encoding=coding)
            for name in SOURCES
            for coding in ("", "gzip")
        ]
        self.assertEqual(len({*etags}), 2 * len(SOURCES))
        for etag in etags:
            self.assertRegex(etag, r'\A"[0-9a-f]{32}(-gzip)?"\Z')


class OriginTests(ApiTestCase):
    def test_a_page_of_any_origin_may_import_it(self) -> None:
        for origin in "https://app.example.com", "null", "http://localhost:3000":
            response = self.request("GET", GIM, Origin=origin)
            self.assertEqual(response.status, 200)
            self.assertEqual(response.headers["access-control-allow-origin"], "*")

    def test_the_response_is_the_same_for_every_origin(self) -> None:
        with_origin = self.request("GET", GIM, Origin="https://app.example.com", trace="t")
        self.assertEqual(self.request("GET", GIM, trace="t"), with_origin)

    def test_a_preflight_is_answered(self) -> None:
        asked: Any = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "trace"}
        response = self.request("OPTIONS", GIM, Origin="https://app.example.com", **asked)
        self.assertEqual((response.status, response.headers["access-control-allow-origin"]), (204, "*"))

    def test_no_other_path_is_open_to_pages_of_other_origins(self) -> None:
        for path in ("/clients", "/client", "/clientx/gim.js", "//client/gim.js", "/%63lient/gim.js"):
            response = self.request("GET", path, Origin="https://app.example.com")
            self.assertIn(response.status, (403, 404), path)
            self.assertNotEqual(response.body, SOURCES["gim.js"])


class SourceTests(ApiTestCase):
    def test_the_modules_are_those_of_the_library(self) -> None:
        self.assertEqual(modules(), SOURCES)
