"""Which server a command asks, and as which user or administrator.

The server is that of ``--url`` or ``--context``, else of ``GIM_URL``, else of the context in use. The
files that a context names are for its own server only. A secret comes from the file of an option, from
that of the context, or from the environment; never from an argument: other users of the machine see
arguments.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from base64 import urlsafe_b64decode
from typing import Any

from gim.auth.constants import ADMIN_KEY_VARIABLE, AUDIENCE, OPEN_AUDIENCE
from gim.cli import contexts
from gim.cli.arguments import DEFAULT_URL
from gim.cli.failures import Failure, Misuse
from gim.cli.http import Server

URL_VARIABLE = "GIM_URL"
TOKEN_VARIABLE = "GIM_TOKEN"


def context_of(args: Namespace) -> contexts.Context:
    """Return the server that the arguments choose, as a context."""
    if args.url:
        return contexts.Context(args.url)
    if args.context:
        return contexts.read().get(args.context)
    if url := os.environ.get(URL_VARIABLE):
        return contexts.Context(url)
    known = contexts.read()
    return known.get(known.in_use) if known.in_use else contexts.Context(DEFAULT_URL)


def anyone(args: Namespace) -> Server:
    """Return the server for requests that need neither key nor token."""
    return Server(context_of(args).url, args.timeout)


def administrator(args: Namespace) -> Server:
    """Return the server for requests with the administrator's key. Raises `Misuse` without one."""
    server = administrator_if_known(args)
    if server is None:
        raise Misuse(
            "this needs the administrator's key: name its file with --key-file, or set"
            f" {ADMIN_KEY_VARIABLE} in the environment"
        )
    return server


def administrator_if_known(args: Namespace) -> Server | None:
    """Return the server for requests with the administrator's key, None without one."""
    context = context_of(args)
    key = read_secret(args.key_file or context.key_file, ADMIN_KEY_VARIABLE)
    return Server(context.url, args.timeout).with_headers({"X-API-Key": key}) if key else None


def user(args: Namespace) -> Server:
    """Return the server for requests of a user, logged in. Raises `Misuse` if no user is given."""
    server = user_if_known(args)
    if server is None:
        raise Misuse(
            f"say as which user: with --as ID, or with a token in {TOKEN_VARIABLE} or in the file of"
            " --token-file"
        )
    return server


def user_if_known(args: Namespace) -> Server | None:
    """Return the server for requests of a user, logged in, None if no user is given.

    A token of the HTTP API is used as it is. A login token, or the id alone, logs in over HTTP.
    """
    context = context_of(args)
    token = read_secret(args.token_file or context.token_file, TOKEN_VARIABLE)
    user_id = args.user or context.user
    if not token and not user_id:
        return None
    server, claims = Server(context.url, args.timeout), claims_of(token)
    if claims.get("aud") in (AUDIENCE, OPEN_AUDIENCE):
        if args.user and args.user != claims.get("sub"):
            raise Misuse(f"--as: the token is of the user {claims.get('sub')}")
        return _with_token(server, token)
    login = {"id": user_id or str(claims.get("sub", ""))} | ({"token": token} if token else {})
    return _with_token(server, server.ask("POST", "/v1/login", login)["token"])


def _with_token(server: Server, token: str) -> Server:
    return server.with_headers({"Authorization": f"Bearer {token}"})


def read_secret(path: str, variable: str) -> str:
    """Return the content of a file, - for standard input, or of a variable; "" if there is none."""
    source = path or variable
    if path == "-":
        secret = sys.stdin.read().strip()
    elif path:
        with open(path, encoding="utf-8", errors="replace") as file:
            secret = file.read().strip()
    else:
        secret = os.environ.get(variable, "").strip()
    if path and not secret:
        raise Failure(f"{source}: it is empty")
    if not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise Failure(f"{source}: this is not a valid key or token: it has other characters than those")
    return secret


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, without a check: the server checks it. {} for what is not a token."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, LookupError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
