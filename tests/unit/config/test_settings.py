"""From options to the settings of the rooms."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from gim.config.limit_options import LIMITS
from gim.config.options import Options
from gim.config.settings import Settings, settings_of
from gim.config.table import OPTIONS
from gim.journal.settings import JournalSettings
from gim.limits.limits import SWITCHED, Limits
from gim.storage.settings import MemorySettings, RedisSettings
from tests.support.settings import no_limits


def fields_of(struct: Struct, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield path, type and value of every field that is not a struct, in *struct* and those in it."""
    for name, kind in get_type_hints(type(struct)).items():
        value = getattr(struct, name)
        if isinstance(value, Struct):
            yield from fields_of(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", kind, value


def plain_types(kind: Any) -> tuple[type, ...]:
    """Return the classes of a type for `isinstance`."""
    if get_origin(kind) in (Union, UnionType):
        return tuple(each for part in get_args(kind) for each in plain_types(part))
    return (get_origin(kind) or kind,)


class SettingsTests(SynchronousTestCase):
    def settings(self, *words: str, **environment: str) -> Settings:
        options = Options()
        options.parseOptions(list(words))
        return settings_of(options, environment)

    def test_every_field_holds_a_value_of_its_type(self) -> None:
        webhooks = "--webhook-url", "http://x/", "--message-ttl", "1m"
        for words in [], webhooks, ["--storage", "redis", "--trusted-proxies", "10.0.0.7"]:
            for path, kind, value in fields_of(self.settings(*words)):
                known = [each for each in plain_types(kind) if isinstance(each, type)]
                if len(known) == len(plain_types(kind)):
                    self.assertIsInstance(value, tuple(known), path)

    def test_the_storage_has_settings_of_its_kind(self) -> None:
        memory = self.settings("--message-ttl", "1m", "--max-messages", "7").storage
        self.assertEqual(
            memory, MemorySettings(max_session_messages=10_000, max_messages=7, ttl=60.0, sequences=False)
        )
        redis = self.settings("--storage", "redis", "--redis-prefix", "x").storage
        assert isinstance(redis, RedisSettings)
        self.assertEqual(redis.redis_prefix, "x")

    def test_a_data_directory_makes_a_journal(self) -> None:
        words = (
            "--data-dir",
            "/d",
            "--sync",
            "no",
            "--data-damage",
            "keep-going",
            "--segment-size",
            "2MiB",
        )
        memory = self.settings(*words).storage
        assert isinstance(memory, MemorySettings)
        self.assertEqual(
            memory.journal,
            JournalSettings(data_dir="/d", sync="no", damage="keep-going", segment_size=2 * 2**20),
        )

    def test_what_the_environment_holds_counts_without_an_option(self) -> None:
        auth = self.settings(GIM_AUTH_KEY="a", GIM_ADMIN_KEY="b").auth
        self.assertEqual((auth.key, auth.admin_key), ("a", "b"))


class LimitTests(SynchronousTestCase):
    def test_every_limit_is_an_option_of_its_group(self) -> None:
        names = {name.replace("_", "-") for name in Limits.__struct_fields__}
        self.assertLessEqual(names, {option.name for option in LIMITS.options})
        self.assertLessEqual(set(SWITCHED), names)

    def test_a_limit_that_is_forgotten_or_misspelt_is_an_error(self) -> None:
        limits: Any = Limits
        for wrong in {}, {"max_connections": 5}, {"max_conections": 5}:
            self.assertRaises(TypeError, limits, **wrong)
        self.assertRaises(AttributeError, getattr, no_limits(), "max_conections")
        self.assertRaises(AttributeError, setattr, no_limits(), "max_connections", 5)

    def test_each_limit_is_read_from_its_option(self) -> None:
        words = [f"--{name}={number}" for number, name in enumerate(SWITCHED, 200_000_000)]
        options = Options()
        options.parseOptions(["--max-packet-burst", "300000000", *(w for w in words if "delay" not in w)])
        limits = settings_of(options, {}).limits
        for number, name in enumerate(SWITCHED, 200_000_000):
            if "delay" not in name:
                self.assertEqual(getattr(limits, name.replace("-", "_")), number, name)
        self.assertIn("max-reactor-delay", OPTIONS)
