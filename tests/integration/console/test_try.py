"""Try it: two users in one page of the console."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from itertools import pairwise

from playwright.sync_api import Locator, Page, expect
from twisted.internet import utils

from tests.support.axe import severe_findings
from tests.support.console import ConsoleTestCase
from tests.support.daemon_process import PATIENCE

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202e${alert(3)}{{4}}'\"`"
KEY = "administrator-of-this-daemon-1234"

expect.set_options(timeout=PATIENCE * 1000)


# the times at which a screen reader is free to read what is new in a log, in ms
OBSERVE = """log => {
  globalThis.read = [];
  const note = () => log.ariaBusy === "true" || read.push(performance.now());
  new MutationObserver(note).observe(log, {attributes: true, childList: true, subtree: true});
}"""


def pane(page: Page, title: str) -> Locator:
    """Return the pane of a device."""
    return page.get_by_role("region", name=title, exact=True)


def log(page: Page, title: str) -> Locator:
    """Return the messages of a device."""
    return pane(page, title).get_by_role("log")


def write(page: Page, title: str, content: str) -> None:
    """Write a message with the keyboard."""
    pane(page, title).get_by_role("textbox").fill(content)
    page.keyboard.press("Enter")


def reach(page: Page, element: Locator) -> None:
    """Press the tabulator until an element has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if element.evaluate("each => each === document.activeElement"):
            return
    raise AssertionError(f"the tabulator does not reach {element}")


def online(page: Page, *titles: str) -> None:
    """Wait until devices are online."""
    for title in titles:
        expect(pane(page, title).locator(".try-state")).to_have_text("online")


def see(page: Page, content: str, *titles: str) -> None:
    """Wait until devices show a message, once."""
    for title in titles:
        expect(log(page, title).get_by_text(content, exact=True)).to_have_count(1)


class TryItTests(ConsoleTestCase):
    async def test_two_users_talk_in_private_and_in_a_chatroom(self) -> None:
        await self.daemon(
            "--message-push-duration", "3s"
        )  # in which 30 messages are sent on a slow machine
        page = await self.console("try")
        await self.in_browser(self._talk, page)
        await self.in_browser(self._write_fast, page)
        await self.in_browser(self._send_30, page)

    def _talk(self, page: Page) -> None:
        online(page, "Ann", "Ben")
        write(page, "Ann", "hello")
        write(page, "Ben", HOSTILE)
        for content in "hello", HOSTILE:
            see(page, content, "Ann", "Ben")

    def _write_fast(self, page: Page) -> None:
        log(page, "Ben").evaluate(OBSERVE)
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            write(page, "Ann", "fast")
        write(page, "Ann", "slow")
        see(page, "slow", "Ben")
        expect(log(page, "Ben")).to_have_attribute("aria-busy", "false")
        times = page.evaluate("read")
        self.assertGreater(len(times), 1)
        for before, after in pairwise(times):
            self.assertGreater(after - before, 900)

    def _send_30(self, page: Page) -> None:
        page.get_by_role("tab", name="Chatroom").click()
        write(page, "Ben", "hello all")
        see(page, "hello all", "Ann", "Ben")
        pane(page, "Ann").get_by_role("button", name="Send 30 at once").click()
        see(page, "message 30 of 30", "Ben")
        ben = log(page, "Ben")
        contents = ben.get_by_text(re.compile(r"^message \d+ of 30$"))
        skipped = re.findall(r"This push skipped (\d+) message", ben.inner_text())
        self.assertGreater(len(skipped), 0)
        self.assertEqual(contents.count() + sum(map(int, skipped)), 30)
        buttons = ben.get_by_role("button", name="Read them")
        for left in reversed(range(len(skipped))):
            buttons.first.click()
            expect(buttons).to_have_count(left)
        expect(contents).to_have_text([f"message {n} of 30" for n in range(1, 31)])

    async def test_frames_are_shown_and_the_last_send_works_as_a_command(self) -> None:
        await self.daemon()
        page = await self.console("try")
        content = "it's \"5\" \\ 'o clock' $HOME `id` \u202e你好"
        commands = await self.in_browser(self._commands, page, content)
        for words in (["/bin/sh", "-c", commands["curl"]], [sys.executable, "-c", commands["Python"]]):
            out, err, status = await utils.getProcessOutputAndValue(words[0], words[1:])
            self.assertEqual((status, err), (0, b""), out)
        await self.in_browser(self._see_three, page, content)

    def _commands(self, page: Page, content: str) -> dict[str, str]:
        online(page, "Ann", "Ben")
        ann = pane(page, "Ann")
        ann.get_by_text("Frames").click()
        frames = ann.get_by_role("group", name="Frames")
        expect(frames).to_contain_text("login")
        write(page, "Ann", content)
        expect(frames).to_contain_text("reply to send")
        expect(frames).to_contain_text(re.compile(r'"token": ?"… \(\d+ characters\)"'))
        ann.get_by_text("The last send as a command").click()
        commands = {}
        for name in "wscat", "curl", "Python", "JavaScript":
            ann.get_by_role("button", name=name).click()
            commands[name] = ann.locator(f"pre[aria-label={name}]").inner_text()
            self.assertIn(f"127.0.0.1:{self.http}", commands[name])
        self.assertEqual(severe_findings(page), [])
        return commands

    def _see_three(self, page: Page, content: str) -> None:
        expect(log(page, "Ben").get_by_text(content, exact=True)).to_have_count(3)
        expect(log(page, "Ann").get_by_text(content, exact=True)).to_have_count(3)

    async def test_a_device_that_comes_back_gets_what_it_missed_and_sends_what_waited(self) -> None:
        await self.daemon()
        page = await self.console("try")
        await self.in_browser(self._come_back, page)
        await self.in_browser(self._second_device, page)

    def _come_back(self, page: Page) -> None:
        online(page, "Ann", "Ben")
        pane(page, "Ben").get_by_role("button", name="Disconnect").click()
        expect(pane(page, "Ben").locator(".try-state")).to_contain_text("reconnecting in")
        write(page, "Ann", "are you there?")
        write(page, "Ben", "it waits")
        see(page, "waits for a connection", "Ben")
        expect(log(page, "Ann")).not_to_contain_text("it waits")
        pane(page, "Ben").get_by_role("button", name="Connect").click()
        for content in "are you there?", "it waits":
            see(page, content, "Ann", "Ben")
        see(page, "Online again: 1 missed message came.", "Ben")

    def _second_device(self, page: Page) -> None:
        page.get_by_role("button", name="Second device of Ben").click()
        second = "Ben, second device"
        online(page, second)
        write(page, second, "from the second")
        write(page, "Ann", "to both")
        for content in "from the second", "to both":
            see(page, content, "Ann", "Ben", second)
        page.get_by_role("button", name="Remove the second device").click()
        expect(pane(page, second)).to_have_count(0)

    async def test_it_fits_a_phone_and_a_keyboard_and_speaks_chinese(self) -> None:
        await self.daemon()
        page = await self.console("try", language="zh", width=360, is_dark=True)
        await self.in_browser(self._on_a_phone, page)

    def _on_a_phone(self, page: Page) -> None:
        expect(page.get_by_role("heading", name="试用")).to_be_visible()
        reach(page, pane(page, "Ann").get_by_role("textbox"))
        page.keyboard.type("你好")
        page.keyboard.press("Enter")
        see(page, "你好", "Ann", "Ben")
        self.assertTrue(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
        boxes = [pane(page, title).bounding_box() for title in ("Ann", "Ben")]
        assert boxes[0] and boxes[1]
        self.assertGreater(boxes[1]["y"], boxes[0]["y"] + boxes[0]["height"])
        self.assertEqual(severe_findings(page), [])


class RestartTests(ConsoleTestCase):
    expected_errors = ("ERR_CONNECTION_REFUSED", "WebSocket connection to .* failed")

    async def test_panes_recover_from_a_restart_and_deliver_once_what_waited(self) -> None:
        daemon = await self.daemon()
        page = await self.console("try")
        await self.in_browser(online, page, "Ann", "Ben")
        daemon.signal(signal.SIGKILL)
        await daemon.exited
        await self.in_browser(self._write_into_the_dark, page)
        address = "tcp:{}:interface=127.0.0.1"
        restarted = self.spawn(
            "twistd", "-n", "gim", "--ws", address.format(0), "--http", address.format(self.http)
        )
        await self.listens(restarted)
        await self.in_browser(self._recover, page)

    def _write_into_the_dark(self, page: Page) -> None:
        expect(pane(page, "Ann").locator(".try-state")).not_to_have_text("online")
        write(page, "Ann", "it waits")
        see(page, "waits for a connection", "Ann")
        page.get_by_role("tab", name="Chatroom").click()
        write(page, "Ben", "it waits for all")
        see(page, "waits for a connection", "Ben")

    def _recover(self, page: Page) -> None:
        online(page, "Ann", "Ben")
        see(page, "it waits for all", "Ann", "Ben")
        page.get_by_role("tab", name="Private").click()
        see(page, "it waits", "Ann", "Ben")
        write(page, "Ben", "got it")
        see(page, "got it", "Ann", "Ben")
        see(page, "it waits", "Ann", "Ben")


class TokenTests(ConsoleTestCase):
    """Where a login needs a token."""

    async def needs_tokens(self) -> str:
        """Start a daemon with two keys; return the file of the one that makes login tokens."""
        file = os.path.abspath(self.mktemp())
        await self.spawn("gim-token", "key", "--key-file", file).exited
        await self.daemon("--auth-key-file", file, GIM_ADMIN_KEY=KEY)
        return file

    async def test_the_administrator_has_tokens_made(self) -> None:
        await self.needs_tokens()
        page = await self.console("try", key=KEY)
        await self.in_browser(page.get_by_role("button", name="Make tokens and connect").click)
        await self.in_browser(self._talk, page)

    async def test_others_paste_tokens(self) -> None:
        file = await self.needs_tokens()
        page = await self.console("try")
        for user, label in ("ann", "first"), ("ben", "second"):
            made = self.spawn("gim-token", "make", "--key-file", file, "--sub", user)
            await made.exited
            field = page.get_by_label(f"Login token of the {label} user")
            await self.in_browser(field.fill, made.output[1].strip())
        await self.in_browser(page.get_by_role("button", name="Connect").click)
        await self.in_browser(self._talk, page)

    def _talk(self, page: Page) -> None:
        online(page, "Ann", "Ben")
        write(page, "Ann", "hello")
        see(page, "hello", "Ann", "Ben")
