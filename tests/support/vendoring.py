"""Fetches the software of others in ``gim/console/vendor`` again: ``make vendor``."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support.node import npm
from tests.support.paths import ROOT

CONSOLE = Path(ROOT.path) / "gim" / "console"
VENDOR = CONSOLE / "vendor"


def packages() -> list[dict[str, Any]]:
    """Return what ``vendor.toml`` lists."""
    listed: list[dict[str, Any]] = tomllib.loads((CONSOLE / "vendor.toml").read_text())["package"]
    return listed


def files() -> Iterator[tuple[dict[str, Any], dict[str, Any], Path]]:
    """Yield each package with each of its files, and where that lies here."""
    for package in packages():
        for file in package["file"]:
            yield package, file, VENDOR / package["name"] / Path(file["path"]).name


def fetch(package: dict[str, Any], place: Path) -> Path:
    """Fetch a package and unpack it; return its directory. Raises `AssertionError` for another one."""
    wanted = f"{package['name']}@{package['version']}"
    (packed,) = json.loads(npm("pack", "--json", wanted, cwd=place))
    assert packed["integrity"] == package["integrity"], f"{wanted} has {packed['integrity']}"
    unpacked = place / package["name"]
    with tarfile.open(place / packed["filename"]) as archive:
        archive.extractall(unpacked, filter="data")
    return unpacked / "package"


def vendor() -> None:
    """Replace all vendored files by those of the packages; each must be the one that is listed."""
    with tempfile.TemporaryDirectory() as temporary:
        fetched = {each["name"]: fetch(each, Path(temporary)) for each in packages()}
        shutil.rmtree(VENDOR)
        for package, file, target in files():
            content = (fetched[package["name"]] / file["path"]).read_bytes()
            assert sha256(content).hexdigest() == file["sha256"], f"{package['name']}: {file['path']}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


if __name__ == "__main__":
    vendor()
