"""What axe-core finds in a page: https://github.com/dequelabs/axe-core"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

SEVERE = ("serious", "critical")
FIND = """axe.run(document, {resultTypes: ["violations"]}).then(({violations}) =>
  violations.map(({id, impact, nodes}) => [impact, `${id}: ${nodes.map(({html}) => html)}`]))"""


@cache
def _source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text()


def severe_findings(page: Page) -> list[str]:
    """Return what is serious or critical, each with its elements. Call it in the browser's thread."""
    if not page.evaluate("Boolean(globalThis.axe)"):
        page.evaluate(_source())
    return [what for impact, what in page.evaluate(FIND) if impact in SEVERE]
