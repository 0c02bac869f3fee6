"""A gateway without a daemon: with the settings, operations and codec that a test chooses."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gim.api.routes.gateway import GatewayRoutes
from gim.api.server.access import AccessControl
from gim.api.server.site import ApiSite
from gim.api.settings import ApiSettings
from gim.concurrency.turns import Turns
from gim.errors import Unauthorized
from gim.gateway.admission import ConnectionAdmission
from gim.gateway.factory import GatewayFactory
from gim.gateway.settings import GatewaySettings
from gim.gateway.timeout_wheel import Timeouts, TimeoutWheel
from gim.gateway.write_batch import WriteBatch
from gim.limits.limits import LimitHits
from gim.limits.rate_per_second import login_rate
from gim.model import User
from gim.net.client_address import NO_PROXIES
from gim.net.origins import SAME_HOST
from tests.support.clocks import SettableWallClock
from tests.support.settings import no_limits

DEFAULTS = GatewaySettings(
    max_packet=65536,
    max_unsent=2**20,
    trace_header="trace",
    hosts=None,
    origins=SAME_HOST,
    timeouts=Timeouts(handshake=5.0, login=30.0, heartbeat=120.0, ping=25.0),
    default_codec="json",
)


class NoOperations:
    """For connections whose messages never become requests."""

    def disconnected(self, connection: Any) -> None:
        pass


def make_gateway(codec: Any, clock: Any, **settings: Any) -> GatewayFactory:
    """Return a gateway without limits on numbers and rates, and with one codec.

    *settings* replace those of `DEFAULTS`. The gateway's `timeout_wheel` is not started.
    """
    chosen, limits, hits = replace(DEFAULTS, **settings), no_limits(), LimitHits(is_enforced=True)
    operations: Any = NoOperations()
    return GatewayFactory(
        chosen,
        operations,
        {chosen.default_codec: codec},
        limits,
        hits,
        ConnectionAdmission(limits, hits, NO_PROXIES, lambda: "", lambda: False, speaks_proxy=False),
        TimeoutWheel(clock, SettableWallClock(clock.seconds), chosen.timeouts.shortest()),
        WriteBatch(clock),
        Turns(clock),
        clock,
        flush_pushes=lambda login: None,
    )


def make_site(gateway: GatewayFactory) -> Any:  # an ApiSite
    """Return an HTTP API that serves nothing but this gateway, without limits."""

    async def nobody(token: str) -> User:
        raise Unauthorized("no one logs in here")

    limits, clock = no_limits(), gateway.reactor
    chosen = gateway.settings
    settings = ApiSettings(
        max_packet=65536,
        trace_header=chosen.trace_header,
        log_requests="all",
        hosts=chosen.hosts,
        origins=chosen.origins,
        enable_profiling=False,
    )
    return ApiSite(
        [GatewayRoutes()],
        settings,
        gateway.hits,
        clock,
        access=AccessControl(nobody),
        login_rate=login_rate(limits, gateway.hits, clock),
        turns=gateway.turns,
        gateway=gateway,
    )
