"""How many examples hypothesis draws in each property test, the same ones in every run.

``HYPOTHESIS_PROFILE`` chooses: ``quick`` is the default, ``ci`` draws more. `tests` loads the profile,
so a test needs no settings of its own.
"""

from __future__ import annotations

import os

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from tests.support.paths import ROOT

EXAMPLES = {"quick": 8, "ci": 300}


def load_profile() -> None:
    """Make the chosen profile hypothesis' default."""
    for name, examples in EXAMPLES.items():
        settings.register_profile(
            name, max_examples=examples, derandomize=True, deadline=None, database=None
        )
    set_hypothesis_home_dir(ROOT.child(".hypothesis").path)  # keeps tables that take seconds to make
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
