from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gim.limits.limits import Limits
from gim.limits.report import EVERY, LimitReport


class LimitLogTests(SynchronousTestCase):
    def test_one_line_in_ten_seconds_says_what_is_new(self) -> None:
        clock, limits = Clock(), Limits()
        log = LimitReport(limits, clock)
        with capturedLogs() as lines:
            log.startService()
            for _ in range(2000):
                limits.hit("max-packet-rate")
            limits.hit("max-connections")
            limits.hit("login-timeout")
            clock.advance(EVERY)
            clock.advance(EVERY)
            limits.hit("login-timeout")
            clock.advance(EVERY)
            limits.hit("max-packet-rate")
            log.stopService()
        self.assertEqual(
            [formatEvent(line) for line in lines],
            [
                "limits were reached: --max-connections 1 times, --max-packet-rate 2000 times",
                "limits were reached: --max-packet-rate 1 times",
            ],
        )
        self.assertEqual(clock.getDelayedCalls(), [])
