"""What has to be there first: the C programs, the packages from npm, and enough open files."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

from bench.process import BUILD, ROOT, BenchError

BENCH = ROOT / "bench"
SPARE_FILES = 200  # what a process opens besides its connections
_PACKAGES = ("ws@8.23.0", "@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0")


def compile_all() -> None:
    """Compile the generator and the C server, if they are older than their sources."""
    BUILD.mkdir(exist_ok=True)
    _compile(BUILD / "load", sorted((BENCH / "load").glob("*.c")))
    http = BENCH / "load" / "http" / "requests.c"
    _compile(BUILD / "requests", [http, BENCH / "load" / "samples.c"])
    _compile(BUILD / "floor", [BENCH / "peers" / "floor.c"])


def _compile(program: Path, sources: list[Path]) -> None:
    if program.exists():
        headers = [header for source in sources for header in source.parent.glob("*.h")]
        if all(path.stat().st_mtime < program.stat().st_mtime for path in [*sources, *headers]):
            return
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise BenchError("no C compiler: the load generator is written in C; install gcc or set CC")
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", program, *sources], check=True)


def node_modules() -> Path | None:
    """Return where npm put ws and uWebSockets.js, fetched if need be; None if they can't be had."""
    modules = BUILD / "node_modules"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        return None
    if not _loads(node, modules) and npm is not None:
        command = [npm, "install", "--prefix", str(BUILD), "--no-audit", "--no-fund", *_PACKAGES]
        subprocess.run(command, check=False, capture_output=True, timeout=300)
    return modules if _loads(node, modules) else None


def _loads(node: str, modules: Path) -> bool:
    code = "require('ws'); require('@trufflesuite/uws-js-unofficial')"
    environment = {**os.environ, "NODE_PATH": str(modules)}
    return subprocess.run([node, "-e", code], env=environment, capture_output=True).returncode == 0


def most_connections() -> int:
    """Raise the limit of open files as far as it goes; return how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard - SPARE_FILES
