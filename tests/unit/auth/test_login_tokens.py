import hmac
import json
import warnings
from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.auth.keys import Key, Keys, public_keys, secret_key
from gim.auth.login_tokens import LEEWAY, MAX_TIME, MAX_TOKEN, LoginTokens
from gim.errors import Unauthorized
from tests.support.clocks import SettableWallClock
from tests.support.key_material import (
    OTHER_SECRET,
    SECRET,
    assembled,
    claims,
    key_set,
    pair,
    private_key,
    public_pem,
    public_set,
    public_token,
    secret_token,
)
from tests.support.world import START

SECRETS = Keys([secret_key(SECRET.encode())])


class LoginTokenTestCase(SynchronousTestCase):
    keys = SECRETS
    audience: str | None = None
    issuer: str | None = None

    def setUp(self) -> None:
        self.now = START
        self.tokens = LoginTokens(self, SettableWallClock(lambda: self.now), self.audience, self.issuer)

    def refusal(self, token: str) -> str:
        error = self.assertRaises(Unauthorized, self.tokens.read, token)
        self.assertTrue(str(error).startswith("token: "), error)
        return str(error)


class ClaimTests(LoginTokenTestCase):
    def test_a_token_says_who_and_until_when(self) -> None:
        read = self.tokens.read(secret_token(name="Ann", scope="more", iat=START, nbf=START))
        self.assertEqual((read.sub, read.name, read.exp), ("ann", "Ann", START + 3600))
        self.assertIsNone(self.tokens.read(secret_token()).name)

    def test_it_is_good_until_its_expiry_and_no_longer(self) -> None:
        token = secret_token()
        self.now = START + 3599.9
        self.tokens.read(token)
        self.now = START + 3600
        self.assertIn("has expired", self.refusal(token))

    def test_an_issuer_whose_clock_is_a_little_ahead_is_borne(self) -> None:
        for name in "nbf", "iat":
            self.tokens.read(secret_token(**{name: START + LEEWAY}))  # type: ignore[arg-type]
            self.assertIn("not valid yet", self.refusal(secret_token(**{name: START + LEEWAY + 1})))  # type: ignore[arg-type]

    def test_who_and_until_when_are_required(self) -> None:
        self.assertIn("sub: missing", self.refusal(secret_token(sub=None)))
        self.assertIn("exp: missing", self.refusal(secret_token(exp=None)))

    def test_claims_of_a_wrong_type_are_refused_by_their_name(self) -> None:
        for name, value in (
            ("sub", 5),
            ("exp", "soon"),
            ("exp", True),
            ("exp", [1]),
            ("name", 5),
            ("name", "x" * 65),
            ("nbf", "now"),
            ("iat", {}),
            ("aud", 5),
            ("iss", ["me"]),
        ):
            self.assertIn(f"{name}: ", self.refusal(signed(json.dumps(claims(**{name: value})))), name)

    def test_times_that_are_none_are_refused(self) -> None:
        for text in "NaN", "Infinity", "-Infinity", "1e400", "9" * 400, "-1", "0", "0x7fffffff", "1_000":
            self.refusal(signed('{"sub":"ann","exp":' + text + "}"))

    def test_times_in_milliseconds_are_refused_for_that(self) -> None:
        for name in "exp", "nbf", "iat":
            changes: dict[str, Any] = {name: 1000 * (START + 3600)}
            refused = self.refusal(secret_token(**changes))
            self.assertIn("not in milliseconds", refused)
        self.tokens.read(secret_token(exp=MAX_TIME - 1))

    def test_a_payload_that_is_no_object_is_refused(self) -> None:
        for text in (
            "[]",
            "null",
            "5",
            "",
            "x",
            "[" * 3000,
            '{"sub":"ann","x":' + '{"x":' * 1200 + "1" + "}" * 1201,
        ):
            self.refusal(signed(text))

    def test_a_token_that_is_too_long_is_refused(self) -> None:
        self.assertIn(str(MAX_TOKEN), self.refusal(secret_token(x="x" * MAX_TOKEN)))

    def test_without_an_audience_here_a_token_for_one_is_refused(self) -> None:
        self.assertIn("aud: ", self.refusal(secret_token(aud="another")))
        self.assertIn("aud: ", self.refusal(secret_token(aud=[])))
        self.tokens.read(secret_token(iss="any"))


class PartyTests(LoginTokenTestCase):
    audience, issuer = "chat", "https://id.example.com"

    def test_audience_and_issuer_must_be_the_ones_that_are_set(self) -> None:
        for audience in "chat", ["other", "chat"]:
            self.tokens.read(secret_token(aud=audience, iss=self.issuer))
        for audience in None, "Chat", "chat2", "cha", [], ["other"]:  # type: ignore[assignment]
            self.assertIn("aud: ", self.refusal(secret_token(aud=audience, iss=self.issuer)))
        for issuer in None, "", "https://id.example.com/", "HTTPS://id.example.com":
            self.assertIn("iss: ", self.refusal(secret_token(aud="chat", iss=issuer)))


class SecretTests(LoginTokenTestCase):
    def test_every_algorithm_that_the_secret_is_long_enough_for_is_taken(self) -> None:
        for algorithm in "HS256", "HS384", "HS512":
            self.tokens.read(secret_token(algorithm=algorithm))

    def test_one_that_it_is_too_short_for_is_refused(self) -> None:
        self.keys = Keys([secret_key(SECRET.encode()[:32])])
        self.tokens.read(secret_token(SECRET[:32]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyJWT warns of such tokens
            for algorithm in "HS384", "HS512":
                self.assertIn("not signed", self.refusal(secret_token(SECRET[:32], algorithm)))

    def test_another_secret_is_refused(self) -> None:
        self.assertIn("not signed", self.refusal(secret_token(OTHER_SECRET)))

    def test_a_token_without_a_signature_is_refused(self) -> None:
        for algorithm in "none", "None", "NONE", "", None, ["HS256"], {}, 5:
            for signature in b"", b"x":
                self.refusal(assembled({"alg": algorithm}, claims(), signature))
        header, payload, _ = secret_token().split(".")
        for token in f"{header}.{payload}.", f"{header}.{payload}", f"{header}..", "..":
            self.refusal(token)

    def test_a_change_anywhere_is_found(self) -> None:
        token = secret_token()
        for at in range(0, len(token) - 1, 5):  # the very last character holds bits that say nothing
            changed = "A" if token[at] != "A" else "B"
            self.refusal(token[:at] + changed + token[at + 1 :])

    def test_what_must_be_understood_and_is_not_is_refused(self) -> None:
        for extra in {"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"kid": 5}:
            self.refusal(signed(json.dumps(claims()), {"alg": "HS256", **extra}))
        self.tokens.read(signed(json.dumps(claims()), {"alg": "HS256", "kid": "any", "jku": "http://x"}))

    def test_a_kid_that_is_not_text_is_refused_for_that(self) -> None:
        for kid in None, 5, ["a"]:
            token = signed(json.dumps(claims()), {"alg": "HS256", "kid": kid})
            self.assertTrue(self.refusal(token).startswith("token: kid: expected str"), kid)

    def test_a_header_that_can_not_be_understood_is_refused_for_that(self) -> None:
        token = signed(json.dumps(claims()), {"alg": "HS256", "crit": ["x" * 5000]})
        self.assertTrue(self.refusal(token).startswith("token: it is not a valid JWT: "))
        self.assertLess(len(self.refusal(token)), 200)
        self.assertIn("not signed with a key in use", self.refusal(secret_token(OTHER_SECRET)))

    def test_keys_that_were_changed_count_at_once(self) -> None:
        token = secret_token(OTHER_SECRET)
        self.refusal(token)
        self.keys = Keys([secret_key(OTHER_SECRET.encode())])
        self.tokens.read(token)
        self.refusal(secret_token())


class PublicTests(LoginTokenTestCase):
    algorithms = ("RS256", "ES256", "EdDSA")

    def setUp(self) -> None:
        super().setUp()
        self.keys = public_keys(public_set(*self.algorithms))

    def test_a_token_names_its_key(self) -> None:
        for algorithm in self.algorithms:
            self.assertEqual(self.tokens.read(public_token(algorithm)).sub, "ann")

    def test_a_name_of_no_key_or_none_at_all_is_refused(self) -> None:
        for algorithm in self.algorithms:
            for key_id in "other", "", None:
                token = public_token(algorithm, key_id) if key_id != "" else assembled({"kid": ""}, {})
                self.assertIn("kid", self.refusal(token))

    def test_the_name_of_another_key_is_refused(self) -> None:
        for algorithm in self.algorithms:
            for other in {"rs256", "es256", "eddsa"} - {algorithm.lower()}:
                self.assertIn("not signed", self.refusal(public_token(algorithm, other)))

    def test_the_key_decides_on_the_algorithm_whatever_the_token_says(self) -> None:
        key = private_key("RS256")
        for algorithm in "RS384", "RS512", "PS256":
            token = jwt.encode(claims(), key.material, algorithm, {"kid": "rs256"})
            self.assertIn("not signed", self.refusal(token))
        for algorithm in "none", "HS256", "HS512", "ES384", "ES256K":
            for key_id in "rs256", "es256", "eddsa":
                self.refusal(assembled({"alg": algorithm, "kid": key_id}, claims(), b""))

    def test_the_public_key_is_no_secret(self) -> None:
        """The confusion of RFC 8725, section 2.1: HMAC with a public key as its secret."""
        for algorithm in self.algorithms:
            jwk = json.dumps(pair(algorithm)[1]).encode()
            for secret in public_pem(algorithm), public_pem(algorithm).strip(), jwk:
                for key_id in algorithm.lower(), None:
                    header = {"alg": "HS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
                    token = signed(json.dumps(claims()), header, secret)
                    self.refusal(token)
        self.keys = public_keys(public_set("RS256"))
        self.refusal(signed(json.dumps(claims()), {"alg": "HS256"}, public_pem("RS256")))

    def test_a_key_that_the_token_brings_along_is_no_key(self) -> None:
        stranger, public = pair("ES256", "stranger")
        material = private_key("ES256", "stranger").material
        for key_id in "stranger", "es256":
            header = {"kid": key_id, "jwk": public, "jku": "http://127.0.0.1/keys", "x5c": ["x"]}
            self.refusal(jwt.encode(claims(), material, "ES256", header))
        self.assertIn("d", stranger)

    def test_a_key_that_was_taken_out_is_refused(self) -> None:
        token = public_token("ES256")
        self.tokens.read(token)
        self.keys = public_keys(key_set(pair("EdDSA")[1], pair("RS256")[1]))
        self.assertIn("kid", self.refusal(token))


class AnythingTests(LoginTokenTestCase):
    """Whatever comes, there is a refusal and nothing else."""

    json_values = st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["sub", "exp", "nbf", "iat", "aud", "iss", "name", "alg", "kid", "crit", "b64"]
                ),
                inner,
            )
        ),
        max_leaves=8,
    )

    def setUp(self) -> None:
        super().setUp()
        self.both = (SECRETS, public_keys(public_set("ES256", "EdDSA")))

    def check(self, token: str) -> None:
        for keys in self.both:
            self.keys = keys
            self.refusal(token)

    @given(
        st.text() | st.text("eyJ.-_=", max_size=40) | st.binary().map(lambda data: data.decode("latin-1"))
    )
    def test_any_text(self, text: str) -> None:
        self.check(text)

    @given(json_values, json_values, st.binary(max_size=40))
    def test_any_json_as_header_and_claims(self, header: Any, payload: Any, signature: bytes) -> None:
        self.check(assembled(header, payload, signature))

    @given(json_values | st.text())
    def test_any_json_that_is_signed(self, payload: Any) -> None:
        self.keys = SECRETS
        self.refusal(signed(json.dumps(payload)))

    @given(st.binary())
    def test_any_bytes_that_are_signed(self, payload: bytes) -> None:
        self.keys = SECRETS
        self.refusal(jwt.PyJWS().encode(payload, SECRET, "HS256"))

    def test_an_endless_nesting_in_the_header(self) -> None:
        for text in "[" * 6000, '{"a":' * 1200, '{"kid":' + "[" * 2000 + "]" * 2000 + "}":
            part = jwt.utils.base64url_encode(text.encode()).decode()
            self.check(f"{part}.e30.AA")


def signed(payload: str, header: Any = None, secret: bytes = SECRET.encode()) -> str:
    """Sign with HS256 what a library would not."""
    parts = [json.dumps(header or {"alg": "HS256"}).encode(), payload.encode("utf-8", "surrogatepass")]
    text = ".".join(jwt.utils.base64url_encode(part).decode() for part in parts)
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{jwt.utils.base64url_encode(signature).decode()}"


class KeyTests(SynchronousTestCase):
    def test_a_key_is_chosen_by_its_name_only(self) -> None:
        one, other = Key("a", ("HS256",), b"1"), Key("b", ("HS256",), b"2")
        keys = Keys([one, other])
        self.assertEqual([keys.choose(name) for name in ("a", "b", "c", None)], [one, other, None, None])
