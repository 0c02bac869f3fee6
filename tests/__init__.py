"""Tests: ``unit``, ``integration``, ``support`` for both, and ``conformance`` suites of others."""

import gc

from tests.support.profiles import load_profile

load_profile()
gc.set_threshold(50_000, 20, 20)  # to follow all objects of the tests takes 0.1 s
