"""The console's own files: their texts in both languages, their size, and what their code leaves out."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.console.files import sources

OVERVIEW = 40_000  # bytes, compressed
CHART = 30_000
TRY_IT = 45_000  # beside the client library, which is for the pages of others, too
MODULE_LINES = 300

FILES = {path: source.decode() for path, source in sources().items() if not path.startswith("vendor/")}
MODULES = {path: text for path, text in FILES.items() if path.endswith(".js")}

# each makes code or HTML of text, or sets a style that the policy refuses
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bstyle=|srcdoc"
)
IMPORT = re.compile(r'(?:from|^import) "\./([\w-]+\.js)"', re.MULTILINE)
PLACEHOLDER = re.compile(r"\{\w+\}")
PAGE_WORDS = re.compile(r'const word = words\("(\w+)"\)')
USED = re.compile(r'\b(t|word)\((?:"([^"]+)"|`([^`]*)`)')


def texts_of(language: str) -> dict[str, Any]:
    """Return the texts of a language by their keys."""
    texts: dict[str, Any] = json.loads(FILES[f"{language}.json"])
    return texts


def uses(module: str) -> Iterator[re.Pattern[str]]:
    """Yield a pattern of the keys that each call for a text may ask for."""
    text = MODULES[module]
    page = PAGE_WORDS.search(text)
    for function, literal, template in USED.findall(text):
        key = literal or template
        if function == "word":
            assert page is not None, f"{module} uses word() without words()"
            key = f"{page[1]}.{key}"
        parts = re.split(r"\$\{[^}]*\}", key)
        yield re.compile(".+".join(map(re.escape, parts)))


def loaded_with(module: str, seen: set[str]) -> set[str]:
    """Return a module and all that it imports at once."""
    if module not in seen:
        seen.add(module)
        for each in IMPORT.findall(MODULES[module]):
            loaded_with(each, seen)
    return seen


def compressed(text: bytes) -> int:
    """Return the size of a file as it is sent."""
    return len(gzip.compress(text, mtime=0))


class TextTests(SynchronousTestCase):
    def test_both_languages_have_the_same_texts_with_the_same_values(self) -> None:
        english, chinese = texts_of("en"), texts_of("zh")
        self.assertEqual(list(english), list(chinese))
        for key, text in english.items():
            self.assertEqual(set(PLACEHOLDER.findall(text)), set(PLACEHOLDER.findall(chinese[key])), key)
            self.assertTrue(text.strip() and chinese[key].strip(), key)

    def test_every_text_that_is_asked_for_exists(self) -> None:
        keys = list(texts_of("en"))
        for module in MODULES:
            for pattern in uses(module):
                self.assertTrue(any(map(pattern.fullmatch, keys)), f"{module}: {pattern.pattern}")

    def test_every_text_has_a_use(self) -> None:
        """A table makes the keys of its titles of those of its columns, so a name in quotes is a use."""
        patterns = [pattern for module in MODULES for pattern in uses(module)]
        code = "".join(MODULES.values())
        names = {*re.findall(r'"([^"]+)"', code), *re.findall(r"\b(\w+): ", code)}
        for key in texts_of("en"):
            is_named = key.partition(".")[2] in names
            self.assertTrue(is_named or any(pattern.fullmatch(key) for pattern in patterns), key)


class CodeTests(SynchronousTestCase):
    def test_no_module_makes_code_or_html_of_text(self) -> None:
        for name, text in FILES.items():
            if name.endswith((".js", ".html")):
                self.assertIsNone(FORBIDDEN.search(text), name)

    def test_modules_are_short(self) -> None:
        for name, text in MODULES.items():
            self.assertLess(text.count("\n"), MODULE_LINES, name)

    def test_what_every_page_needs_is_loaded_at_once(self) -> None:
        named = re.findall(r'rel="modulepreload" href="([^"]+)"', FILES["index.html"])
        vendored = [path for path in sources() if path.endswith(".mjs")]
        self.assertEqual(sorted(named), sorted([*loaded_with("app.js", set()) - {"app.js"}, *vendored]))

    def test_the_first_load_is_small(self) -> None:
        self.assertLess(self.size_of("overview.js"), OVERVIEW)
        self.assertLess(self.size_of("try.js"), TRY_IT)
        chart = (source for path, source in sources().items() if path.startswith("vendor/uplot/uPlot"))
        self.assertLess(sum(map(compressed, chart)), CHART)

    def size_of(self, page: str) -> int:
        everything = sources()
        modules = loaded_with("app.js", set()) | loaded_with(page, set())
        paths = {"index.html", "style.css", "icon.svg", "en.json", *modules}
        paths |= {path for path in everything if path.endswith(".mjs")}
        return sum(compressed(everything[path]) for path in paths)
