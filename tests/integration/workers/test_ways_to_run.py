"""What a daemon of one process does, done by one with workers: the same tests."""

from __future__ import annotations

from tests.integration.daemon import test_reloading, test_running, test_systemd, test_webhooks


class StoppingTests(test_running.StoppingTests):
    workers = 2


class WaysToRunTests(test_running.WaysToRunTests):
    workers = 2


class ReloadingTests(test_reloading.ReloadingTests):
    workers = 2


class ActivationTests(test_systemd.ActivationTests):
    workers = 2


class WebhookTests(test_webhooks.DaemonTests):
    workers = 2
