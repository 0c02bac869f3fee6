"""``gim-token``: makes login tokens and their keys, and checks tokens.

The exit status is 0 for success, 1 for an invalid token or an unusable file, 2 for invalid arguments.
``check`` reads the token from standard input unless it is an argument, which the history of the shell
and the list of processes show.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jwt
import msgspec

from gim import ids, units
from gim.auth.cli.files import replace_file, with_key, write_secret
from gim.auth.cli.signing import NEW_KEYS, new_pair, new_secret, signing_key
from gim.auth.constants import KEY_VARIABLE as VARIABLE
from gim.auth.keyring import public_file, secret_file, secret_variable
from gim.auth.keys import BadKey
from gim.auth.login_tokens import KeySource, LoginTokens
from gim.concurrency.clocks import WallClock
from gim.errors import BadRequest, Unauthorized

T = TypeVar("T")
_WALL = WallClock()

MAX_NAME = 64  # characters, as in gim.wire.fields


def main(argv: Sequence[str] | None = None, wall: WallClock = _WALL) -> int:
    """Run the tool; return its exit status."""
    parser = argparse.ArgumentParser(prog="gim-token", description="Make and check login tokens of gim.")
    add_commands(parser)
    return run(parser.parse_args(argv), "gim-token", wall)


def run(arguments: argparse.Namespace, program: str, wall: WallClock) -> int:
    """Run the command that was parsed; return its exit status. Errors begin with the *program*."""
    try:
        print(arguments.run(arguments, wall))
    except (BadRequest, Unauthorized, _UsageError) as error:
        return _failed(program, str(error))
    except OSError as error:
        return _failed(program, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return 0


class _UsageError(Exception):
    pass


def _failed(program: str, line: str) -> int:
    print(f"{program}: {line}", file=sys.stderr)
    return 1


def add_commands(parser: argparse.ArgumentParser, *, takes_token: bool = True) -> None:
    """Declare the commands; with *takes_token* ``check`` takes the token as an argument, too."""
    commands = parser.add_subparsers(required=True, metavar="make | check | key")
    for name, line, add in (
        ("make", "make a token", _add_make),
        ("check", "check a token and print what it says", _add_check),
        ("key", "make a key", _add_key),
    ):
        add(commands.add_parser(name, help=line, description=f"{line.capitalize()}."))
    if takes_token:
        commands.choices["check"].add_argument(
            "token", nargs="?", help="the token; read from standard input if left out or -"
        )


def _add_make(make: argparse.ArgumentParser) -> None:
    _add_parties(make)
    make.add_argument(
        "--key-file", help=f"file with the secret (HMAC) or private key (PEM or JWK); or {VARIABLE}"
    )
    make.add_argument("--sub", required=True, type=_user_id, help="id of the user")
    make.add_argument("--name", type=_user_name, help="name of the user")
    make.add_argument(
        "--ttl", type=_duration, default="1h", help="how long the token is valid, 1h if left out"
    )
    make.add_argument("--kid", help="id of the key, if its file has none")
    make.add_argument("--algorithm", help="HS384 or HS512 instead of HS256")
    make.set_defaults(run=_make)


def _add_check(check: argparse.ArgumentParser) -> None:
    _add_parties(check)
    keys = check.add_mutually_exclusive_group()
    keys.add_argument("--key-file", help=f"file with the secret (HMAC); or {VARIABLE}")
    keys.add_argument("--jwks-file", help="file with the public keys, a JSON Web Key Set")
    check.set_defaults(run=_check, token="-")


def _add_key(key: argparse.ArgumentParser) -> None:
    key.add_argument(
        "--type", choices=["HS", *NEW_KEYS], default="HS", help="HS if left out: a secret (HMAC)"
    )
    key.add_argument("--key-file", required=True, help="new file for the secret or private key")
    key.add_argument("--jwks-file", help="file that the public key is added to")
    key.add_argument("--kid", help="id of the key, generated if left out")
    key.set_defaults(run=_key)


def _add_parties(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audience", help="the claim aud, as in gim's --auth-audience")
    parser.add_argument("--issuer", help="the claim iss, as in gim's --auth-issuer")


def _duration(text: str) -> float:
    try:
        return units.duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _user_id(text: str) -> str:
    try:
        return ids.check_id(text, "sub")
    except BadRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _user_name(text: str) -> str:
    if len(text) > MAX_NAME:
        raise argparse.ArgumentTypeError(f"write {MAX_NAME} characters at most")
    return text


def _make(arguments: Any, wall: WallClock) -> str:
    source, data = _key_data(arguments.key_file)
    key = _read_from(source, lambda: signing_key(data, arguments.kid))
    algorithm = arguments.algorithm or key.algorithms[0]
    if algorithm not in key.algorithms:
        raise _UsageError(f"--algorithm: this key is for {', '.join(key.algorithms)}")
    issued = wall.now_ms() // 1000
    claims = {
        "sub": arguments.sub,
        "name": arguments.name,
        "iat": issued,
        "exp": issued + max(1, int(arguments.ttl)),
        "aud": arguments.audience,
        "iss": arguments.issuer,
    }
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(present, key.material, algorithm, {"kid": key.id} if key.id else None)


def _key_data(path: str | None) -> tuple[str, bytes]:
    """Return the source of a key, as error messages name it, and its content."""
    if path is None:
        if VARIABLE not in os.environ:
            raise _UsageError(f"--key-file: missing: name a file, or set {VARIABLE} in the environment")
        return VARIABLE, os.fsencode(os.environ[VARIABLE])
    with open(path, "rb") as file:
        return path, file.read()


def _read_from(source: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except BadKey as error:
        raise _UsageError(f"{source}: {error}") from error


def _check(arguments: Any, wall: WallClock) -> str:
    token = sys.stdin.read() if arguments.token == "-" else arguments.token
    tokens = LoginTokens(_keys(arguments), wall, arguments.audience, arguments.issuer)
    claims = tokens.read(token.strip())
    ids.check_id(claims.sub, "sub")
    present = {name: value for name, value in msgspec.structs.asdict(claims).items() if value}
    whole = {name: int(present[name]) for name in ("exp", "nbf", "iat") if name in present}
    return json.dumps(present | whole, ensure_ascii=False, indent=2)


def _keys(arguments: Any) -> KeySource:
    if arguments.jwks_file is not None:
        return _read_from(arguments.jwks_file, lambda: public_file(arguments.jwks_file))
    if arguments.key_file is not None:
        return _read_from(arguments.key_file, lambda: secret_file(arguments.key_file))
    source, data = _key_data(None)
    return _read_from(source, lambda: secret_variable(os.fsdecode(data)))


def _key(arguments: Any, wall: WallClock) -> str:
    if arguments.type == "HS":
        if arguments.jwks_file is not None or arguments.kid is not None:
            raise _UsageError(
                "--type: an HMAC secret takes neither --kid nor --jwks-file: leave them out"
            )
        write_secret(arguments.key_file, new_secret())
        return (
            f"made {arguments.key_file}: a secret that gim and your backend share, for login tokens or"
            " for webhooks"
        )
    if arguments.jwks_file is None:
        raise _UsageError("--jwks-file: missing: name a file for the public key")
    private, public = new_pair(arguments.type, arguments.kid)
    public_set = _read_from(arguments.jwks_file, lambda: with_key(arguments.jwks_file, public))
    write_secret(arguments.key_file, json.dumps(private))
    replace_file(arguments.jwks_file, public_set)
    return (
        f"made {arguments.key_file}, kid {public['kid']}: the private key, which makes tokens;"
        f" its public key is in {arguments.jwks_file}, for gim --auth-jwks-file"
    )
