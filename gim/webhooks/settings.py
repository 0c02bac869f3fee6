"""What the operator sets of webhooks."""

from __future__ import annotations

from msgspec import Struct

SECRET_VARIABLE = "GIM_WEBHOOK_SECRET"


class WebhookSettings(Struct, frozen=True, kw_only=True):
    """The secret is in a file, or in the environment."""

    url: str
    events: frozenset[str]  # the types that are posted
    grace: float  # seconds that a user may take to reconnect
    secret_file: str | None
    secret: str | None  # of `SECRET_VARIABLE`

    def __repr__(self) -> str:
        return f"<WebhookSettings for {len(self.events)} types of events>"  # no secret, no URL with a key
