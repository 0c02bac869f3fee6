"""Keys that anyone can guess or compute, although their type and length are right."""

from __future__ import annotations

from functools import cache
from math import gcd, isqrt, prod
from typing import Final

MIN_DISTINCT_BYTES: Final = 6  # of a secret; a random one of 16 decimal digits has fewer once in 40 keys

MAX_PRIME_BITS: Final = 4096
FERMAT_ROUNDS: Final = 100  # find the factors that were found in the field: CVE-2022-26320

WEAK_SECRET: Final = (
    f"fewer than {MIN_DISTINCT_BYTES} different bytes are not a secret: write random ones, as"
    " openssl rand -hex 32 does"
)

_ED25519_PRIME = 2**255 - 19
_ED25519_D = -121665 * pow(121666, -1, _ED25519_PRIME)  # RFC 8032, section 5.1
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


def is_ed25519_point(public: bytes) -> bool:
    """Say whether the 32 bytes of a public key are a point in its one encoding (RFC 8032, section 5.1.3).

    No signature fits one that is not.
    """
    prime, y = _ED25519_PRIME, int.from_bytes(public, "little") & (2**255 - 1)
    x_squared = (y * y - 1) * pow(_ED25519_D * y * y + 1, -1, prime)
    return y < prime and pow(x_squared, (prime - 1) // 2, prime) in (0, 1)


def is_weak_rsa(modulus: int) -> bool:
    """Say whether anyone can factor a modulus: it has a small factor, is a prime itself, or is the
    product of two primes that are close to each other.

    Takes 20 ms for 2,048 bits. Above `MAX_PRIME_BITS` it does not see a prime, which would take seconds.
    """
    if gcd(modulus, _small_primes()) > 1 or _has_close_factors(modulus):
        return True
    return modulus.bit_length() <= MAX_PRIME_BITS and pow(2, modulus - 1, modulus) == 1


def _has_close_factors(modulus: int) -> bool:
    """Search for factors around the square root, as Fermat did: the modulus is a² - b² then."""
    start = isqrt(modulus - 1) + 1
    squares = (a * a - modulus for a in range(start, start + FERMAT_ROUNDS))
    return any(isqrt(square) ** 2 == square for square in squares)


@cache
def _small_primes() -> int:
    """Return the product of all primes below 1000."""
    return prod(n for n in range(2, 1000) if all(n % divisor for divisor in range(2, int(n**0.5) + 1)))
