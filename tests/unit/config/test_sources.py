"""Options from a file and from the environment, and what counts first."""

from __future__ import annotations

import io
import os
import sys
import tomllib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.config import sources
from gim.config.option import variable
from gim.config.options import Options
from gim.config.table import OPTIONS, READERS, SPELLINGS
from gim.startup import StartupError
from tests.support.paths import ROOT

EXAMPLE = ROOT.child("contrib").child("gim.toml")

WITHOUT = {"trusted-proxies": "10.0.0.7", "webhook-url": "http://x"}  # values of options without default


class SourceTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {})
        self.path = self.mktemp()

    def parse(self, text: str = "", *words: str, **environment: str) -> Options:
        os.environ.update(environment)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        options = Options()
        options.parseOptions(["--config", self.path, *words])
        return options

    def refusal(self, text: str = "", *words: str, **environment: str) -> str:
        """Return what is said of a file, after ``gim:`` and the file's name."""
        stderr = io.StringIO()
        self.patch(sys, "__stderr__", stderr)
        with self.assertRaises(SystemExit) as raised:
            self.parse(text, *words, **environment)
        self.assertEqual(raised.exception.code, 1)
        (line,) = stderr.getvalue().splitlines()
        return line.removeprefix("gim: ").removeprefix(f"{self.path}, ")


class PrecedenceTests(SourceTestCase):
    def test_the_command_line_counts_before_the_environment_and_that_before_the_file(self) -> None:
        text = 'message-ttl = "3d"\nmax-content = 30\nlogin-timeout = 3'
        variables = {"GIM_MESSAGE_TTL": "2d", "GIM_MAX_CONTENT": "20"}
        options = self.parse(text, "--message-ttl", "1d", **variables)
        self.assertEqual(options["message-ttl"], 86400.0)
        self.assertEqual(options["max-content"], 20)
        self.assertEqual(options["login-timeout"], 3.0)
        self.assertEqual(options["heartbeat-interval"], 120.0)

    def test_every_option_has_a_variable_in_every_spelling(self) -> None:
        for spelling, name in SPELLINGS.items():
            default = OPTIONS[name].default or WITHOUT.get(name, "x")
            found = sources.from_environment({variable(spelling): default}, SPELLINGS, READERS)
            self.assertEqual(list(found), [name])

    def test_the_file_may_be_named_by_a_variable(self) -> None:
        self.parse("max-content = 7")
        os.environ["GIM_CONFIG"] = self.path
        options = Options()
        options.parseOptions([])
        self.assertEqual(options["max-content"], 7)

    def test_an_empty_variable_is_none_and_others_are_not_looked_at(self) -> None:
        options = self.parse(GIM_MAX_CONTENT="", GIM_SERVICE_PORT="tcp://10.0.0.1:80", GIM_PORT="x")
        self.assertEqual(options["max-content"], 4096)

    def test_a_bad_variable_is_named_even_if_it_does_not_count(self) -> None:
        line = self.refusal("", "--max-content", "5", GIM_MAX_CONTENT="many")
        self.assertTrue(line.startswith("GIM_MAX_CONTENT: 'many' is not a valid size"), line)

    def test_two_variables_for_one_option_are_refused(self) -> None:
        line = self.refusal(GIM_WS="1", GIM_GATEWAY_ADDRESS="2")
        self.assertEqual(line, "GIM_WS: GIM_GATEWAY_ADDRESS is the same option: set one of them")


class FileTests(SourceTestCase):
    def test_every_spelling_of_an_option_is_a_key(self) -> None:
        for key in "ws", "gateway-address", "gateway_address":
            self.assertEqual(self.parse(f"{key} = 7")["gateway-address"], "tcp:7", key)
        for key in "trace", "trace-header", "trace_header":
            self.assertEqual(self.parse(f'{key} = "x"')["trace-header"], "x", key)

    def test_values_are_written_as_on_the_command_line_or_as_toml_has_them(self) -> None:
        for text, value in ("0.5", 0.5), ("2", 2.0), ('"2"', 2.0), ('"500ms"', 0.5), ("'1m'", 60.0):
            self.assertEqual(self.parse(f"login-timeout = {text}")["login-timeout"], value, text)
        for text, value in ("true", True), ('"true"', True), ("false", False):
            options = self.parse(f"enable-message-sequence = {text}")
            self.assertIs(options["enable-message-sequence"], value, text)
        self.assertEqual(self.parse("max-packet = 1_000_000")["max-packet"], 1_000_000)

    def test_an_unknown_key_is_named_with_its_line_and_the_nearest_option(self) -> None:
        for text, said in (
            ("\n\nmesage-ttl = 3", "line 3: unknown option 'mesage-ttl': did you mean 'message-ttl'?"),
            ("max_mesages = 3", "line 1: unknown option 'max_mesages': did you mean 'max-messages'?"),
            ('"--ws" = 8080', "line 1: unknown option '--ws': did you mean 'ws'?"),
            ("zebra = 1", "line 1: unknown option 'zebra': twistd gim --help lists all options"),
            (
                "ws = 1\n[zebra]\nhttp = 2",
                "line 2: unknown table 'zebra': write options at the top of the file",
            ),
        ):
            self.assertTrue(self.refusal(text).startswith(said), self.refusal(text))

    def test_a_bad_value_is_named_with_its_line_and_key(self) -> None:
        for text, said in (
            ('\nmessage-ttl = "soon"', "line 2: message-ttl: 'soon' is not a valid duration"),
            ("message-push-count = -1", "line 1: message-push-count: '-1' is not a whole number"),
            ("message-push-count = 1.5", "line 1: message-push-count: '1.5' is not a whole number"),
            ("message-push-count = true", "line 1: message-push-count: 'true' is not a whole number"),
            ("enable-message-sequence = 1", "line 1: enable-message-sequence: '1' is neither true"),
            ("storage = 5", "line 1: storage: '5' is not a valid value: write memory or redis"),
            ("login-timeout = inf", "line 1: login-timeout: 'inf' is not a valid duration"),
            ("ws = [\n 8080,\n]", "line 1: ws: a list is not a valid value here"),
            ("ws.port = 8080", "line 1: ws: a table is not a valid value here"),
            ("message-ttl = 2026-01-01", "line 1: message-ttl: a date or time is not a valid value here"),
            ("trace-header = 5", "line 1: trace-header: this is not a string: write it in quotes"),
            ("ws = 1\nws_ = 2\n", "line 2: unknown option 'ws_'"),
        ):
            self.assertTrue(self.refusal(text).startswith(said), self.refusal(text))

    def test_an_option_given_twice_is_refused(self) -> None:
        line = self.refusal("ws = 1\ngateway-address = 2")
        self.assertEqual(
            line, f"line 2: gateway-address: {self.path}, line 1: ws is the same option: keep one of them"
        )
        self.assertTrue(self.refusal("ws = 1\nws = 2").startswith("line 2: it is not valid TOML: "))

    def test_what_is_no_toml_is_named_with_its_line(self) -> None:
        for text, line in ("ws = 1\nhttp = \n", 2), ('ws = 1\n\ntrace = """', 3), ("ws", 1):
            self.assertTrue(self.refusal(text).startswith(f"line {line}: it is not valid TOML: "), text)

    def test_what_does_not_fit_together_is_named_where_it_stands(self) -> None:
        line = self.refusal('\nredis-prefix = "x"')
        self.assertEqual(line, "line 2: redis-prefix: add --storage redis, or leave it out")
        line = self.refusal("max-messages = 5", GIM_STORAGE="redis")
        self.assertTrue(line.startswith("line 1: max-messages: it is for --storage memory"), line)
        line = self.refusal('max-content = "64KiB"')
        self.assertEqual(line, "line 1: max-content: it must be smaller than --max-packet")
        line = self.refusal("max-packet = 4096")
        self.assertEqual(line, "line 1: max-packet: it must be greater than --max-content")

    def test_a_byte_order_mark_and_line_ends_of_windows_are_no_hindrance(self) -> None:
        with open(self.path, "wb") as file:
            file.write(b"\xef\xbb\xbf# here\r\nws = 7\r\nhttp = 8\r\n")
        found = sources.from_file(self.path, SPELLINGS, {"gateway-address": str, "api-address": str})
        self.assertEqual(found["api-address"], ("8", f"{self.path}, line 3: http", "8"))

    def test_a_file_that_can_not_be_read_is_refused(self) -> None:
        with self.assertRaisesRegex(StartupError, "^/no/where: the configuration can't be read: No such"):
            sources.from_file("/no/where", {}, {})
        with open(self.path, "wb") as file:
            file.write(b"ws = 1\n# \xff")
        with self.assertRaisesRegex(StartupError, "line 2: it is not valid UTF-8"):
            sources.from_file(self.path, {}, {})

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["", "# a = 1\n", "\n", "  \n", "# '''\n"]),
                st.sampled_from(
                    [
                        "1",
                        '"x"',
                        "'''a\nb = 3\n'''",
                        '"""\nc = 1\\\n"""',
                        "[\n1,\n2,\n]",
                        "[[1],[\n2]]",
                        "{}",
                    ]
                ),
            ),
            max_size=6,
        )
    )
    def test_the_line_of_a_key_is_where_it_stands_whatever_is_around_it(self, parts) -> None:  # type: ignore[no-untyped-def]
        text, expected = "", {}
        for number, (before, value) in enumerate(parts):
            text += before
            expected[f"k{number}"] = text.count("\n") + 1
            text += f"k{number} = {value}\n"
        self.assertEqual(sources._lines(text), expected)


class ExampleTests(SourceTestCase):
    """contrib/gim.toml."""

    def setUp(self) -> None:
        super().setUp()
        self.text = EXAMPLE.getContent().decode()

    def test_it_is_good_as_it_is_and_changes_nothing(self) -> None:
        options = self.parse(self.text)
        defaults = Options()
        defaults.parseOptions([])
        self.assertEqual(dict(options) | {"config": ""}, dict(defaults))

    def test_it_holds_every_option_with_its_default(self) -> None:
        lines = [line[1:] for line in self.text.splitlines() if line[:1] == "#" and line[1:2] > " "]
        shown = tomllib.loads("\n".join(lines))
        texts = {key: str(value) for key, value in shown.items()}
        texts |= {key: str(value).lower() for key, value in shown.items() if isinstance(value, bool)}
        defaults = {name: option.default for name, option in OPTIONS.items()}
        without = {name for name, default in defaults.items() if default is None}  # shown with an example
        shown_defaults = {key: text for key, text in texts.items() if key not in without}
        self.assertEqual(shown_defaults, {name: defaults[name] for name in defaults.keys() - without})
        self.assertLessEqual(without, texts.keys())
