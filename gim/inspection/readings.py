"""What a process reads to make a sample, by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gim.limits.limits import LimitHits
from gim.limits.overload import Overload
from gim.metrics.export.meters import Meters
from gim.metrics.export.numbers import DataNumbers, GatewayNumbers, PushNumbers, WebhookNumbers
from gim.metrics.instruments.durations import Row
from gim.metrics.instruments.health import Health
from gim.metrics.instruments.requests import RequestMetrics
from gim.wire.requests import Op

Numbers = Mapping[str, Callable[[], float]]

_LOGIN_ROUTE = "login"


class Readings(NamedTuple):
    """What there is, counters of which the rates are shown, and how long requests to send took."""

    amounts: Numbers
    counters: Numbers
    hits: LimitHits
    overload: Overload
    health: Health | None  # None where other processes serve the clients
    sends: Row | None


def of_server(
    gateway: GatewayNumbers,
    pushes: PushNumbers,
    hits: LimitHits,
    overload: Overload,
    health: Health,
    meters: Meters | None,
    stored: Callable[[], int] | None,
    webhooks: WebhookNumbers | None,
) -> Readings:
    """Return what a process that serves clients reads. *stored* returns how many messages it has stored
    since its start, None if another process does."""
    amounts: dict[str, Callable[[], float]] = {
        "connections": lambda: len(gateway.connections),
        "unsent": gateway.unsent,
        "users": lambda: pushes.users,
        "chatrooms": lambda: pushes.chatrooms,
    }
    counters: dict[str, Callable[[], float]] = {
        "messages_out": lambda: _messages_in(pushes),
        "slow_readers": lambda: gateway.slow_readers,
    }
    if meters is not None:
        counters["frames_out"] = lambda: _pushes_in(pushes) + _answered(meters.requests)
        counters |= _requests_in(meters)
    if stored is not None:
        amounts["messages"] = counters["messages_in"] = stored
    sends = meters.requests.rows[Op.SEND] if meters is not None else None
    return Readings(amounts | _waiting_in(webhooks), counters, hits, overload, health, sends)


def of_parent(
    hits: LimitHits, overload: Overload, data: DataNumbers | None, webhooks: WebhookNumbers | None
) -> Readings:
    """Return what the parent of workers reads; *data* is None if they have storages of their own."""
    amounts: dict[str, Callable[[], float]] = {}
    counters: dict[str, Callable[[], float]] = {}
    if data is not None:
        amounts["users"] = lambda: data.online_users
        amounts["chatrooms"] = lambda: data.watched_chatrooms
        amounts["messages"] = counters["messages_in"] = lambda: data.stored_messages
    return Readings(amounts | _waiting_in(webhooks), counters, hits, overload, None, None)


def _pushes_in(pushes: PushNumbers) -> int:
    counts = pushes.pushed
    return counts.private + counts.chatroom + counts.caught_up + counts.events


def _messages_in(pushes: PushNumbers) -> int:
    counts = pushes.pushed
    return counts.private + counts.chatroom_messages + counts.caught_up_messages


def _requests_in(meters: Meters) -> dict[str, Callable[[], float]]:
    requests, http = meters.requests, meters.http_requests
    return {
        "requests": lambda: _answered(requests),
        "http_requests": lambda: _answered(http),
        "logins": lambda: requests.successes[Op.LOGIN] + http.successes[_LOGIN_ROUTE],
    }


def _answered(requests: RequestMetrics[Any]) -> int:
    return sum(requests.successes.values()) + requests.failures.total()


def _waiting_in(webhooks: WebhookNumbers | None) -> dict[str, Callable[[], float]]:
    if webhooks is None:
        return {}
    return {"webhook_queue": lambda: webhooks.counts.queued, "webhook_oldest_s": webhooks.oldest_age}
