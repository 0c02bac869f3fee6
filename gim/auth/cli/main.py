"""``gim-token``: makes login tokens and their keys, and checks tokens, by hand.

Exit status 0 when all is well, 1 when a token is not valid or a file can't be used, 2 for words that
make no sense. A token is read from standard input unless it is among the words, where the history of
the shell and the list of processes show it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jwt
import msgspec

from gim import ids
from gim.auth.cli.files import replace_file, with_key, write_secret
from gim.auth.cli.signing import NEW_KEYS, new_pair, new_secret, signing_key
from gim.auth.from_settings import VARIABLE
from gim.auth.keyring import public_file, secret_file, secret_variable
from gim.auth.keys import BadKey
from gim.auth.login_tokens import HoldsKeys, LoginTokens
from gim.config import types
from gim.errors import BadRequest, Unauthorized

T = TypeVar("T")

MAX_NAME = 64  # characters, as in gim.wire.fields


def main(words: Sequence[str] | None = None, now: Callable[[], float] = time.time) -> int:
    """Run the tool; return its exit status."""
    given = _parser().parse_args(words)
    try:
        print(given.run(given, now))
    except (BadRequest, Unauthorized, _Refused) as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return 0


class _Refused(Exception):
    pass


def _failed(line: str) -> int:
    print(f"gim-token: {line}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gim-token", description="Make and check login tokens of gim.")
    commands = parser.add_subparsers(required=True, metavar="make | check | key")
    _add_make(commands.add_parser("make", help="make a token"))
    _add_check(commands.add_parser("check", help="check a token and print what it says"))
    _add_key(commands.add_parser("key", help="make a key"))
    return parser


def _add_make(make: argparse.ArgumentParser) -> None:
    _add_parties(make)
    make.add_argument("--key-file", help=f"secret (HMAC) or private key, PEM or JWK; or {VARIABLE}")
    make.add_argument("--sub", required=True, type=_user_id, help="id of the user")
    make.add_argument("--name", type=_user_name, help="name of the user")
    make.add_argument("--ttl", type=_duration, default="1h", help="for how long, 1h if left out")
    make.add_argument("--kid", help="name of the key, unless its file has it")
    make.add_argument("--algorithm", help="HS384 or HS512, if HS256 is not to be used")
    make.set_defaults(run=_make)


def _add_check(check: argparse.ArgumentParser) -> None:
    _add_parties(check)
    check.add_argument("token", nargs="?", default="-", help="standard input if left out, or -")
    keys = check.add_mutually_exclusive_group()
    keys.add_argument("--key-file", help=f"secret (HMAC); or in the environment, {VARIABLE}")
    keys.add_argument("--jwks-file", help="public keys, a JSON Web Key Set")
    check.set_defaults(run=_check)


def _add_key(key: argparse.ArgumentParser) -> None:
    key.add_argument("--type", choices=["HS", *NEW_KEYS], default="HS", help="HS (HMAC) if left out")
    key.add_argument("--key-file", required=True, help="new file for the secret or private key")
    key.add_argument("--jwks-file", help="file for the public key, which is added to those it has")
    key.add_argument("--kid", help="name of the key, made up if left out")
    key.set_defaults(run=_key)


def _add_parties(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audience", help="as gim's --auth-audience")
    parser.add_argument("--issuer", help="as gim's --auth-issuer")


def _duration(text: str) -> float:
    try:
        return types.duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _user_id(text: str) -> str:
    try:
        return ids.check_id(text, "sub")
    except BadRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _user_name(text: str) -> str:
    if len(text) > MAX_NAME:
        raise argparse.ArgumentTypeError(f"want {MAX_NAME} characters at most")
    return text


def _make(given: Any, now: Callable[[], float]) -> str:
    source, data = _key_data(given.key_file)
    key = _named(source, lambda: signing_key(data, given.kid))
    algorithm = given.algorithm or key.algorithms[0]
    if algorithm not in key.algorithms:
        raise _Refused(f"--algorithm: this key is for {', '.join(key.algorithms)}")
    begins = int(now())
    claims = {
        "sub": given.sub,
        "name": given.name,
        "iat": begins,
        "exp": begins + max(1, int(given.ttl)),
        "aud": given.audience,
        "iss": given.issuer,
    }
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, key.material, algorithm, {"kid": key.id} if key.id else None)


def _key_data(path: str | None) -> tuple[str, bytes]:
    """Return where a key comes from, as error messages name it, and what stands there."""
    if path is None:
        if VARIABLE not in os.environ:
            raise _Refused(f"--key-file: missing, and there is no {VARIABLE} in the environment")
        return VARIABLE, os.fsencode(os.environ[VARIABLE])
    with open(path, "rb") as file:
        return path, file.read()


def _named(source: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except BadKey as error:
        raise _Refused(f"{source}: {error}") from error


def _check(given: Any, now: Callable[[], float]) -> str:
    token = sys.stdin.read() if given.token == "-" else given.token
    tokens = LoginTokens(_keys(given), now, given.audience, given.issuer)
    claims = tokens.read(token.strip())
    ids.check_id(claims.sub, "sub")
    said = {name: value for name, value in msgspec.structs.asdict(claims).items() if value}
    whole = {name: int(said[name]) for name in ("exp", "nbf", "iat") if name in said}
    return json.dumps(said | whole, ensure_ascii=False, indent=2)


def _keys(given: Any) -> HoldsKeys:
    if given.jwks_file is not None:
        return _named(given.jwks_file, lambda: public_file(given.jwks_file))
    if given.key_file is not None:
        return _named(given.key_file, lambda: secret_file(given.key_file))
    source, data = _key_data(None)
    return _named(source, lambda: secret_variable(os.fsdecode(data)))


def _key(given: Any, now: Callable[[], float]) -> str:
    if given.type == "HS":
        if given.jwks_file is not None or given.kid is not None:
            raise _Refused("--type: the secret of HMAC has no --kid and stands in no --jwks-file")
        write_secret(given.key_file, new_secret())
        return f"made {given.key_file}: for gim --auth-key-file, and for those who make tokens"
    if given.jwks_file is None:
        raise _Refused("--jwks-file: missing, the file for the public key")
    private, public = new_pair(given.type, given.kid)
    public_set = _named(given.jwks_file, lambda: with_key(given.jwks_file, public))
    write_secret(given.key_file, json.dumps(private))
    replace_file(given.jwks_file, public_set)
    return (
        f"made {given.key_file}, kid {public['kid']}: for those who make tokens;"
        f" {given.jwks_file} is for gim --auth-jwks-file"
    )
