"""The routes of several sets in one table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from werkzeug.exceptions import MethodNotAllowed

from gim.api.openapi.describe import Access, describe
from gim.api.server.app import App, RouteTable


class Readers:
    app = App()

    def __init__(self, shelf: dict[str, str]) -> None:
        self._shelf = shelf

    @app.route("/books/<key>", methods=["GET"])
    @describe("Read a book.", "messages", access=Access.OPEN)
    def read(self, request: Any, key: str) -> str:
        return self._shelf[key]


class Writers:
    app = App()

    def __init__(self, shelf: dict[str, str]) -> None:
        self._shelf = shelf

    @app.route("/books/<key>", methods=["PUT"])
    @describe("Write a book.", "messages", access=Access.OPEN)
    def write(self, request: Any, key: str) -> None:
        self._shelf[key] = request.text


class RouteTableTests(SynchronousTestCase):
    def setUp(self) -> None:
        shelf: dict[str, str] = {}
        self.routes = RouteTable([Readers(shelf), Writers(shelf)])

    def ask(self, method: str, path: str, text: str = "") -> Any:
        route, fields = self.routes.match(method, path)
        return route.handle(SimpleNamespace(text=text), **fields)

    def test_one_path_has_methods_of_two_sets_and_each_is_called_on_its_own(self) -> None:
        self.ask("PUT", "/books/1", "Once upon a time")
        self.assertEqual(self.ask("GET", "/books/1"), "Once upon a time")

    def test_another_method_is_refused_with_those_of_both(self) -> None:
        error = self.assertRaises(MethodNotAllowed, self.routes.match, "DELETE", "/books/1")
        self.assertEqual(sorted(error.valid_methods or ()), ["GET", "HEAD", "PUT"])
