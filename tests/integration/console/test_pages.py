"""The pages of the console, as an administrator sees and uses them."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from tests.support.axe import severe_findings
from tests.support.console import ConsoleTestCase
from tests.support.console_data import HARM, HARMFUL_ID, KEY, LONG_ID, Backend
from tests.support.daemon_process import PATIENCE, Client, Process

PRIVATE = quote(f"2:{HARMFUL_ID}:ann", safe="")
WIDE = quote(f"2:ann:{LONG_ID}", safe="")
PAGES = {  # what each shows once its data are there
    "overview": "canvas",
    "connections": f"text={HARMFUL_ID}",
    "users": f"text={LONG_ID}",
    f"users/{quote(HARMFUL_ID, safe='')}": f"text={HARM}",
    f"users/{LONG_ID}": f"text={HARM}",
    "chatrooms": f"text={HARM}",
    "chatrooms/news": f"text={LONG_ID}",
    "chatrooms/news?tab=recent": f"p.content >> text={HARM}",
    "messages": "form",
    f"messages/{PRIVATE}": f"p.content >> text={HARM}",
    f"messages/{WIDE}": f"p.content >> text={HARM}",
    f"trace/{quote(HARMFUL_ID, safe='')}": "text=/Until|持续到/",
    "send": "form",
    "api": "code:text-is('/v1/admin/chatrooms') >> nth=0",
    "about": "text=--console-read-only",
    "login": "input[type=password]",
}
IS_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
TEXT_KEY = re.compile(
    r"\b(common|login|overview|connections|users|chatrooms|messages|trace|send|about)\.[a-z_]+\b"
)

expect.set_options(timeout=PATIENCE * 1000)


def heading(page: Page) -> Locator:
    """Return the title of the page that is shown."""
    return page.get_by_role("heading", level=1)


def press(page: Page, name: str) -> None:
    """Press the first button of that name."""
    page.get_by_role("button", name=name, exact=True).first.click()


def answer(page: Page, action: str, **fields: str) -> None:
    """Fill the fields of the dialog by their labels, press its button, and wait until it is gone."""
    dialog = page.get_by_role("dialog")
    for label, value in fields.items():
        field = dialog.get_by_label(label.replace("_", " "), exact=True)
        if field.evaluate("each => each.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_have_count(0)


def cell(page: Page, row: str, text: str) -> Locator:
    """Return the cells of the rows with a text that have another text."""
    return page.get_by_role("row").filter(has_text=row).get_by_text(text, exact=True)


class AdministratorTestCase(ConsoleTestCase):
    timeout = 180  # seconds: a test uses many pages

    async def filled(self, *options: str) -> Process:
        """Start a daemon with a key and data."""
        daemon = await self.daemon(*options, GIM_ADMIN_KEY=KEY)
        self.backend = Backend(self.http)
        await self.in_browser(self.backend.fill)
        return daemon

    async def as_administrator(self, where: str, use: Callable[[Page], None], **how: Any) -> Page:
        """Log in, go to a page, and call *use* with it in the browser's thread."""
        page = await self.console(where, key=KEY, **how)
        await self.in_browser(use, page)
        return page


class LookTests(AdministratorTestCase):
    """Every page at two widths, in two languages and themes, with names and contents that do harm."""

    async def look_at_all(self, **how: Any) -> None:
        await self.filled()
        client = await self.client()
        await client.ask(101, id=HARMFUL_ID, name=HARM)
        page = await self.console("overview", key=KEY, **how)
        for where, what in PAGES.items():
            await self.in_browser(self._look, page, where, what)

    def _look(self, page: Page, where: str, what: str) -> None:
        page.evaluate("where => void (location.hash = `#/${where}`)", where)
        expect(page.locator("main").locator(what).first).to_be_visible()
        expect(heading(page)).to_be_focused()
        self.assertEqual(severe_findings(page), [], where)
        self.assertFalse(page.evaluate(IS_TOO_WIDE), where)
        self.assertIsNone(TEXT_KEY.search(page.locator("body").inner_text()), where)

    async def test_in_english_on_a_wide_screen(self) -> None:
        await self.look_at_all()

    async def test_in_chinese_on_a_narrow_dark_screen(self) -> None:
        await self.look_at_all(language="zh", width=360, is_dark=True)


class ChangeTests(AdministratorTestCase):
    async def test_connections_are_closed_and_a_user_is_banned(self) -> None:
        daemon = await self.filled()
        client, stranger = await self.client(), await self.client()
        await client.ask(101, id="bonnie")
        page = await self.as_administrator("connections", self._close_stranger)
        await stranger.closed
        await client.ask(205)  # goes on
        await self.in_browser(self._moderate_bonnie, page)
        self.assertEqual(await client.closed, 3503)
        for change in ("disconnect on bonnie", "ban on bonnie", "unban on bonnie"):
            await daemon.says(rf"administrator \(console session \d+\) .*{change}")

    def _close_stranger(self, page: Page) -> None:
        expect(page.get_by_text("2 shown of 2")).to_be_visible()
        header = page.get_by_role("columnheader", name="Logged in for")
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", "ascending")  # the newest login is the first
        cell(page, "not logged in", "Close").click()
        answer(page, "Close")
        expect(page.get_by_text("1 shown of 1")).to_be_visible()

    def _moderate_bonnie(self, page: Page) -> None:
        page.get_by_role("link", name="Users").click()
        page.get_by_label("Id begins with").fill("bo")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="ann")).to_have_count(0)
        page.get_by_role("link", name="bonnie").click()
        expect(cell(page, "127.0.0.1", "Close")).to_be_visible()
        press(page, "Disconnect")
        answer(page, "Disconnect")
        expect(page.get_by_text("Not connected.")).to_be_visible()
        press(page, "Ban")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        press(page, "Ban")
        answer(page, "Ban", For="86400")
        expect(page.get_by_text("This user is banned: logins are refused.")).to_be_visible()
        press(page, "End the ban")
        answer(page, "End the ban")
        expect(page.get_by_text("not banned")).to_be_visible()

    async def test_a_chatroom_is_moderated_and_a_message_sent_and_recalled(self) -> None:
        await self.filled()
        page = await self.as_administrator("chatrooms", self._moderate_chatroom)
        await self.in_browser(self._send_and_recall, page)

    def _moderate_chatroom(self, page: Page) -> None:
        press(page, "Create")
        answer(page, "Create", Id="tea", Name="Tea room", Owner="ann")
        expect(heading(page)).to_have_text("Chatroom tea")
        press(page, "Add a member")
        answer(page, "Add a member", User="bob", Role="admin")
        expect(cell(page, "bob", "administrator")).to_be_visible()
        page.get_by_role("button", name="Mute bob").click()
        answer(page, "Save", For="3600")
        page.get_by_role("button", name="Role of bob").click()
        answer(page, "Save", Role="member")
        expect(cell(page, "bob", "member")).to_be_visible()
        page.get_by_role("button", name="Remove bob").click()
        answer(page, "Remove")
        expect(page.get_by_role("link", name="bob")).to_have_count(0)
        press(page, "Rename")
        answer(page, "Rename", Name="Coffee room")
        expect(page.get_by_text("Coffee room")).to_be_visible()
        press(page, "Dismiss")
        answer(page, "Dismiss")
        expect(heading(page)).to_have_text("Chatrooms")
        expect(page.get_by_role("link", name="news")).to_be_visible()
        expect(page.get_by_role("link", name="tea")).to_have_count(0)

    def _send_and_recall(self, page: Page) -> None:
        page.get_by_role("link", name="Send", exact=True).click()
        page.get_by_label("To", exact=True).select_option("chatroom")
        page.get_by_label("Id of the chatroom").fill("news")
        page.get_by_label("Content").fill("maintenance at 5")
        press(page, "Send …")
        expect(page.get_by_role("dialog")).to_contain_text(
            "From the system to chatroom news: its 4 members get it."
        )
        answer(page, "Send")
        page.get_by_role("link", name="1:news").click()
        expect(page.get_by_text("maintenance at 5")).to_be_visible()
        self.backend.send(1, "bob", "news", "what for?")
        page.get_by_label("Follow").check()
        expect(page.get_by_text("what for?")).to_be_visible()
        page.get_by_role("button", name="Recall").last.click()
        answer(page, "Recall")
        expect(page.get_by_text("what for?")).to_have_count(0)
        expect(page.get_by_text("recalled")).to_be_visible()

    async def test_a_read_only_console_offers_no_changes(self) -> None:
        await self.filled("--console-read-only")
        await self.as_administrator("users/ann", self._find_no_changes)

    def _find_no_changes(self, page: Page) -> None:
        expect(page.get_by_text("read-only")).to_be_visible()
        for where, what in (
            ("users/ann", "Not connected."),
            ("chatrooms/news", "4 members"),
            ("messages/1:news", "lines"),
        ):
            page.evaluate("where => void (location.hash = `#/${where}`)", where)
            expect(page.get_by_text(what).first).to_be_visible()
            for name in ("Ban", "Disconnect", "Dismiss", "Remove", "Recall", "Close"):
                expect(page.get_by_role("button", name=name)).to_have_count(0)


class LiveTests(AdministratorTestCase):
    expected_errors = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "status of 401")

    async def test_a_trace_hides_contents_unless_it_is_asked_for_them(self) -> None:
        await self.filled()
        client = await self.client()
        await client.ask(101, id="ann")
        page = await self.as_administrator("trace/ann", self._until_it_runs)
        await self.write_to_bob(client, "a secret")
        await self.in_browser(self._see_packets, page, "…(8 characters)")
        await self.write_to_bob(client, "not a secret")
        await self.in_browser(self._see_packets, page, "not a secret")
        await self.in_browser(self._stop_trace, page)

    async def write_to_bob(self, client: Client, content: str) -> None:
        """Send a message; what is pushed before its reply, such as earlier messages, does not matter."""
        client.request(201, type=2, target_id="bob", content=content)
        while (await client.packet())["op"] != 202:
            pass

    def _until_it_runs(self, page: Page) -> None:
        expect(page.locator(".dot.on")).to_be_visible()

    def _see_packets(self, page: Page, content: str) -> None:
        sent = page.get_by_role("button").filter(has_text="201 send").filter(has_text=content)
        sent.click()
        expect(page.locator("pre.json")).to_contain_text(content)
        if content.startswith("…"):
            page.get_by_label("Show contents").check()
            press(page, "Begin")
            expect(page.get_by_text("This trace shows what users write.")).to_be_visible()
            self._until_it_runs(page)

    def _stop_trace(self, page: Page) -> None:
        press(page, "Stop")
        expect(page.get_by_text("Ended: stopped")).to_be_visible()
        press(page, "Begin")
        self._until_it_runs(page)

    async def test_figures_go_on_after_the_server_was_away(self) -> None:
        daemon = await self.filled()
        page = await self.as_administrator("overview", self._until_it_is_live)
        daemon.signal(signal.SIGKILL)
        await daemon.exited
        await self.in_browser(self._see_it_stopped, page)
        address = f"tcp:{self.http}:interface=127.0.0.1"
        words = ("twistd", "-n", "gim", "--ws", "tcp:0:interface=127.0.0.1", "--http", address)
        again = self.spawn(*words, GIM_ADMIN_KEY=KEY)
        await self.listens(again)
        await self.in_browser(self._log_in_again, page)

    async def test_a_hidden_tab_reads_no_figures(self) -> None:
        daemon = await self.daemon()
        page = await self.tab(f"http://127.0.0.1:{self.http}/console/#/overview")
        await self.in_browser(self._until_it_is_live, page)
        await self.tab()  # hides the other one
        await daemon.says("GET /v1/admin/live 200")
        await self.in_browser(self._show, page)

    def _show(self, page: Page) -> None:
        with page.expect_request("**/v1/admin/live"):
            page.bring_to_front()
        self._until_it_is_live(page)

    def _until_it_is_live(self, page: Page) -> None:
        expect(page.locator("canvas")).to_be_visible()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()

    def _see_it_stopped(self, page: Page) -> None:
        expect(page.get_by_role("alert")).to_contain_text("Live figures stopped")
        expect(page.locator(".groups.stale")).to_be_visible()

    def _log_in_again(self, page: Page) -> None:
        """The memory store, and with it the key of the sessions, went with the process."""
        page.get_by_label("Administrator's key").fill(KEY)
        page.keyboard.press("Enter")
        self._until_it_is_live(page)
        expect(page.locator(".groups.stale")).to_have_count(0)


class AccessTests(ConsoleTestCase):
    timeout = 180
    expected_errors = (r"status of 401",)

    async def test_a_right_key_opens_the_page_and_the_keyboard_reaches_all_of_it(self) -> None:
        await self.daemon(GIM_ADMIN_KEY=KEY)
        page = await self.console("users")
        await self.in_browser(self._log_in_and_out, page)
        await self.in_browser(self._use_keyboard, page)

    def _log_in_and_out(self, page: Page) -> None:
        page.get_by_label("Administrator's key").fill("wrong" * 5)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Administrator's key").fill(KEY)
        page.keyboard.press("Enter")
        expect(heading(page)).to_have_text("Users")
        press(page, "Log out")
        expect(heading(page)).to_have_text("Log in")

    def _use_keyboard(self, page: Page) -> None:
        page.evaluate("location.hash = '#/about'")
        page.reload()
        expect(heading(page)).to_have_text("About")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the page")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.get_by_label("Theme").select_option("dark")
        page.get_by_label("Language").select_option("zh")
        expect(heading(page)).to_have_text("关于")
        page.reload()  # both are remembered
        expect(heading(page)).to_have_text("关于")
        self.assertEqual(page.evaluate("getComputedStyle(document.documentElement).colorScheme"), "dark")
        self.assertEqual(page.evaluate("document.documentElement.lang"), "zh-CN")

    async def test_without_a_key_there_are_figures_and_the_api_and_a_way_to_set_one(self) -> None:
        await self.daemon()
        page = await self.console("overview")
        await self.in_browser(self._see_open_mode, page)
        await self.in_browser(self._try_route, page)

    def _see_open_mode(self, page: Page) -> None:
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_role("list", name="Warnings")).to_contain_text("log in as any user")
        page.get_by_role("link", name="Users").click()
        expect(page.get_by_text("GIM_ADMIN_KEY").first).to_be_visible()
        expect(heading(page)).to_be_focused()

    def _try_route(self, page: Page) -> None:
        page.get_by_role("link", name="API").click()
        page.get_by_label("Filter").fill("readyz")
        page.locator("summary").click()
        press(page, "Try")
        expect(page.get_by_text("200 after")).to_be_visible()
        expect(page.locator("pre.json")).to_contain_text('"code": 0')
