"""A tab that is frozen for a minute of real time: ``make clients`` runs it."""

from __future__ import annotations

from playwright.sync_api import Page
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.client import test_browser


class FrozenTabTests(test_browser.FrozenTabTests):
    """The same tests with the clock of the machine."""

    timeout = 180

    async def set_clock(self, page: Page) -> None:
        """Leave the page its own."""

    async def thaw_after_a_minute(self, page: Page) -> None:
        await deferLater(reactor, 60)
        await self.cdp(page, "Page.setWebLifecycleState", state="active")
