"""A page that imports the JavaScript library from a daemon, and notes what its clients report."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page
from twisted.internet.defer import Deferred

from tests.support.browser import BrowserTestCase
from tests.support.daemon_process import PATIENCE

PATIENCE_MS = 1000 * PATIENCE
POLLING_MS = 50  # hidden pages have no animation frames, by which Playwright waits otherwise

# the one line that a page needs; the rest is what the tests call
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>a chat</title>
<script type="module">
import {Gim, LocalStore} from "%s/client/gim.js";

const KINDS = ["state", "reset", "message", "gap", "sent", "failed", "error"];

globalThis.start = (url, {store, ...options}) => {
  globalThis.seen = []; // [kind, event], in order
  globalThis.gim = new Gim(url, {...options, store: store && new LocalStore(store)});
  for (const kind of KINDS) gim.on(kind, event => seen.push([kind, event]));
  return gim.connect();
};
globalThis.contents = () => seen.filter(([kind]) => kind === "message").map(([, event]) => event.content);
globalThis.isReady = true;
</script>
"""


class ClientPageTestCase(BrowserTestCase):
    """Opens pages with one client each."""

    async def chat_page(self, is_tab: bool = False) -> Page:
        """Open a page, or a tab, of an origin of its own, for `start`."""
        url = f"{self.serve({'chat': PAGE % f'http://127.0.0.1:{self.http}'})}/chat"
        page = await (self.tab(url) if is_tab else self.page(url))
        await self.until(page, "!!globalThis.isReady")
        return page

    async def start(self, page: Page, port: int = 0, **options: Any) -> Any:
        """Start a client that connects to a port, the gateway's by default; return the user."""
        url = f"ws://127.0.0.1:{port or self.ws}"
        return await self.evaluate(page, f"start({json.dumps(url)}, {json.dumps(options)})")

    def until(self, page: Page, condition: str, timeout_ms: float = PATIENCE_MS) -> Deferred[Any]:
        """Wait until an expression is true in a page."""
        return self.in_browser(page.wait_for_function, condition, polling=POLLING_MS, timeout=timeout_ms)

    async def until_contents(self, page: Page, *contents: str, timeout_ms: float = PATIENCE_MS) -> None:
        """Wait for messages, which must be these and no others."""
        await self.until(page, f"contents().length >= {len(contents)}", timeout_ms)
        self.assertEqual(await self.evaluate(page, "contents()"), list(contents))

    async def kinds(self, page: Page) -> list[str]:
        """Return the kinds of the events, in order, with the new state of ``state``."""
        return list(await self.evaluate(page, "seen.map(([kind, {now}]) => now ?? kind)"))
