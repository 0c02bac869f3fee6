"""Pages in a real Chromium, for tests that also run daemons.

Calls of Playwright wait, so a thread of their own makes all of them: ``await self.in_browser(page.click,
"button")``. The thread and its browser begin with the first test that needs them, and end with the
process. Each page has a context of its own unless a test says otherwise, so no page finds cookies or
stored data of another.
"""

from __future__ import annotations

import atexit
import re
from collections.abc import Callable
from functools import cache
from queue import SimpleQueue
from shutil import which
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Page,
    Playwright,
    sync_playwright,
)
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from tests.support.daemon_process import PATIENCE, DaemonTestCase

REACTOR: Any = reactor
ICON = "/favicon.ico"  # Chromium asks every host for it

P = ParamSpec("P")
R = TypeVar("R")

CHROMIUM = which("chromium")
CHROMIUM_MISSING = None if CHROMIUM else "needs a browser: install chromium (apt-get install chromium)"
# the tests may run as root, where Chromium has no sandbox; /dev/shm is small in containers
FLAGS = ("--no-sandbox", "--headless=new", "--disable-dev-shm-usage", "--disable-gpu")


class BrowserThread:
    """A thread that makes all calls of Playwright, one after the other."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._thread = Thread(target=self._run, name="browser", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while call := self._calls.get():
            call()
        if self._browser is not None:
            self._browser.close()
        if self._playwright is not None:
            self._playwright.stop()

    def browser(self) -> Browser:
        """Return the browser, in the thread; start one if none runs."""
        if self._playwright is None:
            self._playwright = sync_playwright().start()
        if self._browser is None or not self._browser.is_connected():
            self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        return self._browser

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """Call a function in the thread; the Deferred fires in the reactor's."""
        called: Deferred[R] = Deferred()

        def run() -> None:
            try:
                REACTOR.callFromThread(called.callback, function(*args, **kwargs))
            except BaseException:
                REACTOR.callFromThread(called.errback, Failure())

        self._calls.put(run)
        return called

    def stop(self) -> None:
        """Close the browser and wait until it has ended."""
        self._calls.put(None)
        self._thread.join(PATIENCE)


@cache
def browser_thread() -> BrowserThread:
    """Return the thread that all tests of the process share."""
    thread = BrowserThread()
    atexit.register(thread.stop)
    return thread


class BrowserTestCase(DaemonTestCase):
    """Opens pages beside daemons, and closes them at the end of the test.

    A test fails when a page throws an error that nothing catches, or writes an error to its console that
    does not match `expected_errors`.
    """

    skip = CHROMIUM_MISSING
    expected_errors: tuple[str, ...] = ()  # patterns

    def setUp(self) -> None:
        self.errors: list[str] = []
        self._contexts: list[BrowserContext] = []
        self.addCleanup(self._close_contexts)

    def in_browser(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """Call a function of Playwright, as ``page.goto``; the Deferred has its result."""
        return browser_thread().call(function, *args, **kwargs)

    async def page(self, url: str = "about:blank", context: BrowserContext | None = None) -> Page:
        """Open a page, in a new context of its own unless one is given."""
        return await self.in_browser(self._open, url, context)

    def _open(self, url: str, context: BrowserContext | None) -> Page:
        page = (context or self._new_context()).new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.goto(url)
        return page

    def _new_context(self) -> BrowserContext:
        context = browser_thread().browser().new_context()
        context.set_default_timeout(PATIENCE * 1000)
        self._contexts.append(context)
        return context

    def _note(self, message: ConsoleMessage) -> None:
        if message.type != "error" or message.location["url"].endswith(ICON):
            return
        if not any(re.search(each, message.text) for each in self.expected_errors):
            self.errors.append(message.text)

    async def _close_contexts(self) -> None:
        for context in self._contexts:
            await self.in_browser(context.close)
        self.assertEqual(self.errors, [], "errors of pages")

    def cdp(self, page: Page) -> Deferred[CDPSession]:
        """Return a session of the Chrome DevTools Protocol with a page."""
        return self.in_browser(page.context.new_cdp_session, page)

    def evaluate(self, page: Page, expression: str, argument: Any = None) -> Deferred[Any]:
        """Evaluate JavaScript in a page; a promise is waited for."""
        return self.in_browser(page.evaluate, expression, argument)

    def serve(self, pages: dict[str, str]) -> str:
        """Serve HTML by its name on a free port, an origin of its own; return the URL of it."""
        root = Resource()
        for name, html in pages.items():
            root.putChild(name.encode(), Data(html.encode(), "text/html; charset=utf-8"))
        site = Site(root)
        site.noisy = False
        connections: Any = WrappingFactory(site)  # knows them; a browser keeps them open
        port: Any = reactor.listenTCP(0, connections, interface="127.0.0.1")
        self.addCleanup(self._hang_up_all, connections)
        self.addCleanup(port.stopListening)
        return f"http://127.0.0.1:{port.getHost().port}"

    async def _hang_up_all(self, connections: Any) -> None:
        while connections.protocols:
            for each in tuple(connections.protocols):
                each.abortConnection()
            await deferLater(reactor, 0)
