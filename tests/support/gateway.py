"""A gateway without a daemon: with the settings, operations and codec that a test chooses."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gim.concurrency.turns import Turns
from gim.gateway.admission import ConnectionAdmission
from gim.gateway.factory import GatewayFactory
from gim.gateway.settings import GatewaySettings
from gim.gateway.timeout_wheel import Timeouts, TimeoutWheel
from gim.gateway.write_batch import WriteBatch
from gim.limits.limits import LimitHits
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
