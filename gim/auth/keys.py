"""Keys that verify login tokens. Each key says which algorithms it is for; a token never does.

The shortest HMAC keys are those of RFC 7518, section 3.2, the shortest RSA key that of section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm
from msgspec import UNSET, Struct

HMAC_LENGTHS = {"HS256": 32, "HS384": 48, "HS512": 64}  # bytes, at least
RSA_LENGTH = 2048  # bits, at least
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}


class BadKey(ValueError):
    """A key that can't be used; the text says what to do."""


class Key(NamedTuple):
    """A key, its name in tokens (``kid``, None for none), and all that it may have signed with."""

    id: str | None
    algorithms: tuple[str, ...]
    material: Any  # bytes of HMAC, else a key object of `cryptography`


class Keys:
    """The keys in use. ``skipped`` says of the others in their file why they are not."""

    def __init__(self, keys: Iterable[Key], skipped: Iterable[str] = ()) -> None:
        """Raises `BadKey` unless the keys can be told from each other."""
        self.all = tuple(keys)
        self.skipped = tuple(skipped)
        self._by_id = {key.id: key for key in self.all}
        if len(self._by_id) < len(self.all) or (None in self._by_id and len(self.all) > 1):
            raise BadKey("each of several keys must have a kid of its own")

    def choose(self, key_id: str | None) -> Key | None:
        """Return the key of that name. An only key needs no name, neither in its file nor in tokens."""
        only = self.all[0] if len(self.all) == 1 else None
        if only is not None and (key_id is None or only.id is None):
            return only
        return self._by_id.get(key_id)


def secret_key(data: bytes) -> Key:
    """Read the secret of HMAC: all of *data* but the white space around it. Raises `BadKey`."""
    secret = data.strip()
    if len(secret) < min(HMAC_LENGTHS.values()):
        raise BadKey(
            f"{len(secret)} bytes are too short for a secret: write 32 or more, 64 for HS512,"
            " as gim-token key does"
        )
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError as error:
        raise BadKey("this is no secret but another sort of key: see --auth-jwks-file") from error
    return Key(None, tuple(name for name, least in HMAC_LENGTHS.items() if len(secret) >= least), secret)


class _Set(Struct):
    keys: list[dict[str, Any]]


class _Jwk(Struct):
    """What decides whether a key is for us (RFC 7517, section 4)."""

    kty: str
    kid: str | None = None
    use: str = "sig"
    alg: str | None = None
    crv: str | None = None
    key_ops: list[str] | None = None
    d: Any = UNSET  # of private keys
    k: Any = UNSET  # of secrets


class _Unusable(Exception):
    pass


def public_keys(data: bytes) -> Keys:
    """Read a JSON Web Key Set (RFC 7517, section 5). Raises `BadKey`.

    Keys that are not for RS256, ES256 or EdDSA signatures are skipped, as sets hold others as well.
    """
    keys, skipped = [], []
    for at, item in enumerate(_items(data), 1):
        try:
            keys.append(_public_key(item))
        except _Unusable as reason:
            skipped.append(f"key {at}: {reason}")
    if not keys:
        raise BadKey("; ".join(["it holds no public key for RS256, ES256 or EdDSA", *skipped]))
    return Keys(keys, skipped)


def _items(data: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(data, type=_Set).keys
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadKey('it is no JSON Web Key Set: write {"keys":[…]}, as gim-token key does') from error


def _public_key(item: dict[str, Any]) -> Key:
    try:
        jwk = msgspec.convert(item, _Jwk)
    except msgspec.ValidationError as error:
        raise _Unusable("it is no JSON Web Key") from error
    if jwk.d is not UNSET or jwk.k is not UNSET:
        raise BadKey("it holds a private or secret key: gim needs the public ones, keep the others away")
    algorithm = algorithm_of(jwk.kty, jwk.crv)
    if algorithm is None or jwk.alg not in (None, algorithm):
        raise _Unusable("its kty, crv and alg are not those of RS256, ES256 (P-256) or EdDSA (Ed25519)")
    if jwk.use != "sig" or "verify" not in (jwk.key_ops or ["verify"]):
        raise _Unusable("it is not for signatures")
    return Key(jwk.kid, (algorithm,), _material(item, algorithm))


def algorithm_of(kind: str, curve: str | None) -> str | None:
    """Return the one algorithm of a type of keys, None for a type that is not used."""
    return ALGORITHMS.get((kind, None if kind == "RSA" else curve))


def _material(item: dict[str, Any], algorithm: str) -> Any:
    try:
        material = jwt.PyJWK(item, algorithm).key
    except Exception as error:  # numbers of any size, points beside the curve: each has errors of its own
        raise _Unusable("its numbers are not those of a key") from error
    if algorithm == "RS256" and material.key_size < RSA_LENGTH:
        raise _Unusable(f"RSA of {material.key_size} bits is too weak: {RSA_LENGTH} at least")
    return material
