"""The report: tables and bars, the machine they are of, as text and as JSON, and into a document."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import centrifugo, summary
from bench.bar import HEAD, Bar
from bench.process import BenchError
from bench.results import Plan, Table, aligned

BEGIN = "<!-- bench: begin, written by python -m bench --write -->"
END = "<!-- bench: end -->"


def machine() -> dict[str, str]:
    """Return what the figures depend on, without names of hosts or paths."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", cpuinfo)
    meminfo = Path("/proc/meminfo").read_text()
    kib = int(re.findall(r"MemTotal:\s*(\d+)", meminfo)[0])
    facts = {
        "cores": str(os.cpu_count()),
        "CPU": model[1].strip() if model else platform.machine(),
        "memory": f"{kib / 2**20:.0f} GiB",
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    libraries = ("twisted", "autobahn", "msgspec", "protobuf", "sortedcontainers")
    facts |= {name: version(name) for name in libraries}
    if shutil.which("node"):
        facts["node"] = subprocess.run(
            ["node", "--version"], capture_output=True, text=True
        ).stdout.strip()
    if centrifugo.is_here():
        facts["Centrifugo"] = centrifugo.version()
    return facts


def as_text(plan: Plan, tables: Mapping[str, Table], bars: Sequence[Bar]) -> str:
    """Return all of it as Markdown."""
    parts = [f"Measured on {datetime.now(UTC):%Y-%m-%d}, medians of {plan.rounds} rounds."]
    if plan.quick:
        parts.append("A smoke run: it shows that everything works; its figures mean little.")
    parts.append("\n".join(aligned([["machine", ""], *map(list, machine().items())], lambda _: True)))
    if side_by_side := summary.as_text(plan, tables):
        parts += ["### Side by side", side_by_side]
    for table in tables.values():
        parts += [f"### {table.title}", table.text()]
    if bars:
        parts += [
            "### Bars",
            "\n".join(aligned([HEAD, *(bar.cells() for bar in bars)], lambda i: i != 2)),
        ]
    return "\n\n".join(parts)


def write_json(path: Path, plan: Plan, tables: Mapping[str, Table], bars: Sequence[Bar]) -> None:
    """Write all figures of all rounds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {
        "machine": machine(),
        "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "rounds": plan.rounds,
        "quick": plan.quick,
        "jobs": {job: table.as_dict() for job, table in tables.items()},
        "bars": [dict(zip(HEAD, bar.cells(), strict=True)) for bar in bars],
    }
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


def check_document(path: Path) -> None:
    """Refuse a document that lacks the two marks, before anything is measured."""
    text = path.read_text() if path.exists() else ""
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise BenchError(f"{path.name} needs the two lines\n{BEGIN}\n{END}\nto write between them")


def write_document(path: Path, text: str) -> None:
    """Put *text* between the marks of a document."""
    whole = path.read_text()
    begin, end = whole.index(BEGIN) + len(BEGIN), whole.index(END)
    path.write_text(f"{whole[:begin]}\n\n{text}\n\n{whole[end:]}")
