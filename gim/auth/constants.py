"""Names that login tokens, the tokens of the HTTP API and their keys go by."""

from __future__ import annotations

AUDIENCE = "gim-http"  # of the tokens of the HTTP API; login tokens can't have it
OPEN_AUDIENCE = "gim-http-open"  # of open mode: void once logins need proof

KEY_VARIABLE = "GIM_AUTH_KEY"
ADMIN_KEY_VARIABLE = "GIM_ADMIN_KEY"
