"""How lines of the log are written, and where they go."""

from __future__ import annotations

import json
import os
import syslog
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.application.service import Application
from twisted.logger import ILogObserver, LogEvent, LogLevel, LogPublisher, eventAsText, globalLogPublisher
from twisted.python import log
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gim.config.options import Options
from gim.config.settings import settings_of
from gim.log.format import as_json, as_text, visible
from gim.log.logger import Logger, traced
from gim.log.output import RotatedFile, prepare_log
from gim.log.syslog import SyslogObserver

_VALUES = st.one_of(
    st.text("a%{}\n", max_size=4), st.integers(), st.none(), st.floats(), st.lists(st.none())
)
_PARTS = st.sampled_from(
    ["at 5 %", "{a}", "{b}", "{b!r}", "{a:>5}", "{b()}", "{a.x}", "{none}", "{}", "{{", "{"]
)
_EVENTS = st.fixed_dictionaries(
    {"log_format": st.one_of(st.lists(_PARTS, max_size=4).map("".join), st.none(), st.just(b"{a}"))},
    optional={
        "a": _VALUES,
        "b": st.sampled_from([3, int]),
        "log_time": st.one_of(st.none(), st.integers(0, 2**33).map(lambda eighths: eighths / 8)),
        "log_namespace": st.just("gim.here"),
        "log_level": st.one_of(st.none(), st.just(LogLevel.warn)),
        "log_system": st.one_of(st.none(), st.just("system")),
        "log_flattened": st.just({}),
    },
)


def logged(write: Any, observer: Any) -> None:
    """Let *write* log through a logger of gim to an observer."""
    write(Logger("gim.here", observer=LogPublisher(observer)))


class JsonTests(SynchronousTestCase):
    def line(self, write: Any) -> dict[str, str]:
        lines: list[str] = []
        logged(write, lambda event: lines.append(as_json(event)))
        (text,) = lines
        self.assertTrue(text.endswith("\n") and text.count("\n") == 1 and text.isascii(), text)
        parsed: dict[str, str] = json.loads(text)
        return parsed

    def test_a_line_holds_time_level_logger_and_message(self) -> None:
        line = self.line(lambda log: log.warn("{who} is\nhere \N{SNOWMAN}", who="ann\x00\ud800"))
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        message = "ann\x00\ud800 is\nhere \N{SNOWMAN}"
        self.assertEqual(line, {"level": "warn", "logger": "gim.here", "message": message})

    def test_the_time_is_utc_with_milliseconds(self) -> None:
        event = {"log_time": 1795415469.3149, "log_format": "x", "log_level": LogLevel.info}
        self.assertEqual(json.loads(as_json(event))["time"], "2026-11-23T06:31:09.314Z")

    def test_a_trace_id_has_its_key_and_is_not_in_the_message_as_well(self) -> None:
        with traced("abc"):
            line = self.line(lambda log: log.info("hi"))
        self.assertEqual((line["message"], line["trace"]), ("hi", "abc"))

    def test_a_failure_is_a_traceback_in_one_string(self) -> None:
        line = self.line(lambda log: log.failure("it broke", Failure(ZeroDivisionError("by nought"))))
        self.assertEqual((line["level"], line["message"]), ("critical", "it broke"))
        self.assertIn("ZeroDivisionError: by nought", line["failure"])

    def test_a_failure_that_can_not_be_written_is_no_hindrance(self) -> None:
        class Broken(Failure):
            def getTraceback(self, *args: Any) -> str:
                raise RuntimeError("no")

        line = self.line(lambda log: log.failure("x", Broken(ValueError())))
        self.assertIn("no traceback", line["failure"])

    def test_lines_of_the_old_kind_are_written_as_well(self) -> None:
        lines: list[dict[str, str]] = []
        observer = implementer(ILogObserver)(lambda event: lines.append(json.loads(as_json(event))))
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        log.msg("a", "b")
        log.err(Failure(ZeroDivisionError("by nought")), "it broke")
        log.err(Failure(ZeroDivisionError("by nought")))
        self.assertEqual([line["message"] for line in lines], ["a b", "it broke", "Unhandled Error"])
        self.assertEqual([line["level"] for line in lines], ["info", "critical", "critical"])
        for line in lines[1:]:
            self.assertIn("ZeroDivisionError: by nought", line["failure"])
        self.flushLoggedErrors(ZeroDivisionError)

    def test_nothing_to_say_is_no_line(self) -> None:
        self.assertEqual(as_json({"log_time": 0.0, "log_level": LogLevel.info}), "")


class TextTests(SynchronousTestCase):
    def text(self, write: Any) -> str:
        texts: list[str] = []
        logged(write, lambda event: texts.append(as_text(event)))
        return "".join(texts)

    def test_a_line_holds_time_logger_level_and_message_and_the_trace_id(self) -> None:
        with traced("abc"):
            text = self.text(lambda log: log.warn("{who} is here", who="\N{SNOWMAN} ann"))
        self.assertRegex(
            text, r"^\d{4}-\d\d-\d\dT[\d:]+[+-]\d{4} \[gim\.here#warn\] ☃ ann is here trace=abc\n$"
        )

    @given(_EVENTS, st.booleans())
    def test_any_event_is_written_as_twisted_writes_it(self, event: LogEvent, with_time: bool) -> None:
        text = eventAsText(event, includeTraceback=False, includeTimestamp=with_time)
        self.assertEqual(as_text(event, with_time), f"{visible(text)}\n" if text else "")

    def test_what_can_not_be_seen_as_it_is_is_an_escape(self) -> None:
        for hostile, written in (
            (
                "a\n2026-01-01T00:00:00+0000 [gim#info] forged",
                r"a\n2026-01-01T00:00:00+0000 [gim#info] forged",
            ),
            ("\r\x1b[2K\x07\x7f", r"\r\x1b[2K\x07\x7f"),
            ("\x85\u2028\u2029", r"\x85\u2028\u2029"),
            ("\u202egnp.exe\u2066\ufeff\U000e0001", r"\u202egnp.exe\u2066\ufeff\U000e0001"),
            ("\ud800 \0", r"\ud800 \x00"),
        ):
            text = self.text(lambda log, hostile=hostile: log.info("{text}", text=hostile))
            self.assertTrue(text.endswith(f"[gim.here#info] {written}\n"), text)

    def test_a_traceback_stands_behind_tabs_whatever_it_says(self) -> None:
        failure = Failure(ZeroDivisionError("by\n2026-01-01T00:00:00+0000 [gim#info] \x1b[1mnought"))
        text = self.text(lambda log: log.failure("it broke", failure))
        first, *others = text.rstrip("\n").split("\n")
        self.assertTrue(first.endswith("[gim.here#critical] it broke"), first)
        self.assertTrue(all(line.startswith("\t") for line in others), text)
        self.assertIn("\t2026-01-01T00:00:00+0000 [gim#info] \\x1b[1mnought", others)

    def test_lines_of_the_old_kind_are_written_as_well(self) -> None:
        texts: list[str] = []
        observer = implementer(ILogObserver)(lambda event: texts.append(as_text(event)))
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        log.msg("a", "b")
        log.err(Failure(ZeroDivisionError("by nought")), "it broke")
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertTrue(texts[0].endswith("[-] a b\n"), texts)
        self.assertIn("it broke\n\tTraceback", texts[1])
        self.assertIn("\n\tFailure: builtins.ZeroDivisionError: by nought\n", texts[1])

    def test_nothing_to_say_is_no_line(self) -> None:
        self.assertEqual(as_text({"log_time": 0.0, "log_level": LogLevel.info}), "")


class SyslogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.opened: list[str] = []
        self.lines: list[tuple[int, str]] = []
        self.patch(syslog, "openlog", self.opened.append)
        self.patch(syslog, "syslog", lambda *line: self.lines.append(line))

    def test_json_is_one_line_with_the_priority_of_its_level(self) -> None:
        logged(lambda log: log.warn("a\nb"), SyslogObserver("gim", True))
        ((priority, line),) = self.lines
        self.assertEqual((self.opened, priority), (["gim"], syslog.LOG_WARNING))
        self.assertEqual(json.loads(line)["message"], "a\nb")

    def test_a_text_is_one_line(self) -> None:
        logged(lambda log: log.critical("a\n\nb\0"), SyslogObserver("gim", False))
        self.assertEqual(self.lines, [(syslog.LOG_CRIT, r"[gim.here#critical] a\n\nb\x00")])

    def test_each_line_of_a_traceback_goes_by_itself(self) -> None:
        failure = Failure(ZeroDivisionError("by\n[x#info] nought"))
        logged(lambda log: log.failure("it broke", failure), SyslogObserver("gim", False))
        texts = [text for priority, text in self.lines if priority == syslog.LOG_CRIT]
        self.assertEqual(texts[0], "[gim.here#critical] it broke")
        self.assertIn("  Failure: builtins.ZeroDivisionError: by", texts)
        self.assertTrue(all(text.startswith("  ") for text in texts[1:]), texts)

    def test_it_is_what_twistd_is_told_to_use(self) -> None:
        options = Options()
        options.parent = {"syslog": True, "prefix": "chat", "logger": None}  # type: ignore[assignment]
        options.parseOptions(["--log-level", "error", "--log-format", "json"])
        application = Application("gim")
        prepare_log(settings_of(options).log, options.parent, application)
        observer = application.getComponent(ILogObserver)
        logged(lambda log: (log.warn("no"), log.error("yes")), observer)
        self.assertEqual(self.opened, ["chat"])
        self.assertEqual([json.loads(line)["message"] for _, line in self.lines], ["yes"])


class RotatedFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = self.mktemp()
        os.makedirs(directory)
        self.path = os.path.join(directory, "log")
        self.file = RotatedFile.fromFullPath(self.path, 100, maxRotatedFiles=2)
        self.addCleanup(self.file.close)

    def content(self, suffix: str = "") -> str:
        with open(self.path + suffix) as file:
            return file.read()

    def test_it_is_rotated_when_it_is_told_to(self) -> None:
        self.file.write("a")
        self.file.renew()
        self.file.write("b")
        self.assertEqual((self.content(), self.content(".1")), ("b", "a"))

    def test_it_is_rotated_when_it_has_grown_and_the_oldest_goes(self) -> None:
        for letter in "abcd":
            self.file.write(letter * 100)
        self.assertEqual(
            (self.content(".2")[0], self.content(".1")[0], self.content()[0]), ("b", "c", "d")
        )
        self.assertFalse(os.path.exists(self.path + ".3"))

    def test_a_file_that_was_moved_away_is_opened_anew(self) -> None:
        for prepare in lambda: None, lambda: open(self.path, "w").close():
            self.file.write("a")
            os.rename(self.path, self.path + ".moved")
            prepare()
            self.file.renew()
            self.file.write("b")
            self.assertEqual((self.content(), self.content(".moved")[-1]), ("b", "a"))
            self.assertFalse(os.path.exists(self.path + ".1"))
            os.truncate(self.path, 0)

    def test_a_file_that_was_truncated_is_not_rotated_for_what_it_held(self) -> None:
        self.file.write("a" * 100)
        os.truncate(self.path, 0)
        self.file.write("b")
        self.assertEqual(self.content(), "b")
        self.assertFalse(os.path.exists(self.path + ".1"))

    def test_the_old_file_is_kept_where_a_new_one_can_not_be_made(self) -> None:
        os.rename(self.path, self.path + ".moved")
        os.mkdir(self.path)
        with self.assertRaises(OSError):
            self.file.renew()
        self.file.write("c")
        self.assertEqual(self.content(".moved"), "c")
