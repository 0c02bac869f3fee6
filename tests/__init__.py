"""Tests: ``unit``, ``integration``, ``support`` for both, and ``conformance`` suites of others."""

from tests.support.profiles import load_profile

load_profile()
