"""Centrifugo beside gim, if its program is on the PATH: its command, and its version."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from bench.process import ROOT

KINDS = ("centrifugo", "centrifugo-cores")
API_KEY = "bench"  # the key of its server API, in the header X-API-Key
HOW_TO_GET = "go install github.com/centrifugal/centrifugo/v6@latest"
_CONFIG = ROOT / "bench" / "peers" / "centrifugo.json"


def is_here() -> bool:
    return shutil.which("centrifugo") is not None


def version() -> str:
    """Return the version of the program on the PATH.

    A program that ``go install`` built calls itself 0.0.0: then it is that of its module, which Go's
    linker leaves in the file.
    """
    said = subprocess.run(["centrifugo", "version"], capture_output=True, text=True).stdout
    found = re.search(r"v(\d\S*)", said)
    if found is None or found[1] != "0.0.0":
        return found[1] if found else "unknown"
    program = Path(shutil.which("centrifugo") or "")
    module = re.search(rb"mod\tgithub\.com/centrifugal/centrifugo/v\d+\tv(\S+)", program.read_bytes())
    return module[1].decode() if module else "unknown"


def command(kind: str, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the command and its environment; *port* of 127.0.0.1 gets its WebSocket and its server API.

    ``centrifugo`` runs Go code on one core at a time, as gim does; ``centrifugo-cores`` on all of them.
    """
    environment = {"CENTRIFUGO_HTTP_SERVER_PORT": str(port)}
    if kind == "centrifugo":
        environment["GOMAXPROCS"] = "1"
    return ["centrifugo", f"--config={_CONFIG}"], environment
