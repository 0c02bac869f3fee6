"""Node and packages of npm for tests. Packages are kept in build/npm from run to run."""

from __future__ import annotations

import fcntl
import re
import subprocess
from pathlib import Path
from shutil import which

from tests.support.paths import ROOT

OLDEST_NODE = 20
TYPESCRIPT = "typescript@5.9.3"
WS = "ws@8.18.3"  # WebSockets for Node before 22
_PLACE = Path(ROOT.path) / "build" / "npm"


def _why_missing() -> str | None:
    wanted = f"needs Node {OLDEST_NODE} or newer and npm: install nodejs and npm"
    node, npm = which("node"), which("npm")
    if node is None or npm is None:
        return wanted
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", version)
    return None if found and int(found[1]) >= OLDEST_NODE else wanted


NODE_MISSING = _why_missing()


def npm_packages(*packages: str) -> Path:
    """Install packages of exact versions, unless they are there; return their directory ``node_modules``.

    No script of a package runs. Processes that ask at once wait for each other.
    """
    place = _PLACE / re.sub(r"[^\w.-]", "_", "+".join(packages))
    place.mkdir(parents=True, exist_ok=True)
    done = place / "done"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            npm("install", "--ignore-scripts", "--prefix", str(place), *packages, cwd=place)
            done.touch()
    return place / "node_modules"


def npm(*words: str, cwd: Path) -> str:
    """Run npm; return its output, or raise `AssertionError` with it."""
    command = ["npm", *words, "--no-audit", "--no-fund", "--no-update-notifier"]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stdout}{ran.stderr}"
    return ran.stdout
