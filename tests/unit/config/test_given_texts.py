"""Options that are parsed a second time, in another process."""

from __future__ import annotations

import os

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.config.given_texts import GivenTexts
from gim.config.options import Options
from gim.config.settings import settings_of
from gim.config.table import OPTIONS

# a value of each option that is not its default
VALUES = {
    "gateway-address": "[::1]:0",
    "api-address": r"haproxy:tcp:0:interface=127.0.0.1",
    "gateway-worker": "8",
    "message-protocol": "proto",
    "message-push-count": "0",
    "message-push-duration": "500ms",
    "message-push-concurrency-limit": "7",
    "enable-message-sequence": "true",
    "max-content": "1KiB",
    "max-packet": "2KiB",
    "max-unsent": "3MiB",
    "max-session-messages": "11",
    "max-messages": "12",
    "message-ttl": "13d",
    "data-dir": "/var/lib/gim",
    "sync": "always",
    "data-damage": "keep-going",
    "segment-size": "1MiB",
    "heartbeat-interval": "14",
    "ping-interval": "15s",
    "login-timeout": "1.5",
    "handshake-timeout": "16",
    "drain": "0",
    "auth-key-file": "/etc/gim/auth.key",
    "auth-jwks-file": "auth.jwks",
    "auth-audience": "chat.example.com",
    "auth-issuer": "https://example.com",
    "admin-key-file": "admin.key",
    "allowed-origins": "https://*.example.com, null",
    "webhook-url": "https://backend.example.com/gim",
    "webhook-events": "message.sent",
    "webhook-secret-file": "webhook.key",
    "webhook-grace": "0",
    "limits": "dry-run",
    "max-connections": "17",
    "max-address-connections": "18",
    "max-user-connections": "19",
    "max-packet-rate": "20",
    "max-packet-burst": "21",
    "max-send-rate": "22",
    "max-read-rate": "23",
    "max-login-rate": "24",
    "max-user-chatrooms": "25",
    "max-chatroom-members": "26",
    "max-reactor-delay": "2s",
    "max-memory": "1GiB",
    "trusted-proxies": "10.0.0.0/8, fd00::/8, unix",
    "log-format": "json",
    "log-level": "debug",
    "log-requests": "sampled",
    "trace-header": "x-trace",
    "console": "true",
    "console-read-only": "true",
    "metrics": "false",
    "enable-profiling": "true",
}
REDIS = {
    "storage": "redis",
    "redis-url": "rediss://ann:secret@[::1]:6380/3?ssl_ca_certs=/etc/ca.pem",
    "redis-prefix": "x",
}
SECRETS = {"GIM_AUTH_KEY": "a" * 40, "GIM_ADMIN_KEY": "b", "GIM_WEBHOOK_SECRET": "c"}


class GivenTextsTests(SynchronousTestCase):
    def assert_same(self, options: Options) -> None:
        """Check that the texts make the same settings, field by field."""
        again = GivenTexts(options.texts, options.origins)
        for name in OPTIONS:
            self.assertEqual(again[name], options[name], name)
        first, second = settings_of(options, SECRETS), settings_of(again, SECRETS)
        for field in first.__struct_fields__:
            self.assertEqual(getattr(second, field), getattr(first, field), field)
        self.assertEqual(second, first)

    def parse(self, *words: str) -> Options:
        options = Options()
        options.parseOptions(list(words))
        return options

    def test_defaults(self) -> None:
        self.assert_same(self.parse())

    def test_the_command_line(self) -> None:
        self.assert_same(self.parse(*(f"--{name}={text}" for name, text in VALUES.items())))

    def test_every_option_has_a_value_here(self) -> None:
        self.assertEqual({*VALUES, *REDIS}, set(OPTIONS))

    def test_redis(self) -> None:
        self.assert_same(self.parse(*(f"--{name}={text}" for name, text in REDIS.items())))

    def test_the_environment(self) -> None:
        for name, text in VALUES.items():
            self.patch(os, "environ", os.environ | {f"GIM_{name.upper().replace('-', '_')}": text})
        self.assert_same(self.parse())

    def test_a_file(self) -> None:
        path = FilePath(self.mktemp())
        path.setContent(
            b'ws = 8090\nmetrics = false\nmessage_ttl = "1d"\nmax-packet-rate = 7\ndrain = 1.5\n'
        )
        self.assert_same(self.parse("--config", path.path))

    def test_what_counts_is_what_is_handed_on(self) -> None:
        path = FilePath(self.mktemp())
        path.setContent(b'drain = 1\nmax-packet = "2MiB"\nlogin-timeout = 1\n')
        self.patch(os, "environ", os.environ | {"GIM_MAX_PACKET": "3MiB", "GIM_LOGIN_TIMEOUT": "2"})
        options = self.parse("--config", path.path, "--login-timeout", "3")
        self.assertEqual(options.texts, {"drain": "1", "max-packet": "3MiB", "login-timeout": "3"})
        self.assert_same(options)
