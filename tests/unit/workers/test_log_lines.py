"""Log lines on their way from a worker to where its parent writes them."""

from __future__ import annotations

import io
import json
import os
import syslog
from threading import Thread
from typing import Any

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    LogPublisher,
    globalLogPublisher,
    jsonFileLogObserver,
    textFileLogObserver,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gim.link.channel import Channel
from gim.log.format import as_json, as_text
from gim.log.logger import Logger, traced
from gim.log.output import LogTarget, RotatedFile
from gim.workers.control import LogLines
from gim.workers.log_lines import (
    MAX_MESSAGE,
    MAX_UNSENT,
    REPORT_PAUSE,
    LineForm,
    LinkLog,
    form_of,
    writer,
)
from tests.support.channels import MemoryEnd, connect
from tests.support.workers import FakeReactor, observe_log


class LinkTestCase(SynchronousTestCase):
    """Worker 2 and its parent."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()

    def join(self, target: LogTarget) -> None:
        """Connect a worker to a parent that writes to *target*."""
        self.worker = Channel((), self.reactor, on_end=lambda why: None)
        parent = Channel((LogLines,), self.reactor, on_end=lambda why: None)
        parent.handle(LogLines, writer(target))
        self.end: MemoryEnd = connect(self.worker, parent)[0]
        self.link_log = LinkLog(2, form_of(target), self.worker, self.reactor)
        self.log = Logger("gim.here", observer=LogPublisher(self.link_log))

    def pump(self) -> None:
        self.reactor.pump([0, 0, 0])

    def zero(self, text: str) -> Failure:
        try:
            raise ZeroDivisionError(text)
        except ZeroDivisionError:
            return Failure()


class StreamTests(LinkTestCase):
    def written(self, json: bool, *writes: Any) -> str:
        out = io.StringIO()
        self.join(LogTarget("info", json, out))
        for write in writes:
            write(self.log)
        self.pump()
        return out.getvalue()

    def test_a_text_has_the_number_behind_the_level(self) -> None:
        with traced("abc"):
            text = self.written(False, lambda log: log.warn("{who} is\nhere", who="ann"))
        self.assertRegex(
            text, r"^\d{4}-\d\d-\d\dT[\d:]+[+-]\d{4} \[gim\.here#warn 2\] ann is\\nhere trace=abc\n$"
        )

    def test_json_has_the_number_as_worker(self) -> None:
        with traced("abc"):
            line = json.loads(self.written(True, lambda log: log.warn("ann is\nhere")))
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        expected = {"level": "warn", "logger": "gim.here", "message": "ann is\nhere"}
        self.assertEqual(line, {**expected, "worker": 2, "trace": "abc"})

    def test_a_failure_keeps_its_form(self) -> None:
        failure = self.zero("by\nnought")
        first, *others = self.written(False, lambda log: log.failure("broken", failure)).splitlines()
        self.assertTrue(first.endswith("[gim.here#critical 2] broken"), first)
        self.assertEqual(others, ["\t" + line for line in failure.getTraceback().splitlines()])
        line = json.loads(self.written(True, lambda log: log.failure("broken", failure)))
        self.assertEqual((line["message"], line["failure"]), ("broken", failure.getTraceback()))

    def test_a_line_of_the_old_kind_has_the_number_behind_its_system(self) -> None:
        event = {"log_time": 0.0, "log_system": "old", "log_format": "hi", "log_level": LogLevel.info}
        text = self.written(False, lambda log: self.link_log(event))
        self.assertTrue(text.endswith(" [old 2] hi\n"), text)

    def test_lines_of_an_iteration_go_together_and_in_order(self) -> None:
        text = self.written(False, *(lambda log, n=n: log.info("{n}", n=n) for n in range(1000)))
        self.assertEqual([int(line.split()[-1]) for line in text.splitlines()], list(range(1000)))
        self.assertEqual(len(self.end.writes), 1)

    def test_nothing_to_say_is_no_line(self) -> None:
        self.assertEqual(self.written(False, lambda log: self.link_log({"log_time": 0.0})), "")
        self.assertEqual(self.end.writes, [])

    def test_another_thread_can_log_too(self) -> None:
        def log_in_thread(log: Logger) -> None:
            thread = Thread(target=log.info, args=("hi",))
            thread.start()
            thread.join()
            self.assertEqual(len(self.reactor.from_threads), 1)
            for call, *arguments in self.reactor.from_threads:
                call(*arguments)

        self.assertIn("] hi\n", self.written(False, log_in_thread))


class FloodTests(LinkTestCase):
    def test_what_the_parent_does_not_read_is_left_out_and_counted(self) -> None:
        out = io.StringIO()
        self.join(LogTarget("info", True, out))
        self.end.is_stuck = True
        size = MAX_UNSENT // 100
        for number in range(200):
            self.log.info("{number} {text}", number=number, text="x" * size)
            self.pump()
        self.assertLess(self.worker.queued, MAX_UNSENT * 1.1)
        self.assertEqual(out.getvalue(), "")
        self.end.unstick()
        self.pump()
        self.log.info("again")
        self.reactor.advance(REPORT_PAUSE)
        self.pump()
        messages = [json.loads(line)["message"] for line in out.getvalue().splitlines()]
        *first, again = messages
        self.assertEqual([int(each.split()[0]) for each in first], list(range(len(first))))
        self.assertTrue(90 < len(first) < 110, len(first))
        self.assertEqual(again, "again")

    def test_it_says_how_many_even_if_nothing_else_is_to_say(self) -> None:
        self.join(LogTarget("info", True, io.StringIO()))
        said: list[str] = []
        observe_log(self, lambda event: said.append(as_text(event, False)))
        self.end.is_stuck = True
        for _ in range(20):
            self.log.info("{text}", text="x" * (MAX_UNSENT // 10))
            self.pump()
        self.reactor.advance(REPORT_PAUSE)
        self.assertEqual(said, [])  # there is no room yet
        self.end.unstick()
        self.reactor.advance(REPORT_PAUSE)
        (line,) = said
        self.assertRegex(line, r"#warn\] (9|10) log lines were left out: more came than could be")

    def test_many_go_in_several_messages(self) -> None:
        received: list[LogLines] = []
        self.join(LogTarget("info", True, io.StringIO()))
        self.end.other.channel.handle(LogLines, received.append)
        for number in range(1000):
            self.log.info("{number} {text}", number=number, text="x" * 1000)
        self.pump()
        sizes = [sum(len(text) for _, text in message.lines) for message in received]
        self.assertTrue(all(MAX_MESSAGE <= size < MAX_MESSAGE + 1500 for size in sizes[:-1]), sizes)
        texts = [json.loads(text)["message"] for message in received for _, text in message.lines]
        self.assertEqual([int(text.split()[0]) for text in texts], list(range(1000)))

    def test_many_within_one_iteration_are_bounded_too(self) -> None:
        out = io.StringIO()
        self.join(LogTarget("info", True, out))
        for _ in range(50):
            self.log.info("{text}", text="x" * (MAX_UNSENT // 10))
        self.pump()
        self.assertLess(len(out.getvalue()), MAX_UNSENT * 1.2)


class TargetTests(LinkTestCase):
    """Where the parent writes."""

    def test_a_file_is_rotated_between_lines(self) -> None:
        directory = self.mktemp()
        os.makedirs(directory)
        path = os.path.join(directory, "log")
        file = RotatedFile.fromFullPath(path, 10_000, maxRotatedFiles=50)
        self.addCleanup(file.close)
        self.join(LogTarget("info", True, file))
        for number in range(1000):
            self.log.info("{number}", number=number)
            if number % 10 == 0:
                self.pump()
            if number == 500:
                file.renew()
        self.pump()
        numbers: list[int] = []
        files = sorted(os.listdir(directory), key=lambda name: -int(name.partition(".")[2] or 0))
        for name in files:
            with open(os.path.join(directory, name)) as part:
                numbers += [int(json.loads(line)["message"]) for line in part]
        self.assertGreater(len(files), 5)
        self.assertEqual(numbers, list(range(1000)))

    def test_syslog_gets_each_line_with_its_priority(self) -> None:
        lines: list[tuple[int, str]] = []
        self.patch(syslog, "syslog", lambda *line: lines.append(line))
        self.join(LogTarget("info", json=False, prefix="chat"))
        self.log.warn("careful")
        self.log.failure("broken", self.zero("by nought"))
        self.pump()
        self.assertEqual(lines[0], (syslog.LOG_WARNING, "[gim.here#warn 2] careful"))
        self.assertEqual(lines[1], (syslog.LOG_CRIT, "[gim.here#critical 2] broken"))
        self.assertTrue(all(text.startswith("  ") for _, text in lines[2:]), lines)
        self.assertIn((syslog.LOG_CRIT, "  builtins.ZeroDivisionError: by nought"), lines)

    def events(self, *writes: Any) -> list[LogEvent]:
        """Return what the parent's observers get where Twisted has the log, as under twist."""
        events: list[LogEvent] = []
        observer = implementer(ILogObserver)(lambda event: events.append(event))
        self.join(LogTarget("info", json=True))
        globalLogPublisher.addObserver(observer)
        for write in writes:
            write(self.log)
        self.pump()
        globalLogPublisher.removeObserver(observer)
        return events

    def test_observers_of_twisted_get_events(self) -> None:
        with traced("abc"):
            (event,) = self.events(
                lambda log: log.warn("{who} {is} here", who="{ann}", is_=1, **{"is": 2})
            )
        self.assertTrue(as_text(event).endswith(" [gim.here#warn 2] {ann} 2 here trace=abc\n"))
        line = json.loads(as_json(event))
        self.assertEqual((line["message"], line["worker"], line["trace"]), ("{ann} 2 here", 2, "abc"))
        out = io.StringIO()
        textFileLogObserver(out)(event)
        jsonFileLogObserver(out)(event)
        self.assertIn(" [gim.here#warn 2] {ann} 2 here trace=abc\n", out.getvalue())

    def test_a_failure_is_written_there_as_it_was(self) -> None:
        failure = self.zero("by nought")
        (event,) = self.events(lambda log: log.failure("broken", failure))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(json.loads(as_json(event))["failure"], failure.getTraceback())
        out = io.StringIO()
        textFileLogObserver(out)(event)
        self.assertIn(
            "".join(f"\t{line}\n" for line in failure.getTraceback().splitlines()), out.getvalue()
        )
        jsonFileLogObserver(out)(event)

    def test_workers_write_as_the_target_wants(self) -> None:
        for target, form in (
            (LogTarget("warn", False, io.StringIO()), LineForm("warn", json=False, with_time=True)),
            (LogTarget("info", True, prefix="chat"), LineForm("info", json=True, with_time=False)),
            (LogTarget("info", True), LineForm("info", json=True, with_time=True)),
        ):
            self.assertEqual(form_of(target), form)
