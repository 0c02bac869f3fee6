"""The options in force, as the administrator sees them."""

from __future__ import annotations

import os

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.config.in_force import options_in_force
from gim.config.options import Options
from gim.config.settings import settings_of
from gim.config.table import OPTIONS
from gim.model import OptionInForce


class InForceTests(SynchronousTestCase):
    def options(self, *words: str, **environment: str) -> dict[str, OptionInForce]:
        self.patch(os, "environ", environment)
        options = Options()
        options.parseOptions(list(words))
        return {item.name: item for item in options_in_force(settings_of(options))}

    def test_every_option_is_there_with_what_is_written_of_it(self) -> None:
        found = self.options()
        self.assertEqual(list(found), [f"--{name}" for name in OPTIONS])
        drain = found["--drain"]
        self.assertEqual((drain.value, drain.default, drain.origin), ("5s", "5s", "default"))
        self.assertTrue(drain.help.startswith("Time over which"))
        self.assertNotIn("`", "".join(item.help for item in found.values()))

    def test_each_says_where_it_was_set(self) -> None:
        path = FilePath(self.mktemp())
        path.setContent(b"drain = 1\nmessage_ttl = '1d'\n")
        found = self.options("--ws", "8090", "--config", path.path, GIM_MAX_PACKET="3MiB")
        given = {name: (item.value, item.origin) for name, item in found.items()}
        self.assertEqual(given["--gateway-address"], ("8090", "command line"))
        self.assertEqual(given["--max-packet"], ("3MiB", "GIM_MAX_PACKET"))
        self.assertEqual(given["--message-ttl"], ("1d", f"{path.path}, line 2: message_ttl"))

    def test_a_url_is_shown_without_what_opens_it(self) -> None:
        for given, shown in (
            ("redis://ann:s3cret@h/0", "redis://ann:…@h/0"),
            ("redis://:s3cret@h:1", "redis://:…@h:1"),
            ("redis://h/0", "redis://h/0"),
            ("unix://:s3cret@/a.sock?db=1", "unix://:…@/a.sock?db=1"),
            (
                "redis+sentinel://u:s3cret@a:1,b:2/main/0?sentinel_user=x&sentinel_password=s3cret",
                "redis+sentinel://u:…@a:1,b:2/main/0?sentinel_user=x&sentinel_password=…",
            ),
        ):
            found = self.options("--storage", "redis", "--redis-url", given)
            self.assertEqual(found["--redis-url"].value, shown)
        found = self.options("--webhook-url", "https://h/x?key=s3cret", GIM_WEBHOOK_SECRET="s3cret")
        self.assertEqual(found["--webhook-url"].value, "https://h/x?…")

    def test_secrets_of_the_environment_are_named_and_hidden(self) -> None:
        secrets = {
            "GIM_AUTH_KEY": "s3cret" * 9,
            "GIM_ADMIN_KEY": "s3cret",
            "GIM_WEBHOOK_SECRET": "s3cret",
        }
        found = self.options("--webhook-url", "https://h/", **secrets)
        for name in secrets:
            self.assertEqual((found[name].value, found[name].origin), ("…", name))
        self.assertNotIn("s3cret", str(found))
        found = self.options("--auth-key-file", "/a", "--admin-key-file", "/b", **secrets)
        self.assertNotIn("GIM_AUTH_KEY", found)
        self.assertNotIn("GIM_ADMIN_KEY", found)
