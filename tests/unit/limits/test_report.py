from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gim.limits.limits import LimitHits
from gim.limits.report import REPORT_INTERVAL, LimitReport


class LimitLogTests(SynchronousTestCase):
    def test_one_line_in_ten_seconds_says_what_is_new(self) -> None:
        clock, hits = Clock(), LimitHits(is_enforced=True)
        log = LimitReport(hits, clock)
        with capturedLogs() as lines:
            log.startService()
            for _ in range(2000):
                hits.hit("max-packet-rate")
            hits.hit("max-connections")
            hits.hit("login-timeout")
            clock.advance(REPORT_INTERVAL)
            clock.advance(REPORT_INTERVAL)
            hits.hit("login-timeout")
            clock.advance(REPORT_INTERVAL)
            hits.hit("max-packet-rate")
            log.stopService()
        self.assertEqual(
            [formatEvent(line) for line in lines],
            [
                "limits were reached: --max-connections 1 times, --max-packet-rate 2000 times",
                "limits were reached: --max-packet-rate 1 times",
            ],
        )
        self.assertEqual(clock.getDelayedCalls(), [])
