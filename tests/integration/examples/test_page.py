"""examples/chat.html in Chromium."""

from __future__ import annotations

import os
from urllib.parse import urlencode

from playwright.sync_api import Page
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.examples.network import Network
from tests.support.browser import BrowserTestCase
from tests.support.daemon_process import Client
from tests.support.paths import ROOT

SOURCE = ROOT.child("examples").child("chat.html").getContent().decode()
HOSTILE = '<img src=x onerror="document.title=1"><script>throw 1</script>'


class SourceTests(SynchronousTestCase):
    def test_it_is_short_and_makes_no_html_of_texts(self) -> None:
        self.assertLess(len(SOURCE.splitlines()), 100)
        self.assertNotRegex(SOURCE, r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser")

    def test_it_takes_nothing_from_elsewhere_but_the_library(self) -> None:
        self.assertNotRegex(SOURCE, r"<(link|img|iframe|script\s+src)|@import|url\(")
        self.assertEqual(SOURCE.count("http"), SOURCE.count('from "http://127.0.0.1:8081/client/gim.js"'))


class PageTests(BrowserTestCase):
    expected_errors = ("WebSocket connection to .* failed",)

    async def site(self, *options: str) -> Network:
        """Start gim, and serve the page from another port; return the network of its WebSocket."""
        await self.daemon("--message-push-duration", "10ms", *options)
        network = Network(self.ws)
        self.addCleanup(network.go_down)
        self.source = SOURCE.replace(":8081/", f":{self.http}/").replace(":8080`", f":{network.entry}`")
        self.pages = self.serve({"chat.html": self.source})
        return network

    async def open(self, **query: str) -> Page:
        page = await self.page(f"{self.pages}/chat.html?{urlencode(query)}")
        await self.in_browser(page.wait_for_selector, "#state.online")
        return page

    async def write(self, page: Page, text: str) -> None:
        await self.in_browser(page.fill, "input", text)
        await self.in_browser(page.press, "input", "Enter")

    async def shows(self, page: Page, *texts: str, which: str = "li") -> None:
        """Wait until the page shows these messages."""
        script = "([which, texts]) => [...document.querySelectorAll(which + ' span')]"
        script += ".map(each => each.textContent).join('|') === texts.join('|')"
        await self.in_browser(page.wait_for_function, script, arg=[which, texts])

    async def user(self, id: str) -> Client:
        user = await self.client()
        await user.ask(101, id=id)
        return user

    async def test_two_users_talk_in_a_chatroom(self) -> None:
        await self.site()
        ann, bob = await self.open(me="ann", name="Ann"), await self.open(me="bob")
        await self.write(ann, HOSTILE)
        await self.shows(bob, HOSTILE)
        await self.write(bob, "hi Ann")
        for page in ann, bob:
            await self.shows(page, HOSTILE, "hi Ann")
        self.assertEqual(await self.in_browser(bob.title), "bob in lobby")
        about = await self.in_browser(bob.text_content, "li small")
        self.assertRegex(about or "", r"^Ann, \d")
        await self.shows(ann, HOSTILE, which="li.mine")
        late = await self.open(me="carl")
        await self.shows(late, HOSTILE, "hi Ann")

    async def test_it_can_be_opened_as_a_file(self) -> None:
        await self.site("--allowed-origins", "same-host,null")
        file = FilePath(self.mktemp() + ".html")
        file.setContent(self.source.encode())
        page = await self.page(f"file://{os.path.abspath(file.path)}?me=ann")
        await self.write(page, "hello")
        await self.shows(page, "hello", which="li.mine:not(.pending)")

    async def test_guests_need_no_names(self) -> None:
        await self.site()
        one, other = await self.open(), await self.open()
        await self.write(one, "hello")
        await self.shows(other, "hello")

    async def test_what_is_written_offline_waits_even_if_the_page_is_loaded_again_and_comes_once(
        self,
    ) -> None:
        network = await self.site()
        ann, bob = await self.open(me="ann", peer="bob"), await self.open(me="bob", peer="ann")
        await self.write(ann, "one")
        await self.shows(bob, "one")
        await network.go_down()
        await self.in_browser(ann.wait_for_selector, "#state:not(.online)")
        await self.write(ann, "two")
        for _ in range(2):
            await self.shows(ann, "two", which="li.pending")
            await self.in_browser(ann.reload)
        network.come_back()
        await self.shows(bob, "one", "two")
        await self.shows(ann, "one", "two")
        await self.shows(ann, which="li.pending")

    async def test_what_is_refused_can_be_sent_again(self) -> None:
        await self.site()
        ann = await self.user("ann")
        await ann.ask(301, id="den")
        page = await self.open(me="bob", room="den")
        for seconds, which in (600, "li.failed"), (0, "li.mine:not(.failed)"):
            ann.request(313, id="den", user_id="bob", seconds=seconds)
            await self.answered(ann, 314)
            if seconds:
                await self.write(page, "let me speak")
            else:
                await self.in_browser(page.click, "li.failed button")
            await self.shows(page, "let me speak", which=which)

    async def test_a_gap_is_shown_and_filled_on_demand(self) -> None:
        network = await self.site()
        page, bob = await self.open(me="ann"), await self.user("bob")
        await bob.ask(301, id="lobby")
        await self.write(page, "before")
        await self.shows(page, "before", which="li:not(.pending)")
        await network.go_down()
        texts = [str(number) for number in range(130)]
        for text in texts:
            bob.request(201, type=1, target_id="lobby", content=text)
        for _ in texts:
            await self.answered(bob, 202)
        network.come_back()
        await self.in_browser(page.click, "li.gap button")
        await self.shows(page, "before", *texts)

    async def answered(self, user: Client, op: int) -> None:
        """Wait for a reply; pushes and events are passed over."""
        while (packet := await user.packet())["op"] != op:
            pass
        self.assertEqual(packet["body"]["code"], 0)
