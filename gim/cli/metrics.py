"""Reads the server's ``/metrics``."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from gim.cli.http import Server

_LINE = re.compile(r"(?m)^(\w+)(?:\{(.*?)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Page:
    """The value of each metric, summed over its labels."""

    values: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    info: dict[str, str] = field(default_factory=dict)  # version and storage

    def __getitem__(self, name: str) -> float:
        return self.values.get(name, 0.0)


def page(server: Server) -> Page | None:
    """Return what the server counts, None for one that runs with ``--metrics=false``."""
    answer = server.exchange("GET", "/metrics")
    return parsed(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None


def parsed(text: str) -> Page:
    """Read the text format of Prometheus, 0.0.4."""
    found = Page()
    for name, labels, value in _LINE.findall(text):
        if name == "gim_info":
            found.info = dict(_LABEL.findall(labels))
        else:
            found.values[name] += float(value)
    return found
