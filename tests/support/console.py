"""The console of a daemon in a real browser."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Dialog, Page

from tests.support.browser import BrowserTestCase, browser_thread


class ConsoleTestCase(BrowserTestCase):
    """Opens pages of the console.

    A test fails when a page opens a dialog of the browser, breaks its own content security policy, or
    writes an error to its console that does not match `expected_errors`.
    """

    async def console(
        self, where: str, *, key: str = "", language: str = "en", width: int = 1280, is_dark: bool = False
    ) -> Page:
        """Open a page of the console, as ``users/ann``; with a key, log in before."""
        context = await self.in_browser(self._console_context, width, is_dark)
        self.addCleanup(self._close, context)
        page = await self.page(context=context)
        await self.in_browser(self._open_console, page, where, key, language)
        return page

    def _console_context(self, width: int, is_dark: bool) -> BrowserContext:
        size = {"width": width, "height": 800}
        scheme = "dark" if is_dark else "light"
        browser = browser_thread().browser()
        return browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]

    def _open_console(self, page: Page, where: str, key: str, language: str) -> None:
        page.on("dialog", self._refuse)
        page.goto(f"http://127.0.0.1:{self.http}/console/?lang={language}#/{'login' if key else where}")
        if key:
            page.locator("input[type=password]").fill(key)
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: not url.endswith("login"))
            page.evaluate("where => void (location.hash = `#/${where}`)", where)

    def _refuse(self, dialog: Dialog) -> None:
        self.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()
