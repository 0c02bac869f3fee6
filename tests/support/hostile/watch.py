"""What is logged while hostile things come in: no errors, and no line that is forged."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from gim.log.format import as_json, as_text


class Watch:
    """Looks at every event of the process as it would be written."""

    def __init__(self, case: SynchronousTestCase) -> None:
        self._case = case
        self.bad: list[str] = []
        see: Any = self._see
        globalLogPublisher.addObserver(see)
        case.addCleanup(globalLogPublisher.removeObserver, see)

    def _see(self, event: LogEvent) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.error:
            self.bad.append(as_text(event))
        try:
            check_text(as_text(event))
            check_json(as_json(event))
        except AssertionError as error:
            self.bad.append(str(error))

    def check(self) -> None:
        """Fail for what was logged badly until now."""
        bad, self.bad = self.bad, []
        self._case.flushLoggedErrors()
        self._case.assertEqual(bad, [])


def check_text(text: str) -> None:
    """See that an event is one line of printable text, and at most a traceback below it."""
    first, *others = text.rstrip("\n").split("\n")
    assert not others or all(line.startswith("\t") for line in others), f"forged: {text!r}"
    for line in (first, *(line[1:] for line in others)):
        assert line.isprintable(), f"not printable: {line!r}"


def check_json(line: str) -> dict[str, Any]:
    """See that an event is one line of JSON in printable ASCII."""
    if not line:
        return {}
    assert line.endswith("\n") and line[:-1].isprintable() and line.isascii(), f"not a line: {line!r}"
    found = json.loads(line)
    assert isinstance(found, dict), line
    return found
