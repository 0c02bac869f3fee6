"""Keys that sign login tokens, for ``gim-token``: the server has no private keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from secrets import token_hex, token_urlsafe
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gim.auth.keys import MIN_RSA_BITS, BadKey, Key, algorithm_of, secret_key

_WRITERS: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
NEW_KEYS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: new_rsa(public_exponent=65537, key_size=3072),  # NIST SP 800-57, part 1: 128 bits
    "ES256": lambda: new_ec(SECP256R1()),
    "EdDSA": Ed25519PrivateKey.generate,
}


def signing_key(data: bytes, key_id: str | None = None) -> Key:
    """Read a private key, in PEM or as a JSON Web Key, or an HMAC secret. Raises `BadKey`.

    *key_id* is the ``kid`` of its tokens, in place of that in a JSON Web Key.
    """
    if data.lstrip().startswith(b"{"):
        key = _from_jwk(data)
    elif b"-----BEGIN" in data:
        key = _from_pem(data)
    else:
        key = secret_key(data)
    return key if key_id is None else key._replace(id=key_id)


def _from_jwk(data: bytes) -> Key:
    try:
        jwk = json.loads(data)
        algorithm = algorithm_of(str(jwk.get("kty")), jwk.get("crv"))
        if algorithm is None or "d" not in jwk:
            raise BadKey("it is not a private JSON Web Key for RS256, ES256 or EdDSA")
        key_id = None if jwk.get("kid") is None else str(jwk["kid"])
        return Key(key_id, (algorithm,), jwt.PyJWK(jwk, algorithm).key)
    except (LookupError, TypeError, ValueError, RecursionError, jwt.PyJWTError) as error:
        raise error if isinstance(error, BadKey) else BadKey("it is not a valid JSON Web Key") from error


def _from_pem(data: bytes) -> Key:
    try:
        private = load_pem_private_key(data, None)
    except (TypeError, ValueError) as error:
        raise BadKey("it is not a private key in PEM without a password") from error
    match private:
        case RSAPrivateKey() if private.key_size >= MIN_RSA_BITS:
            return Key(None, ("RS256",), private)
        case EllipticCurvePrivateKey(curve=SECP256R1()):
            return Key(None, ("ES256",), private)
        case Ed25519PrivateKey():
            return Key(None, ("EdDSA",), private)
    raise BadKey(f"it is not an RSA key of {MIN_RSA_BITS} bits or more, nor one of P-256 or Ed25519")


def new_secret() -> str:
    """Make a secret of 64 characters, enough for HS512."""
    return token_urlsafe(48)


def new_pair(algorithm: str, key_id: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a private key and its public key, as JSON Web Keys with the same ``kid``."""
    private = NEW_KEYS[algorithm]()
    common = {"kid": key_id or token_hex(8), "alg": algorithm, "use": "sig"}
    writer = _WRITERS[algorithm]
    halves = [writer.to_jwk(key, as_dict=True) for key in (private, private.public_key())]
    for half in halves:
        half.pop("key_ops", None)  # "use" says it already
    return {**common, **halves[0]}, {**common, **halves[1]}
