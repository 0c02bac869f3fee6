"""``twistd gim``: what Twisted's plugin asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gim.concurrency.clocks import WallClock, follow_monotonic_time
from gim.config.options import Options
from gim.startup import reported

if TYPE_CHECKING:
    from gim.daemon.daemon import Daemon
    from gim.daemon.parent_daemon import ParentDaemon

__all__ = ["Options", "makeService"]


def makeService(
    options: Options, reactor: Any = None, wall: WallClock | None = None
) -> Daemon | ParentDaemon:
    """Return the daemon with all its services, ready to be started.

    Its services named ``gateway`` and ``api`` know the ports that they listen on.
    """
    if reactor is None:
        from twisted.internet import reactor  # late, so that twistd can still choose one

        from gim.daemon.process import prepare_process

        prepare_process(reactor)  # before the imports below, which take most of the time of a start
        follow_monotonic_time(reactor)
    from gim.config.settings import settings_of
    from gim.config.twistd_files import user_of
    from gim.config.validate import validate

    with reported():
        settings = settings_of(options)
        resources = validate(settings, reactor, starts=True, user=user_of(options.parent))
        wall = wall or WallClock()
        if settings.daemon.gateway_worker == 1:
            from gim.daemon.build import DaemonBuilder  # late: --help, --version and --check do without

            return DaemonBuilder(settings, resources, reactor, wall, twistd=options.parent).daemon()
        from gim.daemon.build_parent import ParentBuilder  # of no use to one process

        return ParentBuilder(options, settings, resources, reactor, wall).daemon()
