"""``gim-token``, called as its script calls it."""

from __future__ import annotations

import io
import json
import os
import stat
import sys

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from gim.auth.cli import signing
from gim.auth.cli.main import main
from gim.auth.keys import public_keys
from tests.support.clocks import SettableWallClock
from tests.support.key_material import OTHER_SECRET, SECRET, assembled, pair, private_key
from tests.support.world import START


class ToolTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.mkdir(self.directory)
        self.now = START
        self.patch(os, "environ", {})
        self.secret = self.file("secret", SECRET)

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def file(self, name: str, text: str) -> str:
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run_tool(self, *words: str, stdin: str = "") -> tuple[int, str, str]:
        """Return exit status and what stands on both outputs."""
        out, err = io.StringIO(), io.StringIO()
        for name, stream in ("stdin", io.StringIO(stdin)), ("stdout", out), ("stderr", err):
            self.patch(sys, name, stream)
        try:
            status = main(words, SettableWallClock(lambda: self.now))
        except SystemExit as end:
            status = int(end.code or 0)
        return status, out.getvalue().strip(), err.getvalue().strip()

    def said(self, *words: str, stdin: str = "") -> str:
        status, out, err = self.run_tool(*words, stdin=stdin)
        self.assertEqual((status, err), (0, ""))
        return out

    def refusal(self, *words: str, stdin: str = "", status: int = 1) -> str:
        """Return the one line of a failure."""
        code, out, err = self.run_tool(*words, stdin=stdin)
        self.assertEqual((code, out), (status, ""), err)
        *usage, line = err.splitlines()
        self.assertEqual(bool(usage), status == 2, err)
        return line


class MakeAndCheckTests(ToolTestCase):
    def test_a_token_says_what_was_asked_for(self) -> None:
        parties = "--audience", "chat", "--issuer", "me"
        token = self.said(
            "make", "--key-file", self.secret, "--sub", "1001", "--name", "Ann", "--ttl", "15m", *parties
        )
        expected = {"sub": "1001", "name": "Ann", "iat": START, "exp": START + 900}
        expected |= {"aud": "chat", "iss": "me"}
        self.assertEqual(
            json.loads(self.said("check", token, "--key-file", self.secret, *parties)), expected
        )

    def test_the_token_may_come_from_standard_input(self) -> None:
        token = self.said("make", "--key-file", self.secret, "--sub", "é")
        for words in ["check"], ["check", "-"]:
            claims = json.loads(self.said(*words, "--key-file", self.secret, stdin=f" {token}\n"))
            self.assertEqual((claims["sub"], claims["exp"] - claims["iat"]), ("é", 3600))

    def test_the_secret_may_come_from_the_environment(self) -> None:
        self.patch(os, "environ", {"GIM_AUTH_KEY": SECRET})
        token = self.said("make", "--sub", "ann", "--algorithm", "HS512")
        self.assertEqual(jwt.get_unverified_header(token)["alg"], "HS512")
        self.said("check", token)
        self.said("check", token, "--key-file", self.secret)

    def test_every_sort_of_key_makes_and_checks(self) -> None:
        rsa = private_key("RS256").material  # a new one takes up to a second
        self.patch(signing, "NEW_KEYS", signing.NEW_KEYS | {"RS256": lambda: rsa})
        for algorithm in "RS256", "ES256", "EdDSA":
            private, public = self.path(f"{algorithm}.jwk"), self.path("keys.json")
            self.said("key", "--type", algorithm, "--key-file", private, "--jwks-file", public)
            token = self.said("make", "--key-file", private, "--sub", "ann")
            self.assertEqual(jwt.get_unverified_header(token)["alg"], algorithm)
            self.said("check", token, "--jwks-file", public)
        with open(public, "rb") as file:
            self.assertEqual(len(public_keys(file.read()).all), 3)

    def test_a_private_key_may_be_pem(self) -> None:
        for algorithm in "RS256", "ES256", "EdDSA":
            pem = private_key(algorithm).material.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            private = self.file(f"{algorithm}.pem", pem.decode())
            token = self.said("make", "--key-file", private, "--sub", "ann", "--kid", algorithm.lower())
            public = self.file("keys.json", json.dumps({"keys": [pair(algorithm)[1]]}))
            self.said("check", token, "--jwks-file", public)

    def test_what_is_wrong_with_a_token_is_said(self) -> None:
        token = self.said("make", "--key-file", self.secret, "--sub", "ann")
        other = self.file("other", OTHER_SECRET)
        for words, line in (
            ((token, "--key-file", other), "not signed"),
            ((token, "--key-file", self.secret, "--audience", "chat"), "aud: "),
            ((token, "--key-file", self.secret, "--issuer", "me"), "iss: "),
            (("x", "--key-file", self.secret), "send a JWT"),
            (("é", "--key-file", self.secret), "send a JWT"),
            (("", "--key-file", self.secret), "send a JWT"),
            ((assembled({"alg": "none"}, {"sub": "ann"}), "--key-file", self.secret), "not signed"),
        ):
            said = self.refusal("check", *words)
            self.assertTrue(said.startswith("gim-token: token: "), said)
            self.assertIn(line, said)
        self.now += 3600
        self.assertIn("has expired", self.refusal("check", token, "--key-file", self.secret))

    def test_keys_that_can_not_be_used_are_named(self) -> None:
        jwks = '{"kty":"EC","d":1}', '{"kty":[],"d":1}', '{"kty":"EC","crv":[],"d":1}', "{}"
        for text in "short", "-----BEGIN PRIVATE KEY-----\nx", *jwks:
            bad = self.file("bad", text)
            self.assertIn(f"{bad}: ", self.refusal("make", "--key-file", bad, "--sub", "ann"))
            self.assertIn(f"{bad}: ", self.refusal("check", "x", "--jwks-file", bad))
        self.assertIn(
            "No such file", self.refusal("make", "--key-file", self.path("none"), "--sub", "ann")
        )
        self.assertIn("GIM_AUTH_KEY", self.refusal("make", "--sub", "ann"))
        self.assertIn("GIM_AUTH_KEY", self.refusal("check", "x"))

    def test_words_that_make_no_sense_are_a_2(self) -> None:
        good = "make", "--key-file", self.secret, "--sub"
        for words in (
            (),
            ("unmake",),
            ("make",),
            (*good, "a b"),
            (*good, "ann", "--ttl", "soon"),
            (*good, "ann", "--name", "x" * 65),
            ("check", "x", "--key-file", "a", "--jwks-file", "b"),
            ("key", "--key-file", "x", "--type", "RS512"),
        ):
            self.refusal(*words, status=2)
        self.assertIn("HS256", self.refusal(*good, "ann", "--algorithm", "none"))


class KeyTests(ToolTestCase):
    def test_a_secret_is_long_enough_for_all_and_for_its_owner_only(self) -> None:
        path = self.path("new")
        self.said("key", "--key-file", path)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        for algorithm in "HS256", "HS384", "HS512":
            token = self.said("make", "--key-file", path, "--sub", "ann", "--algorithm", algorithm)
            self.said("check", token, "--key-file", path)

    def test_a_file_that_is_there_is_not_overwritten(self) -> None:
        self.assertIn("exists", self.refusal("key", "--key-file", self.secret))
        words = "key", "--type", "ES256", "--jwks-file", self.path("keys.json"), "--key-file"
        self.assertIn("exists", self.refusal(*words, self.secret))
        self.assertFalse(os.path.exists(self.path("keys.json")))

    def test_the_private_half_is_for_its_owner_and_the_public_one_for_all(self) -> None:
        private, public = self.path("private"), self.path("public")
        words = "--type", "EdDSA", "--jwks-file", public, "--kid", "k1", "--key-file"
        self.assertIn("k1", self.said("key", *words, private))
        modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (private, public)]
        self.assertEqual(modes, [0o600, 0o644])
        self.assertIn("kid", self.refusal("key", *words, self.path("another")))
        self.assertFalse(os.path.exists(self.path("another")))

    def test_words_that_do_not_go_together_are_refused(self) -> None:
        new = "key", "--key-file", self.path("new")
        for words in ["--jwks-file", "x"], ["--kid", "x"], ["--type", "ES256"]:
            self.refusal(*new, *words)
        refusal = self.refusal(*new, "--type", "ES256", "--jwks-file", self.secret)
        self.assertIn("not a valid JSON", refusal)
        self.assertFalse(os.path.exists(self.path("new")))
