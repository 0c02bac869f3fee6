"""The JavaScript client in a real page."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from gim.client.twisted import GimClient
from tests.support.client_page import ClientPageTestCase
from tests.support.redis.proxy import Proxy

MINUTE_MS = 60_000
RECOVERY_MS = 5000  # that a page has to be online again
# the contents once there are three, and after RECOVERY_MS in any case
RECOVERED = f"""new Promise(resolve => {{
  const end = performance.now() + {RECOVERY_MS};
  setInterval(() => (contents().length >= 3 || performance.now() > end) && resolve(contents()), 50);
}})"""
NETWORK: dict[str, Any] = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


class PageTestCase(ClientPageTestCase):
    def gim(self, id: str) -> GimClient:
        """Return a client in Python that runs until the end of the test."""
        client = GimClient(f"ws://127.0.0.1:{self.ws}", id=id)
        client.startService()
        self.addCleanup(client.stopService)
        return client


class TalkTests(PageTestCase):
    async def test_a_page_of_the_daemon_needs_one_line(self) -> None:
        await self.daemon()
        page = await self.page(f"http://127.0.0.1:{self.http}/docs")
        line = 'import {Gim} from "/client/gim.js"; globalThis.Gim = Gim'
        await self.in_browser(page.add_script_tag, content=line, type="module")
        await self.until(page, "!!globalThis.Gim")
        user = await self.evaluate(
            page, f"new Gim('ws://127.0.0.1:{self.ws}', {{id: 'ann', name: 'Ann'}}).connect()"
        )
        self.assertEqual(user, {"id": "ann", "name": "Ann"})

    async def test_pages_talk_in_private_and_in_a_chatroom(self) -> None:
        await self.daemon()
        ann, bob = await self.chat_page(), await self.chat_page()
        await self.start(ann, id="ann")
        await self.start(bob, id="bob")
        for page in ann, bob:
            await self.evaluate(page, "gim.join('9999')")
        sent = await self.evaluate(ann, "gim.send({chatroom: '9999'}, 'hello 😀')")
        await self.until_contents(bob, "hello 😀")
        message = (await self.evaluate(bob, "seen.find(([kind]) => kind === 'message')"))[1]
        self.assertEqual((message["id"], message["sender"]["id"]), (sent["id"], "ann"))
        await self.evaluate(bob, "gim.send('ann', 'got it')")
        await self.until_contents(ann, "hello 😀", "got it")

    async def test_a_page_that_comes_back_asks_whether_its_modules_are_new(self) -> None:
        daemon = await self.daemon()
        page = await self.chat_page()
        await daemon.says("GET /client/gim.js 200")
        await self.in_browser(page.reload)
        await self.until(page, "globalThis.isReady")
        await daemon.says("GET /client/gim.js 304")


class FrozenTabTests(PageTestCase):
    """Chromium freezes tabs that the user does not see; a second user writes meanwhile."""

    expected_errors = ("Page entered Back-Forward Cache",)  # it closes the connections of what it freezes

    async def set_clock(self, page: Page) -> None:
        """Give the page a clock that the test can set."""
        await self.in_browser(page.clock.install)

    async def thaw_after_a_minute(self, page: Page) -> None:
        await self.cdp(page, "Page.setWebLifecycleState", state="active")
        await self.in_browser(page.clock.fast_forward, MINUTE_MS)

    async def test_a_tab_that_was_frozen_for_a_minute_recovers(self) -> None:
        await self.daemon()
        bob, page = self.gim("bob"), await self.chat_page(is_tab=True)
        await self.set_clock(page)
        await self.start(page, id="ann")
        await bob.send("ann", "1")
        await self.until_contents(page, "1")
        await self.cdp(page, "Page.setWebLifecycleState", state="frozen")
        for content in "2", "3":
            await bob.send("ann", content)
        self.assertEqual(await self.evaluate(page, "contents()"), ["1"])
        await self.thaw_after_a_minute(page)
        await self.until_contents(page, "1", "2", "3", timeout_ms=RECOVERY_MS)
        kinds = [
            kind for kind in await self.kinds(page) if kind != "message"
        ]  # some may come before the end
        self.assertEqual(kinds, ["connecting", "online", "reset", "waiting", "connecting", "online"])

    async def test_a_page_that_the_user_goes_back_to_recovers(self) -> None:
        await self.daemon()
        bob, page = self.gim("bob"), await self.chat_page(is_tab=True)
        await self.start(page, id="ann")
        await bob.send("ann", "1")
        await self.until_contents(page, "1")
        await self.in_browser(page.goto, f"http://127.0.0.1:{self.http}/docs")
        for content in "2", "3":
            await bob.send("ann", content)
        contents = await self.go_back(page)
        self.assertEqual(contents, ["1", "2", "3"])

    async def go_back(self, page: Page) -> Any:
        """Show the page of before, which has gone on existing; return what it has once it has recovered.

        Playwright does not know pages that come back so: this speaks to Chromium itself.
        """
        history = await self.cdp(page, "Page.getNavigationHistory")
        entry = history["entries"][history["currentIndex"] - 1]["id"]
        await self.cdp(page, "Page.navigateToHistoryEntry", entryId=entry)
        returned = await self.cdp(
            page, "Runtime.evaluate", expression=RECOVERED, awaitPromise=True, returnByValue=True
        )
        return returned["result"]["value"]


class OfflineTests(PageTestCase):
    """Chromium tells a page that the network is gone, and that it is there again."""

    expected_errors = ("ERR_INTERNET_DISCONNECTED",)

    async def set_offline(self, page: Page, offline: bool) -> None:
        await self.cdp(page, "Network.emulateNetworkConditions", **NETWORK, offline=offline)

    async def test_a_page_recovers_as_soon_as_it_is_online(self) -> None:
        await self.daemon()
        proxy, bob = Proxy(self.ws), self.gim("bob")
        self.addCleanup(proxy.stop)
        page = await self.chat_page()
        await self.in_browser(page.clock.install)
        await self.evaluate(page, "Math.random = () => 0.99")  # the longest delays
        await self.start(page, proxy.port, id="ann")
        await bob.send("ann", "1")
        await self.until_contents(page, "1")
        await self.set_offline(page, True)
        proxy.cut()
        await self.until(page, "gim.state === 'waiting'")
        await self.evaluate(page, "void gim.send('bob', 'hello')")
        for content in "2", "3":
            await bob.send("ann", content)
        for _ in range(4):
            await self.in_browser(page.clock.fast_forward, MINUTE_MS)
            await self.until(page, "gim.state === 'waiting'")
        self.assertGreater(await self.evaluate(page, "seen.at(-1)[1].delay"), RECOVERY_MS / 1000)
        await self.set_offline(page, False)
        await self.until_contents(page, "1", "2", "3", timeout_ms=RECOVERY_MS)
        await self.until(page, "seen.at(-1)[0] === 'sent'")
        history = await bob.history("2:ann:bob")
        self.assertEqual([each.content for each in history.items], ["1", "2", "3", "hello"])

    async def test_a_short_break_of_the_network_loses_nothing(self) -> None:
        await self.daemon()
        bob, page = self.gim("bob"), await self.chat_page()
        await self.start(page, id="ann")
        await bob.send("ann", "1")
        await self.until_contents(page, "1")
        await self.set_offline(page, True)
        await bob.send("ann", "2")
        await self.set_offline(page, False)
        await self.until_contents(page, "1", "2", timeout_ms=RECOVERY_MS)


class StoredStateTests(PageTestCase):
    async def test_a_page_that_is_loaded_again_goes_on(self) -> None:
        await self.daemon()
        bob, page = self.gim("bob"), await self.chat_page()
        await self.start(page, id="ann", store="ann")
        for content in "1", "2":
            await bob.send("ann", content)
        await self.until_contents(page, "1", "2")
        await self.in_browser(page.reload)
        await bob.send("ann", "3")
        await self.until(page, "!!globalThis.isReady")
        await self.start(page, id="ann", store="ann")
        await self.until_contents(page, "3")
        self.assertEqual(await self.kinds(page), ["connecting", "online", "message"])

    async def test_what_was_not_sent_goes_out_after_the_page_is_loaded_again(self) -> None:
        await self.daemon()
        bob, page = self.gim("bob"), await self.chat_page()
        await self.start(page, id="ann", store="ann")
        await self.evaluate(page, "gim.send('bob', '1')")
        await self.evaluate(page, "void gim.send('bob', '2'), location.reload()")
        await self.until(page, "!!globalThis.isReady && !globalThis.seen")
        await self.start(page, id="ann", store="ann")
        await self.until(page, "gim.unsent.length === 0")
        history = await bob.history("2:ann:bob")
        self.assertEqual([each.content for each in history.items], ["1", "2"])
