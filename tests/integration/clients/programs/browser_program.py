"""The program of the JavaScript client in Chromium."""

from __future__ import annotations

import asyncio
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.support.browser import Chromium
from tests.support.paths import ROOT

PAGE_CLIENTS = 200  # of one page: Chromium opens at most 255 WebSockets to a host for a context
HOST = "127.0.0.1"  # the gateway lets pages of its own host in, whatever their port is
HERE = ROOT.descendant(["tests", "integration", "clients", "programs"])
FILES = {
    "/gim.js": ROOT.descendant(["clients", "js", "gim.js"]),
    "/talker.js": HERE.child("talker.js"),
    "/": HERE.child("page.html"),
}
TYPES = {"js": "text/javascript; charset=utf-8", "html": "text/html; charset=utf-8"}


class Pages:
    """The pages of a job."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url
        self._pages: list[Page] = []

    async def open(self, jobs: list[dict[str, Any]]) -> None:
        """Open pages with the clients of a job."""
        for first in range(0, len(jobs), PAGE_CLIENTS):
            context = await self._browser.new_context()
            page = await context.new_page()
            page.on("pageerror", lambda error: print(error, file=sys.stderr))
            await page.expose_function("report", write)
            await page.goto(self._url)
            await page.evaluate("jobs => begin(jobs)", jobs[first : first + PAGE_CLIENTS])
            self._pages.append(page)

    async def do(self, command: str) -> None:
        """Hand a command to all pages; *close* returns when all is over."""
        await asyncio.gather(
            *(page.evaluate("command => obey(command)", command) for page in self._pages)
        )


class Handler(BaseHTTPRequestHandler):
    """Answers with files of the checkout."""

    def do_GET(self) -> None:
        file = FILES.get(self.path)
        if file is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", TYPES[file.basename().rpartition(".")[2]])
        self.end_headers()
        self.wfile.write(file.getContent())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def write(lines: str) -> None:
    sys.stdout.write(lines)
    sys.stdout.flush()


async def run(port: int, url: str) -> None:
    lines = asyncio.StreamReader(limit=2**24)  # bytes; the job of many clients is long
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(f"http://{HOST}:{port}")
        pages = Pages(browser, url)
        await pages.open(json.loads(await lines.readline())["clients"])
        async for line in lines:
            command = json.loads(line)["do"]
            if command == "close":
                break
            await pages.do(command)
        await pages.do("close")


def main() -> None:
    chromium = Chromium()
    files = ThreadingHTTPServer((HOST, 0), Handler)
    Thread(target=files.serve_forever, daemon=True).start()
    try:
        asyncio.run(run(chromium.port(), f"http://{HOST}:{files.server_port}/"))
    finally:
        chromium.stop()


if __name__ == "__main__":
    main()
