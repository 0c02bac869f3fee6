"""Pages in a real Chromium, for tests that also run daemons.

Calls of Playwright wait, so a thread of their own makes all of them: ``await self.in_browser(page.click,
"button")``. The thread and its browser begin with the first test that needs them, and end with the
process. Each page has a context of its own unless a test says otherwise, so no page finds cookies or
stored data of another.
"""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
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
from tests.support.redis.process import LEASH

CALL_LIMIT = 1.5 * PATIENCE  # seconds until a call that hangs fails

REACTOR: Any = reactor
ICON = "/favicon.ico"  # Chromium asks every host for it

P = ParamSpec("P")
R = TypeVar("R")

CHROMIUM = which("chromium")
CHROMIUM_MISSING = None if CHROMIUM else "needs a browser: install chromium (apt-get install chromium)"
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # the tests may run as root, where Chromium has none
    "--disable-dev-shm-usage",  # /dev/shm is small in containers
    "--disable-gpu",
    "--no-first-run",
    "--password-store=basic",
    "--disable-background-networking",  # it connects only to what pages ask for
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
)


class Chromium:
    """A running browser with a profile of its own."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="gim-chromium-")
        words = [*LEASH, str(CHROMIUM), *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def port(self) -> int:
        """Wait until it listens for programs that drive it; return where."""
        written = Path(self._profile) / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            if written.exists() and (lines := written.read_text().split()):
                return int(lines[0])
            time.sleep(0.01)
        raise AssertionError(f"chromium does not answer, status {self._process.poll()}")

    def kill(self) -> None:
        """End it at once: what waits for it fails."""
        self._process.kill()

    def stop(self) -> None:
        """End it, and remove its profile."""
        self.kill()
        self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)


class BrowserThread:
    """A thread that makes all calls of Playwright, one after the other."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None
        self._browser: Browser | None = None
        self._thread = Thread(target=self._run, name="browser", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while call := self._calls.get():
            call()
        if self._playwright is not None:
            self._playwright.stop()
        if self._chromium is not None:
            self._chromium.stop()

    def browser(self) -> Browser:
        """Return the browser, in the thread; start one if none runs."""
        if self._playwright is None:
            self._playwright = sync_playwright().start()
        if self._browser is None or not self._browser.is_connected():
            if self._chromium is not None:
                self._chromium.stop()
            self._chromium = Chromium()
            url = f"http://127.0.0.1:{self._chromium.port()}"
            # else no tab is ever hidden or frozen
            self._browser = self._playwright.chromium.connect_over_cdp(url, no_defaults=True)
        return self._browser

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """Call a function in the thread; the Deferred fires in that of the reactor."""
        called: Deferred[R] = Deferred()
        limit = reactor.callLater(CALL_LIMIT, self._kill)

        def run() -> None:
            try:
                REACTOR.callFromThread(called.callback, function(*args, **kwargs))
            except BaseException:
                REACTOR.callFromThread(called.errback, Failure())

        def end(result: Any) -> Any:
            if limit.active():
                limit.cancel()
            return result

        self._calls.put(run)
        return called.addBoth(end)

    def _kill(self) -> None:
        """Let a call fail that hangs, as some do when their page goes; the next one starts a browser."""
        if self._chromium is not None:
            self._chromium.kill()

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
        self.errors: list[str] = []  # of pages, except expected ones
        self._sessions: dict[Page, CDPSession] = {}

    def in_browser(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """Call a function of Playwright, as ``page.goto``; the Deferred has its result."""
        return browser_thread().call(function, *args, **kwargs)

    async def page(self, url: str = "about:blank", context: BrowserContext | None = None) -> Page:
        """Open a page, in a new context unless one is given."""
        if context is None:
            context = await self.in_browser(self._new_context)
            self.addCleanup(self._close, context)  # before the servers that were started earlier
        return await self.in_browser(self._open, url, context)

    async def tab(self, url: str = "about:blank") -> Page:
        """Open a page that can be hidden and frozen, as a user's can. Tabs share what is stored."""
        page = await self.in_browser(lambda: self._open(url, browser_thread().browser().contexts[0]))
        self.addCleanup(self._close, page)
        return page

    def _new_context(self) -> BrowserContext:
        return browser_thread().browser().new_context()

    def _open(self, url: str, context: BrowserContext) -> Page:
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.goto(url)
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type != "error" or message.location["url"].endswith(ICON):
            return
        if not any(re.search(each, message.text) for each in self.expected_errors):
            self.errors.append(message.text)

    async def _close(self, opened: BrowserContext | Page) -> None:
        await self.in_browser(opened.close)
        errors, self.errors = self.errors, []
        self.assertEqual(errors, [], "errors of pages")

    async def cdp(self, page: Page, method: str, **params: Any) -> Any:
        """Send a command of the Chrome DevTools Protocol; all of a page go through one session."""
        return await self.in_browser(self._send, page, method, params)

    def _send(self, page: Page, method: str, params: dict[str, Any]) -> Any:
        if page not in self._sessions:
            self._sessions[page] = page.context.new_cdp_session(page)
        return self._sessions[page].send(method, params)

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
