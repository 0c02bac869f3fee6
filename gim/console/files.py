"""The console's files, and the headers that go with them.

The page allows no code but that of its own files: neither inline nor made of text. Its one inline script
is an import map, which has no effect but to give modules their names; the policy names it by its hash. So
vendored modules stay as they were published (https://www.w3.org/TR/CSP3/#match-element-to-source-list).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from gim.api.openapi.describe import CSS, HTML, JAVASCRIPT, JSON, SVG, TEXT
from gim.api.static_files import StaticFile, static_file

INDEX: Final = "index.html"
_MEDIA: Final[Mapping[str, str]] = {
    "html": HTML,
    "css": CSS,
    "js": JAVASCRIPT,
    "mjs": JAVASCRIPT,
    "json": JSON,
    "svg": SVG,
}
_IMPORT_MAP = re.compile(rb'<script type="importmap">(.*?)</script>', re.DOTALL)


def sources() -> dict[str, bytes]:
    """Read all files by their paths below ``/console/``, vendored software as ``vendor/preact/…``."""
    console = files("gim.console")
    vendored = _below(console / "vendor", "vendor/")
    return dict([*_below(console / "pages", ""), *vendored])


def _below(directory: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for each in directory.iterdir():
        if each.is_dir():
            yield from _below(each, f"{prefix}{each.name}/")
        else:
            yield prefix + each.name, each.read_bytes()


def static_files(found: Mapping[str, bytes]) -> dict[str, StaticFile]:
    """Prepare files by their paths. The end of a name says the type; one without is a licence, a text."""
    return {
        path: static_file(_MEDIA.get(path.rpartition(".")[2], TEXT), source)
        for path, source in found.items()
    }


def headers_of(index: bytes) -> dict[bytes, bytes]:
    """Return the headers of all answers below ``/console/``; *index* is the page."""
    maps = " ".join(_hash(each) for each in _IMPORT_MAP.findall(index))
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' {maps}",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        b"Content-Security-Policy": "; ".join(f"{name} {to}" for name, to in policy.items()).encode(),
        b"X-Content-Type-Options": b"nosniff",
        b"Referrer-Policy": b"no-referrer",
        b"Cross-Origin-Opener-Policy": b"same-origin",
        b"Cross-Origin-Resource-Policy": b"same-origin",
    }


def _hash(source: bytes) -> str:
    return f"'sha256-{b64encode(sha256(source).digest()).decode()}'"
