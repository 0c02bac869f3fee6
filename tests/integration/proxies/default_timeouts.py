"""Proxies with their own timeouts for quiet connections, a minute each: for ``make proxies``."""

from __future__ import annotations

from tests.integration.proxies import test_proxies
from tests.support import proxies


class NginxDefaultTests(proxies.DefaultTimeoutCase, test_proxies.NginxTests):
    """nginx with its ``proxy_read_timeout`` of 60 s."""


class ApacheDefaultTests(proxies.DefaultTimeoutCase, test_proxies.ApacheTests):
    """Apache with its ``Timeout`` of 60 s."""
