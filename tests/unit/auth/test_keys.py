import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from twisted.trial.unittest import SynchronousTestCase

from gim.auth.keys import BadKey, Keys, public_keys, secret_key
from tests.support.key_material import SECRET, key_set, pair, public_pem, public_set


class SecretTests(SynchronousTestCase):
    def test_the_length_decides_on_the_algorithms(self) -> None:
        for length, algorithms in (
            (32, ("HS256",)),
            (47, ("HS256",)),
            (48, ("HS256", "HS384")),
            (64, ("HS256", "HS384", "HS512")),
        ):
            self.assertEqual(secret_key(SECRET.encode()[:length]).algorithms, algorithms)

    def test_the_white_space_around_is_no_part_of_it(self) -> None:
        self.assertEqual(secret_key(b"  " + SECRET.encode() + b"\r\n").material, SECRET.encode())

    def test_one_that_is_too_short_is_refused(self) -> None:
        for data in b"", b"\n", b"x" * 31, b" " * 100:
            self.assertIn("too short", str(self.assertRaises(BadKey, secret_key, data)))

    def test_a_key_of_another_sort_is_refused(self) -> None:
        for data in public_pem("RS256"), json.dumps(pair("ES256")[1]).encode(), public_set("ES256"):
            self.assertIn("--auth-jwks-file", str(self.assertRaises(BadKey, secret_key, data)))


class PublicTests(SynchronousTestCase):
    def refusal(self, data: bytes) -> str:
        return str(self.assertRaises(BadKey, public_keys, data))

    def test_each_key_is_for_one_algorithm(self) -> None:
        keys = public_keys(public_set("RS256", "ES256", "EdDSA")).all
        self.assertEqual(
            [(key.id, key.algorithms) for key in keys],
            [("rs256", ("RS256",)), ("es256", ("ES256",)), ("eddsa", ("EdDSA",))],
        )

    def test_what_is_no_set_is_refused(self) -> None:
        for data in (
            b"",
            b"x",
            b"[]",
            b'{"keys":{}}',
            b'{"keys":[1]}',
            b"[" * 9000,
            b"\xff",
            public_pem("RS256"),
        ):
            self.assertIn("not a valid JSON Web Key Set", self.refusal(data), data[:20])
        self.assertIn("no public key", self.refusal(b'{"keys":[]}'))

    def test_a_private_key_or_a_secret_in_it_is_refused(self) -> None:
        secret = {"kty": "oct", "k": "c2VjcmV0"}
        for jwk in (*(pair(name)[0] for name in ("RS256", "ES256", "EdDSA")), secret):
            self.assertIn("private or secret", self.refusal(key_set(pair("ES256")[1], jwk)))

    def test_keys_for_something_else_are_skipped(self) -> None:
        good = pair("ES256")[1]
        p384 = ECAlgorithm.to_jwk(new_ec(SECP384R1()).public_key(), as_dict=True)
        weak = RSAAlgorithm.to_jwk(new_rsa(65537, 1024).public_key(), as_dict=True)
        others: list[dict[str, Any]] = [
            {"kty": "unheard-of"},
            {},
            {"kty": ["RSA"]},
            {"kty": "RSA", "n": "AQ", "e": "AQAB"},
            {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
            {"kty": "OKP", "crv": "Ed25519", "x": 5},
            {**good, "kid": "a", "use": "enc"},
            {**good, "kid": "b", "alg": "ES384"},
            {**good, "kid": "c", "alg": "none"},
            {**good, "kid": "d", "key_ops": ["encrypt"]},
            {**pair("RS256")[1], "kid": "e", "alg": "HS256"},
            {**pair("RS256")[1], "kid": "f", "alg": "PS256"},
            {**p384, "alg": None, "key_ops": None},
            {**weak, "alg": None, "key_ops": None},
        ]
        keys = public_keys(key_set(*others, good))
        self.assertEqual([key.id for key in keys.all], ["es256"])
        self.assertEqual(len(keys.skipped), len(others), keys.skipped)
        self.assertIn("too weak", keys.skipped[-1])
        self.assertIn("too weak", self.refusal(key_set(others[-1])))

    def test_several_keys_need_names_of_their_own(self) -> None:
        one, other = pair("ES256")[1], pair("EdDSA")[1]
        nameless = {name: value for name, value in one.items() if name != "kid"}
        for jwks in ((one, {**other, "kid": "es256"}), (nameless, other), (nameless, nameless)):
            self.assertIn("kid", self.refusal(key_set(*jwks)))

    def test_an_only_key_needs_no_name_neither_in_the_set_nor_in_tokens(self) -> None:
        one = pair("ES256")[1]
        nameless = {name: value for name, value in one.items() if name != "kid"}
        self.assertIsNotNone(public_keys(key_set(nameless)).choose("any"))
        self.assertIsNotNone(public_keys(key_set(one)).choose(None))
        self.assertIsNone(public_keys(key_set(one)).choose("any"))
        self.assertIsNone(public_keys(public_set("ES256", "EdDSA")).choose(None))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["keys", "kty", "kid", "crv", "x", "y", "n", "e", "alg", "use"]),
                    inner,
                )
            ),
        )
        | st.dictionaries(
            st.sampled_from(["kty", "kid", "crv", "x", "y", "n", "e", "alg", "use"]),
            st.text() | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB"]),
        )
    )
    def test_any_json_is_a_set_or_refused(self, item: Any) -> None:
        for data in json.dumps(item), json.dumps({"keys": [item]}):
            try:
                self.assertIsInstance(public_keys(data.encode()), Keys)
            except BadKey:
                pass
