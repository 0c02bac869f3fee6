"""A login to the console in a real browser, and what a page of another origin in that browser gets."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext

from tests.support.browser import BrowserTestCase

KEY = "a-key-for-these-tests"
ASK = """async ([method, url, body, headers]) => {
  try {
    const init = {method, credentials: "include", mode: headers ? "cors" : "no-cors"};
    const sent = {...init, headers: headers ?? {}, body: body ?? undefined};
    const response = await fetch(url, sent);
    return response.status;
  } catch (error) {
    return error.name;
  }
}"""
LOAD_SCRIPT = """url => new Promise(resolve => {
  const script = document.createElement("script");
  script.src = url;
  script.onload = () => resolve("loaded");
  script.onerror = () => resolve("refused");
  document.head.append(script);
})"""
FRAME = '<!doctype html><link rel="icon" href="data:,"><iframe src="{url}"></iframe>'


class ConsoleCase(BrowserTestCase):
    url: str  # of the HTTP API
    expected_errors = ("Failed to load resource", "blocked by CORS policy", "frame-ancestors")

    async def ask(
        self, page: Any, method: str, path: str, body: str | None = None, headers: Any = None
    ) -> Any:
        """Fetch; return the status, 0 if the page can't read it, or the name of an error."""
        return await self.evaluate(page, ASK, [method, f"{self.url}{path}", body, headers])


class OwnPageTests(ConsoleCase):
    async def test_a_visible_page_keeps_its_session_in_use(self) -> None:
        process = await self.daemon(GIM_ADMIN_KEY=KEY)
        self.url = f"http://127.0.0.1:{self.http}"
        page = await self.page()
        await self.in_browser(page.clock.install)
        await self.in_browser(page.goto, f"{self.url}/console/#/about")
        login = f'{{"key":"{KEY}"}}'
        self.assertEqual(
            await self.ask(page, "POST", "/console/login", login, {"X-Gim-Console": "1"}), 200
        )
        await self.in_browser(page.reload)
        await process.says(r"(?s)(GET /console/session 200 .*){2}")
        await self.in_browser(page.get_by_role("button", name="Log out").wait_for)
        await self.in_browser(page.clock.fast_forward, 600_000)
        await process.says(r"(?s)(GET /console/session 200 .*){3}")


class ForeignPageTests(ConsoleCase):
    """The other page has the console's host, and so its cookie goes with the requests of that page."""

    async def test_it_can_not_use_the_session(self) -> None:
        process = await self.daemon(GIM_ADMIN_KEY=KEY)
        self.url = f"http://127.0.0.1:{self.http}"
        context: BrowserContext = await self.in_browser(self._new_context)
        self.addCleanup(self._close, context)

        console = await self.page(f"{self.url}/console/", context)
        own = {"X-Gim-Console": "1"}
        ask = self.ask
        self.assertEqual(await ask(console, "GET", "/v1/admin/statistics", None, own), 401)
        self.assertEqual(await ask(console, "POST", "/console/login", f'{{"key":"{KEY}"}}', own), 200)
        self.assertEqual(await ask(console, "GET", "/v1/admin/statistics", None, own), 200)
        self.assertEqual(await ask(console, "DELETE", "/v1/admin/users/ann/ban", None, own), 200)
        self.assertEqual(await self.evaluate(console, "document.cookie"), "")

        other = self.serve({"page": FRAME.format(url=f"{self.url}/console/")})
        page = await self.page(f"{other}/page", context)
        self.assertEqual(await ask(page, "GET", "/v1/admin/statistics", None, own), "TypeError")
        self.assertEqual(await ask(page, "GET", "/v1/admin/statistics", None, {}), "TypeError")
        self.assertEqual(await ask(page, "POST", "/v1/admin/broadcasts", '{"content":"x"}'), 0)
        self.assertEqual(await ask(page, "GET", "/console/session", None, {}), "TypeError")
        self.assertEqual(await self.evaluate(page, LOAD_SCRIPT, f"{self.url}/console/api.js"), "refused")
        frames = await self.in_browser(lambda: [each.url for each in page.frames])
        self.assertEqual(frames[1:], ["chrome-error://chromewebdata/"])

        self.assertEqual(await ask(console, "DELETE", "/console/login", None, own), 200)
        self.assertEqual(await ask(console, "GET", "/v1/admin/statistics", None, own), 401)
        self.assertIn(" POST /v1/admin/broadcasts 401 ", process.output[1])  # the cookie did not count
        changes = [line for line in process.output[1].splitlines() if "administrator (" in line]
        self.assertEqual(len(changes), 3, changes)  # login, the end of a ban, logout
