"""The tokens of the HTTP API."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any
from unittest.mock import patch

import jwt
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.auth import api_tokens
from gim.auth.api_tokens import LIFETIME, ApiTokens
from gim.auth.constants import AUDIENCE, OPEN_AUDIENCE
from gim.errors import Forbidden, Unauthorized, Unavailable
from gim.model import Ban, User
from tests.support.clocks import SettableWallClock

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ANN = User("ann", "Ann")


def part(value: Any) -> str:
    """Write one of the parts that dots divide in a token."""
    text = value if isinstance(value, str) else json.dumps(value)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


class TokenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.wall = SettableWallClock(self.clock.seconds)
        self.key = KEY
        self.bans: dict[str, Ban] = {}
        self.tokens = ApiTokens(self.fetch_key, self.wall, self.ban_of)

    def fetch_key(self) -> bytes:
        return self.key

    async def ban_of(self, user_id: str) -> Ban:
        return self.bans.get(user_id, Ban(0, 0))

    def issue(self, user: User = ANN) -> str:
        return self.successResultOf(Deferred.fromCoroutine(self.tokens.issue(user)))

    def read(self, token: str) -> User:
        return self.successResultOf(Deferred.fromCoroutine(self.tokens.read(token)))

    def assertRefused(self, token: str) -> None:
        reading = Deferred.fromCoroutine(self.tokens.read(token))
        refused = self.failureResultOf(reading, Unauthorized).value
        self.assertEqual(refused.code, 401)
        self.assertIn("log in again", str(refused))

    def forge(self, key: bytes | None = KEY, algorithm: str = "HS256", **changes: Any) -> str:
        """Return a token like one of the server's, but for the changes; None leaves a claim out."""
        now = int(self.clock.seconds())
        claims = {"sub": "ann", "name": "Ann", "aud": AUDIENCE, "iat": now, "exp": now + 60}
        kept = {name: value for name, value in (claims | changes).items() if value is not None}
        secret: Any = key or None
        return jwt.encode(kept, secret, algorithm)

    def test_a_ban_ends_the_tokens_from_before_it_and_all_while_it_lasts(self) -> None:
        old = self.issue()
        at_ms = int(self.clock.seconds() * 1000)
        self.bans["ann"] = Ban(at_ms, at_ms + 2000)
        self.clock.advance(1)
        for token in (old, self.issue()):
            reading = Deferred.fromCoroutine(self.tokens.read(token))
            self.assertIn("for 1 s", str(self.failureResultOf(reading, Forbidden).value))
        self.bans["ann"] = Ban(at_ms, 0)
        self.assertRefused(old)
        self.assertEqual(self.read(self.issue()), ANN)

    def test_a_token_names_the_user_that_it_was_issued_for(self) -> None:
        for user in (ANN, User("1001", "1001"), User("é😀", "a\n\0\u2028b"), User("x" * 64, "😀" * 64)):
            self.assertEqual(self.read(self.issue(user)), user)

    def test_a_signature_is_verified_once_and_all_else_at_each_use(self) -> None:
        token, wrong = self.issue(), self.forge(OTHER_KEY)
        self.read(token)
        with patch.object(jwt, "decode", self.fail):
            self.assertEqual(self.read(token), ANN)
            at_ms = int(self.clock.seconds() * 1000)
            self.bans["ann"] = Ban(at_ms, at_ms + 1000)
            self.failureResultOf(Deferred.fromCoroutine(self.tokens.read(token)), Forbidden)
            del self.bans["ann"]
            self.clock.advance(LIFETIME)
            self.assertRefused(token)
        for _ in range(2):
            self.assertRefused(wrong)

    def test_with_another_key_it_is_not_valid_until_the_key_is_back(self) -> None:
        token = self.issue()
        self.read(token)
        self.key = OTHER_KEY
        self.assertRefused(token)
        self.assertEqual(self.read(self.issue()), ANN)
        self.key = KEY
        self.assertEqual(self.read(token), ANN)

    def test_those_read_last_are_kept(self) -> None:
        self.patch(api_tokens, "MAX_VERIFIED", 2)
        first, second, third = (self.issue(User(name, name)) for name in ("ann", "bob", "1001"))
        for token in first, second, first, third:
            self.read(token)
        with patch.object(jwt, "decode", side_effect=jwt.InvalidTokenError):
            self.assertEqual((self.read(first).id, self.read(third).id), ("ann", "1001"))
            self.assertRefused(second)

    def test_a_token_fits_into_a_header_and_a_query(self) -> None:
        self.assertRegex(self.issue(User("é", "😀")), r"\A[A-Za-z0-9_.-]+\Z")

    def test_a_token_is_good_for_its_lifetime_and_no_longer(self) -> None:
        token = self.issue()
        self.clock.advance(LIFETIME - 1)
        self.assertEqual(self.read(token), ANN)
        self.clock.advance(1)
        self.assertRefused(token)

    def test_the_injected_clock_decides_whatever_the_time_is(self) -> None:
        self.clock.advance(-1_700_000_000)  # back to 1973
        token = self.issue()
        self.assertEqual(self.read(token), ANN)
        self.clock.advance(3_000_000_000)
        self.assertRefused(token)
        self.assertEqual(self.read(self.issue()), ANN)

    def test_a_new_key_makes_older_tokens_void(self) -> None:
        token = self.issue()
        self.key = OTHER_KEY
        self.assertRefused(token)
        self.assertEqual(self.read(self.issue()), ANN)

    def test_tokens_of_open_mode_are_void_once_logins_need_proof(self) -> None:
        """With Redis the key of the data set is the same before and after gim is given a key."""
        token = self.issue()
        self.tokens = ApiTokens(self.fetch_key, self.wall, self.ban_of, OPEN_AUDIENCE)
        self.assertRefused(token)
        token = self.issue()
        self.tokens = ApiTokens(self.fetch_key, self.wall, self.ban_of)
        self.assertRefused(token)

    def test_without_a_data_set_none_is_issued_or_read(self) -> None:
        def fetch() -> bytes:
            raise Unavailable("the storage does not answer")

        token, tokens = self.issue(), ApiTokens(fetch, self.wall, self.ban_of)
        self.failureResultOf(Deferred.fromCoroutine(tokens.issue(ANN)), Unavailable)
        self.failureResultOf(Deferred.fromCoroutine(tokens.read(token)), Unavailable)

    def test_a_token_that_was_forged_well_is_taken(self) -> None:
        self.assertEqual(self.read(self.forge()), ANN)  # so that those below fail for their one fault

    def test_a_token_signed_with_another_key_is_refused(self) -> None:
        self.assertRefused(self.forge(OTHER_KEY))

    def test_a_token_signed_another_way_or_not_at_all_is_refused(self) -> None:
        self.assertRefused(self.forge(KEY * 2, "HS512"))
        self.assertRefused(self.forge(KEY * 2, "HS384"))
        self.assertRefused(self.forge(b"", "none"))
        header, claims, _ = self.forge().split(".")
        self.assertRefused(f"{header}.{claims}.")

    def test_a_token_for_something_else_is_refused(self) -> None:
        for audience in ("gim", "", [], ["other"], None):
            self.assertRefused(self.forge(aud=audience))

    def test_a_token_that_does_not_say_who_or_until_when_is_refused(self) -> None:
        self.assertRefused(self.forge(sub=None))
        self.assertRefused(self.forge(exp=None))

    def test_a_token_with_one_character_changed_is_refused(self) -> None:
        token = self.issue()
        for at in range(0, len(token) - 1, 7):  # the very last character holds bits that say nothing
            changed = "A" if token[at] != "A" else "B"
            self.assertRefused(token[:at] + changed + token[at + 1 :])

    def test_a_token_of_two_or_four_parts_is_refused(self) -> None:
        token = self.issue()
        self.assertRefused(token.rpartition(".")[0])
        self.assertRefused(token + ".x")
        self.assertRefused("")

    def test_a_strange_header_is_refused(self) -> None:
        claims = self.issue().split(".")[1]
        headers: tuple[Any, ...]
        headers = ({}, [], 5, None, {"alg": None}, {"alg": ["HS256"]}, {"alg": {}}, {"alg": "hs256"})
        more = ({"kid": 5}, {"crit": 5}, {"crit": ["b64"], "b64": False}, {"crit": ["x"], "x": 1})
        for header in (*headers, *({"alg": "HS256"} | extra for extra in more)):
            self.assertRefused(f"{part(header)}.{claims}.{part('x')}")

    def test_deep_nesting_in_the_header_is_refused(self) -> None:
        for text in ("[" * 12_000, '{"a":' * 3000, '{"alg":' + "[" * 6000 + "]" * 6000 + "}"):
            self.assertRefused(f"{part(text)}.e30.x")

    @given(st.text() | st.text("eyJ.-_=", max_size=40))
    def test_any_other_text_is_refused(self, text: str) -> None:
        self.assertRefused(text)
