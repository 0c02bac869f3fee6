"""Who may call a route for the console: with a key of the administrator, and without one."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.web.iweb import IRequest

from gim.api.envelope import answer
from gim.api.openapi.describe import Access, describe
from gim.api.server.app import App
from gim.api.server.root import ApiRoot
from gim.limits.limits import LimitHits
from gim.model import NOTHING, Nothing
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase

KEY = "a-key-for-these-tests"
HERE = IPv4Address("TCP", "127.0.0.1", 5)


class LiveRoutes:
    app = App()

    @app.route("/v1/admin/live", methods=["GET"])
    @describe("Figures.", "health", access=Access.CONSOLE, returns=Nothing)
    async def live(self, request: IRequest) -> bytes:
        return answer(request, NOTHING)


class OtherRoutes:
    """Another set below the same two segments."""

    app = App()

    @app.route("/v1/admin/users/<user_id>", methods=["PUT"])
    @describe("A user.", "users", access=Access.ADMIN, returns=Nothing)
    async def user(self, request: IRequest, user_id: str) -> bytes:
        return answer(request, NOTHING)


class ConsoleCase(GatewayTestCase):
    options: tuple[str, ...] = ("--metrics=false",)  # which know the names of real routes only

    def serve(self, *sets: Any) -> None:
        self.api.resource = ApiRoot(sets, self.api.access, LimitHits(True))

    def status(
        self, path: str, *headers: str, host: str = "localhost", method: str = "GET", peer: Any = HERE
    ) -> int:
        wire = Wire(self.api, self.clock, peer)
        wire.feed(
            ["\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()]
        )
        return int(wire.transport.value().split(b" ")[1])


class OpenTests(ConsoleCase):
    options = (*ConsoleCase.options, "--allowed-origins", "https://chat.example")

    def setUp(self) -> None:
        super().setUp()
        self.serve(LiveRoutes())

    def test_clients_on_this_machine_may(self) -> None:
        for host in "localhost", "LOCALHOST:8081", "127.0.0.1", "127.0.0.1:80", "[::1]:8081", "[::1]":
            self.assertEqual(self.status("/v1/admin/live", host=host), 200, host)
        for address in "::1", "::ffff:127.0.0.1":
            peer = IPv6Address("TCP", address, 5)
            self.assertEqual(self.status("/v1/admin/live", peer=peer), 200, address)

    def test_others_may_not(self) -> None:
        for peer in IPv4Address("TCP", "192.0.2.7", 5), UNIXAddress(None):
            self.assertEqual(self.status("/v1/admin/live", peer=peer), 403, peer)

    def test_no_page_that_gives_its_name_this_address_may(self) -> None:
        for host in "chat.example", "127.0.0.1.chat.example", "localhost:80:80", "192.0.2.1", "::1":
            self.assertIn(self.status("/v1/admin/live", host=host), (403, 421), host)

    def test_nor_a_page_of_another_site_that_cannot_read_the_answer(self) -> None:
        self.assertEqual(self.status("/v1/admin/live", "Sec-Fetch-Site: cross-site"), 403)
        listed = "Origin: https://chat.example"
        self.assertEqual(self.status("/v1/admin/live", "Sec-Fetch-Site: cross-site", listed), 200)
        for site in "same-origin", "none":
            self.assertEqual(self.status("/v1/admin/live", f"Sec-Fetch-Site: {site}"), 200, site)

    def test_nor_a_client_that_comes_through_a_proxy(self) -> None:
        for header in "X-Forwarded-For: 127.0.0.1", "Via: 1.1 gate", "Forwarded: for=127.0.0.1":
            self.assertEqual(self.status("/v1/admin/live", header), 403, header)

    def test_other_paths_do_not_exist(self) -> None:
        self.assertEqual(self.status("/v1/admin/users/ann"), 404)
        self.assertEqual(self.status("/v1/admin/live", method="POST"), 405)


class KeyTests(ConsoleCase):
    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()
        self.serve(OtherRoutes(), LiveRoutes())

    def test_the_key_is_needed_on_this_machine_too(self) -> None:
        self.assertEqual(self.status("/v1/admin/live"), 401)
        self.assertEqual(self.status("/v1/admin/live", "X-API-Key: wrong"), 401)

    def test_with_the_key_it_is_for_every_client_and_host(self) -> None:
        peer, key = IPv4Address("TCP", "192.0.2.7", 5), f"X-API-Key: {KEY}"
        self.assertEqual(self.status("/v1/admin/live", key, host="192.0.2.1", peer=peer), 200)
        self.assertEqual(self.status("/v1/admin/live", key, "Via: 1.1 gate", peer=peer), 200)

    def test_without_it_no_client_learns_which_paths_exist(self) -> None:
        for path in "/v1/admin/live", "/v1/admin/users/ann", "/v1/admin/nothing":
            self.assertEqual(self.status(path), 401, path)

    def test_sets_of_routes_share_a_prefix(self) -> None:
        key = f"X-API-Key: {KEY}"
        for method, path, status in (
            ("GET", "/v1/admin/live", 200),
            ("PUT", "/v1/admin/users/ann", 200),
            ("PUT", "/v1/admin/live", 405),
            ("GET", "/v1/admin/users/ann", 405),
            ("GET", "/v1/admin/nothing", 404),
        ):
            self.assertEqual(self.status(path, key, method=method), status, (method, path))
