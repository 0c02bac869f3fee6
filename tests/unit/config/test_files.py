"""The files that settings name."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.config.files import files_of, map_paths
from gim.config.options import Options
from gim.config.settings import Settings, settings_of


class FilesTests(SynchronousTestCase):
    def settings(self, *words: str) -> Settings:
        options = Options()
        options.parseOptions(list(words))
        return settings_of(options, {})

    def test_without_files_settings_stay_as_they_are(self) -> None:
        for words in [], ["--webhook-url", "http://x/"], ["--storage", "redis"]:
            settings = self.settings(*words)
            self.assertEqual(files_of(settings), [])
            self.assertEqual(map_paths(settings, lambda option, path: "/x"), settings)

    def test_each_file_is_named_with_its_option(self) -> None:
        settings = self.settings(
            *("--ws", "ssl:1:privateKey=a.pem:certKey=b.pem", "--http", "ssl:2:privateKey=c.pem"),
            *("--auth-key-file", "d", "--auth-jwks-file", "e", "--admin-key-file", "f"),
            *("--webhook-url", "http://x/", "--webhook-secret-file", "g"),
        )
        expected = [
            *(("auth-key-file", "d"), ("auth-jwks-file", "e"), ("admin-key-file", "f")),
            *(("gateway-address", "a.pem"), ("gateway-address", "b.pem"), ("api-address", "c.pem")),
            ("webhook-secret-file", "g"),
        ]
        self.assertEqual(files_of(settings), expected)
        mapped = map_paths(settings, lambda option, path: f"/new/{path}")
        self.assertEqual(files_of(mapped), [(option, f"/new/{path}") for option, path in expected])
        self.assertEqual(map_paths(settings, lambda option, path: path), settings)

    def test_what_redis_wants_for_tls_stays_as_it_is(self) -> None:
        url = "rediss://127.0.0.1/?ssl_ca_certs=/ca.pem"
        settings = self.settings("--storage", "redis", "--redis-url", url)
        self.assertEqual(map_paths(settings, lambda option, path: "/x"), settings)
