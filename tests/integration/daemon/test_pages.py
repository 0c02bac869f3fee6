"""The pages of the HTTP address in a browser, and what `BrowserTestCase` says of a page with faults."""

from __future__ import annotations

from playwright.sync_api import Error

from tests.support import browser
from tests.support.browser import BrowserTestCase

FAULTY = """<script>
console.error("written");
console.log("fine");
setTimeout(() => { throw Error("thrown") });
</script>"""


class DocumentTests(BrowserTestCase):
    async def test_the_reference_opens_an_operation(self) -> None:
        await self.daemon()
        page = await self.page(f"http://127.0.0.1:{self.http}/docs")
        operation = page.locator("details", has_text="POST/v1/login")
        self.assertFalse(await self.in_browser(operation.locator("table").is_visible))
        await self.in_browser(operation.locator("summary").click)
        self.assertTrue(await self.in_browser(operation.locator("table").is_visible))


class FaultyPageTests(BrowserTestCase):
    async def test_errors_of_a_page_fail_the_test(self) -> None:
        page = await self.page(f"{self.serve({'page': FAULTY})}/page")
        await self.in_browser(page.wait_for_function, "new Promise(done => setTimeout(done, 0, true))")
        self.assertEqual(self.errors, ["written", "thrown"])
        self.errors.clear()

    async def test_expected_errors_do_not(self) -> None:
        self.expected_errors = ("^written$",)
        page = await self.page(f"{self.serve({'page': FAULTY})}/page")
        await self.in_browser(page.wait_for_function, "new Promise(done => setTimeout(done, 0, true))")
        self.assertEqual(self.errors, ["thrown"])
        self.errors.clear()

    async def test_each_test_has_a_storage_of_its_own(self) -> None:
        url = f"{self.serve({'page': ''})}/page"
        first, second = await self.page(url), await self.page(url)
        await self.evaluate(first, "localStorage.setItem('a', 'b')")
        self.assertIsNone(await self.evaluate(second, "localStorage.getItem('a')"))
        third = await self.page(url, first.context)
        self.assertEqual(await self.evaluate(third, "localStorage.getItem('a')"), "b")

    async def test_a_call_that_hangs_fails_and_the_next_page_opens(self) -> None:
        page = await self.page()
        self.patch(browser, "CALL_LIMIT", 1.0)
        hangs = self.evaluate(page, "new Promise(() => {})")
        await self.assertFailure(hangs, Error)
        self.patch(browser, "CALL_LIMIT", 60.0)
        page = await self.page()
        self.assertEqual(await self.evaluate(page, "1 + 1"), 2)
