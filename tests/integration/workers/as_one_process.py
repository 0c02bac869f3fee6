"""What a daemon of one process does, done by one with workers: the same tests."""

from __future__ import annotations

from tests.integration.client import test_browser
from tests.integration.daemon import (
    test_authentication,
    test_clock_steps,
    test_draining,
    test_limits,
    test_logging,
    test_metrics,
    test_moderation,
    test_open_files,
    test_protobuf,
    test_reloading,
    test_running,
    test_systemd,
    test_webhooks,
)


class PageTests(test_browser.TalkTests):
    worker_count = 2


class StoppingTests(test_running.StoppingTests):
    worker_count = 2


class DrainingTests(test_draining.DrainingTests):
    worker_count = 2


class WaysToRunTests(test_running.WaysToRunTests):
    worker_count = 2


class ReloadingTests(test_reloading.ReloadingTests):
    worker_count = 2


class FormatTests(test_logging.FormatTests):
    worker_count = 2


class LogFileTests(test_logging.DaemonTests):
    worker_count = 2


class ActivationTests(test_systemd.ActivationTests):
    worker_count = 2


class WebhookTests(test_webhooks.DaemonTests):
    worker_count = 2


class MetricsTests(test_metrics.MetricsTests):
    worker_count = 2


class ConnectionLimitTests(test_limits.ConnectionTests):
    worker_count = 2


class ProxyTests(test_limits.ProxyTests):
    worker_count = 2


class OpenFilesTests(test_open_files.OpenFilesTests):
    worker_count = 2


class KeyTests(test_authentication.KeyTests):
    worker_count = 2


class ModerationTests(test_moderation.ModerationTests):
    worker_count = 2


class ProtobufTests(test_protobuf.ChatroomTests):
    worker_count = 2


class ClockStepTests(test_clock_steps.ClockSteps):
    worker_count = 2
