"""Keys that verify login tokens. The key determines the algorithms, never the token.

Minimum lengths of keys: RFC 7518, section 3.2 for HMAC and section 3.3 for RSA.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm
from msgspec import UNSET, Struct

from gim.auth.weak_keys import WEAK_SECRET, is_ed25519_point, is_weak_ed25519, is_weak_rsa, is_weak_secret

MIN_HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
MIN_RSA_BITS = 2048
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}


class BadKey(ValueError):
    """A key that can't be used; the text says what to do."""


class Key(NamedTuple):
    """A key, its id in tokens (``kid``, None for none), and the algorithms that it may be used with."""

    id: str | None
    algorithms: tuple[str, ...]
    material: Any  # bytes of HMAC, else a key object of `cryptography`


class Keys:
    """The keys in use. ``skipped`` says why other keys of the same file are not."""

    def __init__(self, keys: Iterable[Key], skipped: Iterable[str] = ()) -> None:
        """Raises `BadKey` unless the ids of the keys differ."""
        self.all = tuple(keys)
        self.skipped = tuple(skipped)
        self._by_id = {key.id: key for key in self.all}
        if len(self._by_id) < len(self.all) or (None in self._by_id and len(self.all) > 1):
            raise BadKey("each of several keys must have a kid of its own")

    def choose(self, key_id: str | None) -> Key | None:
        """Return the key with this id. A single key needs no id, neither in its file nor in tokens."""
        only = self.all[0] if len(self.all) == 1 else None
        if only is not None and (key_id is None or only.id is None):
            return only
        return self._by_id.get(key_id)


def secret_key(data: bytes) -> Key:
    """Read an HMAC secret: *data* without the white space around it. Raises `BadKey`."""
    secret = data.strip()
    if len(secret) < min(MIN_HMAC_BYTES.values()):
        raise BadKey(
            f"{len(secret)} bytes are too short for a secret: write 32 or more, 64 for HS512,"
            " as gim-token key does"
        )
    if is_weak_secret(secret):
        raise BadKey(WEAK_SECRET)
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except jwt.InvalidKeyError as error:
        raise BadKey("this is another kind of key, not an HMAC secret: see --auth-jwks-file") from error
    return Key(
        None, tuple(name for name, least in MIN_HMAC_BYTES.items() if len(secret) >= least), secret
    )


class _Set(Struct):
    keys: list[dict[str, Any]]


class _Jwk(Struct):
    """The members of a key that decide whether gim can use it (RFC 7517, section 4)."""

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

    Skips keys that are not for RS256, ES256 or EdDSA signatures, as sets may hold such keys.
    """
    keys, skipped = [], []
    for at, item in enumerate(_items(data), 1):
        try:
            keys.append(_public_key(item))
        except _Unusable as reason:
            skipped.append(f"key {at}: {reason}")
    if not keys:
        raise BadKey("; ".join(["it has no public key for RS256, ES256 or EdDSA", *skipped]))
    return Keys(keys, skipped)


def _items(data: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(data, type=_Set).keys
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadKey('not a valid JSON Web Key Set: write {"keys":[…]}, as gim-token key does') from error


def _public_key(item: dict[str, Any]) -> Key:
    try:
        jwk = msgspec.convert(item, _Jwk)
    except msgspec.ValidationError as error:
        raise _Unusable("it is not a valid JSON Web Key") from error
    if jwk.d is not UNSET or jwk.k is not UNSET:
        raise BadKey("it holds a private or secret key: leave only public keys in it")
    algorithm = algorithm_of(jwk.kty, jwk.crv)
    if algorithm is None or jwk.alg not in (None, algorithm):
        raise _Unusable("its kty, crv and alg do not fit RS256, ES256 (P-256) or EdDSA (Ed25519)")
    if jwk.use != "sig" or "verify" not in (jwk.key_ops or ["verify"]):
        raise _Unusable("it is not for signatures")
    return Key(jwk.kid, (algorithm,), _material(item, algorithm))


def algorithm_of(kind: str, curve: str | None) -> str | None:
    """Return the algorithm for a key's ``kty`` and ``crv``, None if gim does not use such keys."""
    return ALGORITHMS.get((kind, None if kind == "RSA" else curve))


def _material(item: dict[str, Any], algorithm: str) -> Any:
    try:
        material = jwt.PyJWK(item, algorithm).key
    except Exception as error:  # bad numbers, points off the curve: each raises another one
        raise _Unusable("its numbers do not make a valid key") from error
    if algorithm == "RS256" and material.key_size < MIN_RSA_BITS:
        raise _Unusable(f"RSA of {material.key_size} bits is too weak: {MIN_RSA_BITS} at least")
    if _is_weak(material, algorithm):
        raise _Unusable("it is weak: anyone can make signatures for it")
    if algorithm == "EdDSA" and not is_ed25519_point(material.public_bytes_raw()):
        raise _Unusable("its numbers do not make a valid key")
    return material


def _is_weak(material: Any, algorithm: str) -> bool:
    if algorithm == "RS256":
        return is_weak_rsa(material.public_numbers().n)
    return algorithm == "EdDSA" and is_weak_ed25519(material.public_bytes_raw())
