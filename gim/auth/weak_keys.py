"""Keys that anyone can guess or compute, although their type and length are right."""

from __future__ import annotations

from functools import cache
from math import gcd, prod
from typing import Final

MIN_DISTINCT_BYTES: Final = 6  # of a secret; a random one of 16 decimal digits has fewer once in 40 keys

WEAK_SECRET: Final = (
    f"fewer than {MIN_DISTINCT_BYTES} different bytes are not a secret: write random ones, as"
    " openssl rand -hex 32 does"
)

_ED25519_PRIME = 2**255 - 19
# Points whose order divides 8: for such a key, a signature can be made without any secret. These are
# their y coordinates; the ones of order 8 are in ge25519_has_small_order of libsodium.
_ED25519_ORDER_8_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_ED25519_SMALL_ORDER_Y = frozenset(
    {0, 1, _ED25519_PRIME - 1, _ED25519_ORDER_8_Y, _ED25519_PRIME - _ED25519_ORDER_8_Y}
)


def is_weak_secret(secret: bytes) -> bool:
    """Say whether a secret consists of so few different bytes that nothing random can have made it."""
    return len(set(secret)) < MIN_DISTINCT_BYTES


def is_weak_ed25519(public: bytes) -> bool:
    """Say whether the 32 bytes of a public key are a point of small order (RFC 8032, section 5.1.2)."""
    y = int.from_bytes(public, "little") & (2**255 - 1)
    return y % _ED25519_PRIME in _ED25519_SMALL_ORDER_Y


def is_weak_rsa(modulus: int) -> bool:
    """Say whether a modulus has a small prime factor."""
    return gcd(modulus, _small_primes()) > 1


@cache
def _small_primes() -> int:
    """Return the product of all primes below 1000."""
    return prod(n for n in range(2, 1000) if all(n % divisor for divisor in range(2, int(n**0.5) + 1)))
