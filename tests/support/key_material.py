"""Keys and tokens to try gim with: each key is made once, as RSA takes its time."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gim.auth.cli.signing import new_pair, signing_key
from gim.auth.keys import Key
from tests.support.world import START

SECRET = "a secret of 64 bytes: " + "0123456789" * 4 + "ab"
OTHER_SECRET = "other " + SECRET[6:]
Jwk = dict[str, Any]


def pair(algorithm: str, key_id: str = "") -> tuple[Jwk, Jwk]:
    """Return a private key and its public one."""
    return _pair(algorithm, key_id or algorithm.lower())


_pair = cache(new_pair)


@cache
def private_key(algorithm: str, key_id: str = "") -> Key:
    return signing_key(json.dumps(pair(algorithm, key_id)[0]).encode())


def key_set(*jwks: Jwk) -> bytes:
    return json.dumps({"keys": jwks}).encode()


def public_set(*algorithms: str) -> bytes:
    return key_set(*(pair(algorithm)[1] for algorithm in algorithms))


def public_pem(algorithm: str) -> bytes:
    """Return the text that everybody can get of a key."""
    public = private_key(algorithm).material.public_key()
    pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a token of ann's that is valid for an hour, but for the changes; None leaves
    one out."""
    all_of_them = {"sub": "ann", "exp": int(START) + 3600} | changes
    return {name: value for name, value in all_of_them.items() if value is not None}


def secret_token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm)


def public_token(algorithm: str, key_id: str | None = "", **changes: Any) -> str:
    """Return a token signed with the private key; *key_id* None leaves the kid out."""
    header = {"kid": key_id or algorithm.lower()} if key_id is not None else None
    return jwt.encode(claims(**changes), private_key(algorithm).material, algorithm, header)


def assembled(header: Any, payload: Any, signature: bytes = b"x") -> str:
    """Put a token together of anything."""
    parts = [json.dumps(part).encode() for part in (header, payload)]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, signature))
