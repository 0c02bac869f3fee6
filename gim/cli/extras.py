"""Packages that only some commands need."""

from __future__ import annotations

from importlib.util import find_spec

from gim.cli.failures import Failure


def need(package: str, extra: str) -> None:
    """Raises `Failure`, which names the extra of gim that brings a package, if it is missing."""
    if find_spec(package) is None:
        raise Failure(f"this needs the package {package}: pip install 'gim[{extra}]'")
