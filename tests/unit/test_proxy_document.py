"""docs/behind-a-proxy.md in step with the options."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from gim.config.options import Options
from tests.support.paths import ROOT


class ProxyDocumentTests(SynchronousTestCase):
    def test_every_timeout_is_longer_than_the_heartbeat_interval(self) -> None:
        text = ROOT.child("docs").child("behind-a-proxy.md").getContent().decode()
        options = Options()
        options.parseOptions([])
        timeouts = re.findall(r"(?:timeout tunnel |proxy_\w+_timeout |websocket timeout=)(\d+)", text)
        self.assertEqual(len(timeouts), 4)
        for timeout in timeouts:
            self.assertGreater(float(timeout), options["heartbeat-interval"])

    def test_pings_come_twice_within_the_default_timeouts_of_nginx_and_apache(self) -> None:
        options = Options()
        options.parseOptions([])
        self.assertLess(2 * options["ping-interval"], 60)
