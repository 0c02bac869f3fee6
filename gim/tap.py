"""``twistd gim``: what Twisted's plugin asks for."""

from __future__ import annotations

from typing import Any

from gim.config.options import Options
from gim.daemon.build import DaemonBuilder
from gim.daemon.daemon import Daemon

__all__ = ["Options", "makeService"]


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Return the daemon with all that belongs to it, ready to be started.

    Its services named ``gateway`` and ``api`` know the ports that they listen on.
    """
    if reactor is None:
        from twisted.internet import reactor  # late, so that twistd can still choose one
    return DaemonBuilder(options, reactor).daemon()
