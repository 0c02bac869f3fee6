"""Keys of the right type and length that anyone can guess or compute."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.auth.from_settings import admin_key
from gim.auth.keys import BadKey, public_keys, secret_key
from gim.auth.settings import AuthSettings
from gim.auth.weak_keys import is_weak_ed25519
from gim.startup import InvalidSetting
from gim.webhooks import from_settings as webhooks
from gim.webhooks.settings import WebhookSettings
from tests.support.key_material import SECRET, key_set, pair

WEAK = b"\0" * 64, b"\xff" * 32, b"k" * 64, b"ab" * 20, b"12345" * 20

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    """Add two points of Ed25519, as RFC 8032, section 5.1.4, has it."""
    (x1, y1), (x2, y2) = one, other
    mixed = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + mixed, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - mixed, -1, P)
    return x % P, y % P


def points_of(y: int) -> list[Point]:
    """Return the points with this y coordinate."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    roots = {root, root * pow(2, (P - 1) // 4, P) % P}
    return [(x, y) for root in roots for x in {root, -root % P} if (x * x - square) % P == 0]


def has_small_order(point: Point) -> bool:
    for _ in range(3):
        point = add(point, point)
    return point == (0, 1)


def encoded(number: int) -> str:
    size = max(1, (number.bit_length() + 7) // 8)
    return urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


class SecretTests(SynchronousTestCase):
    def test_a_secret_of_few_different_bytes_is_refused(self) -> None:
        for secret in WEAK:
            self.assertIn("different bytes", str(self.assertRaises(BadKey, secret_key, secret)))
        secret_key(SECRET.encode())

    def test_so_is_the_key_of_the_administrator(self) -> None:
        names = "auth_key_file", "auth_jwks_file", "auth_audience", "auth_issuer", "admin_key_file", "key"
        for key in "k" * 16, "ab" * 20:
            settings = AuthSettings(**dict.fromkeys(names), admin_key=key)
            self.assertIn("different", str(self.assertRaises(InvalidSetting, admin_key, settings)))

    def test_so_is_the_secret_of_webhooks(self) -> None:
        settings = WebhookSettings(
            url="http://x/", events=frozenset(), grace=0.0, secret_file=None, secret="k" * 32
        )
        self.assertIn("different", str(self.assertRaises(InvalidSetting, webhooks.secret_of, settings)))


class PublicKeyTests(SynchronousTestCase):
    def assertWeak(self, jwk: dict[str, Any]) -> None:
        self.assertIn(
            "anyone can make signatures", str(self.assertRaises(BadKey, public_keys, key_set(jwk)))
        )

    def test_points_of_small_order_are_refused_in_all_their_encodings(self) -> None:
        orders = [0, 1, P - 1, 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826]
        orders.append(P - orders[-1])
        points = {point for y in orders for point in points_of(y)}
        self.assertEqual(len(points), 8)
        self.assertTrue(all(map(has_small_order, points)))
        for y in {y + more for y in orders for more in (0, P) if y + more < 2**255}:
            for sign in 0, 1 << 255:
                key = (y | sign).to_bytes(32, "little")
                self.assertTrue(is_weak_ed25519(key))
        for y in 0, 1, P - 1:
            x = urlsafe_b64encode(y.to_bytes(32, "little")).decode().rstrip("=")
            self.assertWeak({"kty": "OKP", "crv": "Ed25519", "x": x})

    def test_a_modulus_with_a_small_factor_is_refused(self) -> None:
        for modulus in (1 << 2048) - 1, (1 << 2047) + 2, 997 * ((1 << 2047) + 9):
            self.assertWeak({"kty": "RSA", "n": encoded(modulus), "e": "AQAB"})

    def test_a_modulus_that_anyone_can_factor_is_refused(self) -> None:
        prime, square = (1 << 2203) - 1, ((1 << 1279) - 1) ** 2
        close = ((1 << 1024) - 105) * ((1 << 1024) + 643)
        for modulus in prime, square, close:
            self.assertWeak({"kty": "RSA", "n": encoded(modulus), "e": "AQAB"})

    def test_a_key_that_is_not_a_point_is_refused(self) -> None:
        for y in 2, P + 3, (1 << 255) - 1:
            x = urlsafe_b64encode(y.to_bytes(32, "little")).decode().rstrip("=")
            refused = self.assertRaises(
                BadKey, public_keys, key_set({"kty": "OKP", "crv": "Ed25519", "x": x})
            )
            self.assertIn("do not make a valid key", str(refused))

    def test_good_keys_are_not(self) -> None:
        for algorithm in "RS256", "ES256", "EdDSA":
            self.assertEqual(len(public_keys(key_set(pair(algorithm)[1])).all), 1)
