import json
import os
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gim.auth.from_settings import keyring
from gim.auth.keyring import MAX_FILE
from gim.auth.keys import BadKey
from gim.auth.settings import AuthSettings
from tests.support.key_material import SECRET, pair, public_set


class KeyringTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []
        observe: Any = self.observe
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def observe(self, event: Any) -> None:
        if event["log_namespace"].startswith("gim.auth"):
            self.lines.append(event["log_format"].format(**event))

    def file(self, data: bytes, mode: int = 0o600) -> str:
        path = self.mktemp()
        self.write(path, data)
        os.chmod(path, mode)
        return path

    def write(self, path: str, data: bytes) -> None:
        with open(path, "wb") as file:
            file.write(data)

    def keyring(self, environment: dict[str, str] | None = None, **options: str) -> Any:
        names = "auth_key_file", "auth_jwks_file", "auth_audience", "auth_issuer", "admin_key_file"
        given = {name: options.get(name) for name in names}
        key = (environment or {}).get("GIM_AUTH_KEY")
        return keyring(AuthSettings(**given, key=key, admin_key=None))

    def refusal(self, environment: dict[str, str] | None = None, **options: str) -> str:
        return str(self.assertRaises(ValueError, self.keyring, environment, **options))


class SourceTests(KeyringTestCase):
    def test_without_any_key_there_is_none(self) -> None:
        self.assertIsNone(self.keyring())

    def test_a_secret_comes_from_a_file_or_the_environment(self) -> None:
        path = self.file(SECRET.encode() + b"\n")
        for source in (
            self.keyring(auth_key_file=path),
            self.keyring({"GIM_AUTH_KEY": SECRET}),
            self.keyring({"GIM_AUTH_KEY": "of no use"}, auth_key_file=path),
        ):
            self.assertEqual(source.keys.all[0].material, SECRET.encode())
        self.assertEqual(self.lines, [])

    def test_an_empty_variable_does_not_open_the_door(self) -> None:
        for text in "", " ", "short":
            self.assertTrue(self.refusal({"GIM_AUTH_KEY": text}).startswith("GIM_AUTH_KEY: "))

    def test_two_sorts_of_keys_are_refused(self) -> None:
        secret, public = self.file(SECRET.encode()), self.file(public_set("ES256"))
        self.assertIn("not both", self.refusal(auth_key_file=secret, auth_jwks_file=public))
        self.assertIn("not both", self.refusal({"GIM_AUTH_KEY": SECRET}, auth_jwks_file=public))

    def test_audience_and_issuer_are_of_no_use_without_a_key(self) -> None:
        for name in "auth_audience", "auth_issuer":
            self.assertIn("add --auth-key-file", self.refusal(**{name: "x"}))  # type: ignore[arg-type]

    def test_files_that_can_not_be_read_are_refused_in_a_line_that_names_the_option(self) -> None:
        directory = self.mktemp()
        os.mkdir(directory)
        for option in "auth_key_file", "auth_jwks_file":
            for path in self.mktemp(), directory, "a\0b":
                line = self.refusal(**{option: path})  # type: ignore[arg-type]
                self.assertTrue(line.startswith(f"{option.replace('_', '-')}: "), line)
                self.assertEqual(len(line.splitlines()), 1)
            self.assertIn("longer", self.refusal(**{option: self.file(b"x" * (MAX_FILE + 1))}))  # type: ignore[arg-type]

    def test_files_that_others_may_read_or_write_are_warned_of(self) -> None:
        for mode, warned in (0o600, False), (0o640, False), (0o644, True), (0o602, True):
            self.lines.clear()
            self.keyring(auth_key_file=self.file(SECRET.encode(), mode))
            self.assertEqual(len(self.lines), warned, oct(mode))
        for mode, warned in (0o644, False), (0o646, True):
            self.lines.clear()
            self.keyring(auth_jwks_file=self.file(public_set("ES256"), mode))
            self.assertEqual(len(self.lines), warned, oct(mode))


class ReloadTests(KeyringTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.file(public_set("ES256"))
        self.ring = self.keyring(auth_jwks_file=self.path)

    def ids(self) -> list[str]:
        return [key.id for key in self.ring.keys.all]

    def test_what_has_changed_counts(self) -> None:
        self.write(self.path, public_set("ES256", "EdDSA"))
        self.assertEqual(self.ids(), ["es256"])
        self.assertEqual(self.ring.reload(), "read again, es256, eddsa")
        self.assertEqual(self.ids(), ["es256", "eddsa"])

    def test_a_broken_file_is_refused_and_the_keys_stay(self) -> None:
        private = json.dumps({"keys": [pair("EdDSA")[0]]}).encode()
        for data in b"", b"x", b'{"keys":[]}', public_set("EdDSA")[:-9], private:
            self.write(self.path, data)
            self.assertRaises(BadKey, self.ring.reload)
            self.assertEqual(self.ids(), ["es256"])
        os.unlink(self.path)
        self.assertRaises(OSError, self.ring.reload)
        self.assertEqual(self.ids(), ["es256"])

    def test_what_is_skipped_is_logged(self) -> None:
        keys = json.loads(public_set("EdDSA"))["keys"]
        self.write(self.path, json.dumps({"keys": [{"kty": "new"}, *keys]}).encode())
        self.ring.reload()
        self.assertEqual(self.ids(), ["eddsa"])
        self.assertTrue(self.lines[0].startswith("--auth-jwks-file: skipped key 1: "), self.lines)

    def test_the_path_holds_also_in_another_directory(self) -> None:
        ring = self.keyring(auth_jwks_file=os.path.relpath(self.path))
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir("/")
        self.assertIn("read again", ring.reload())
