"""What a daemon of one process does, done by one with workers: the same tests."""

from __future__ import annotations

from tests.integration.daemon import test_reloading, test_running, test_systemd, test_webhooks


class StoppingTests(test_running.StoppingTests):
    worker_count = 2


class WaysToRunTests(test_running.WaysToRunTests):
    worker_count = 2


class ReloadingTests(test_reloading.ReloadingTests):
    worker_count = 2


class ActivationTests(test_systemd.ActivationTests):
    worker_count = 2


class WebhookTests(test_webhooks.DaemonTests):
    worker_count = 2
