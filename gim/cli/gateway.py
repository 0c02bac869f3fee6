"""Which gateway a command connects to, and as which user.

The gateway is that of ``--ws`` or ``--context``, else of ``GIM_WS_URL``, else of the context in use.
Only a server at the default URL has a gateway that need not be named.
"""

from __future__ import annotations

import os
from argparse import Namespace
from typing import NamedTuple
from urllib.parse import urlsplit

from gim.auth.constants import AUDIENCE, OPEN_AUDIENCE
from gim.cli import contexts
from gim.cli.access import TOKEN_VARIABLE, URL_VARIABLE, claims_of, read_secret
from gim.cli.arguments import DEFAULT_URL, DEFAULT_WS
from gim.cli.failures import Misuse

WS_VARIABLE = "GIM_WS_URL"


class Login(NamedTuple):
    """A user at a gateway. ``token`` is None where the id alone is enough."""

    url: str
    user: str
    token: str | None


def gateway_of(args: Namespace) -> contexts.Context:
    """Return the server whose gateway the arguments choose, as a context with a valid ``ws``.

    Raises `Misuse` when they name only a part of it, or a URL that can't be used.
    """
    context = _chosen(args)
    if context.ws:
        check(context.ws)
        return context
    if context.url.rstrip("/") != DEFAULT_URL:
        raise Misuse(
            f"say where the gateway of {context.url} is: with --ws, in {WS_VARIABLE}, or with --ws of"
            " gim context add"
        )
    return contexts.Context(context.url, context.key_file, context.token_file, context.user, DEFAULT_WS)


def login_of(args: Namespace) -> Login:
    """Return who connects to which gateway. Raises `Misuse` if no user is given."""
    context = gateway_of(args)
    token = read_secret(args.token_file or context.token_file, TOKEN_VARIABLE)
    claims = claims_of(token)
    if claims.get("aud") in (AUDIENCE, OPEN_AUDIENCE):
        raise Misuse("the token is one of the HTTP API: the gateway takes login tokens")
    user = args.user or context.user or str(claims.get("sub", ""))
    if not user:
        raise Misuse(
            f"say as which user: with --as ID, or with a token in {TOKEN_VARIABLE} or in the file of"
            " --token-file"
        )
    return Login(context.ws, user, token or None)


def check(url: str) -> None:
    """Raises `Misuse` for a URL that no gateway can have."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as error:
        raise Misuse(f"{url!r} is not a valid URL: {error}") from error
    if parts.scheme not in ("ws", "wss") or not host or parts.fragment:
        raise Misuse(f"{url!r} is not a valid URL of a gateway: write ws://HOST:PORT or wss://HOST")
    if parts.username is not None:
        raise Misuse("the URL holds a user or a password: leave it out")


def _chosen(args: Namespace) -> contexts.Context:
    """Return the server of the arguments; its ``ws`` is "" if they leave it open."""
    url = getattr(args, "url", None)  # of commands that use the HTTP API as well
    if args.ws and args.context:
        raise Misuse("--ws and --context do not go together")
    if args.context:
        return contexts.read().get(args.context)
    if ws := args.ws or os.environ.get(WS_VARIABLE):
        return contexts.Context(url or "", ws=ws)
    if url := url or os.environ.get(URL_VARIABLE):
        return contexts.Context(url)
    known = contexts.read()
    return known.get(known.in_use) if known.in_use else contexts.Context(DEFAULT_URL)
