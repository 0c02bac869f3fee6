"""Several sets of routes on one app."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from werkzeug.exceptions import MethodNotAllowed

from gim.api.openapi.describe import Access, describe
from gim.api.server.app import App, JoinedApp


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


class JoinedAppTests(SynchronousTestCase):
    def setUp(self) -> None:
        shelf: dict[str, str] = {}
        self.app = JoinedApp([Readers(shelf), Writers(shelf)])
        self.requests = self.app.url_map.bind("gim")

    def ask(self, method: str, path: str, text: str = "") -> Any:
        name, fields = self.requests.match(path, method)
        access = SimpleNamespace(check=lambda access, request: None)
        request = SimpleNamespace(text=text, site=SimpleNamespace(access=access))
        return self.app.execute_endpoint(name, request, **fields)

    def test_one_path_has_methods_of_two_sets_and_each_is_called_on_its_own(self) -> None:
        self.ask("PUT", "/books/1", "Once upon a time")
        self.assertEqual(self.ask("GET", "/books/1"), "Once upon a time")

    def test_another_method_is_refused_with_those_of_both(self) -> None:
        error = self.assertRaises(MethodNotAllowed, self.requests.match, "/books/1", "DELETE")
        self.assertEqual(sorted(error.valid_methods or ()), ["GET", "HEAD", "PUT"])
