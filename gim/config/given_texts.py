"""Options from the texts that another process was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gim.config.table import OPTIONS


class GivenTexts:
    """The options by their long names, as `gim.config.options.Options` has them after parsing."""

    def __init__(self, texts: Mapping[str, str], origins: Mapping[str, str]) -> None:
        """*texts* and *origins* are those of `Options`: of the options that are not defaults."""
        self.origins = dict(origins)
        self.texts = dict(texts)
        self._values = {
            name: option.read(texts[name]) if name in texts else option.default_value
            for name, option in OPTIONS.items()
        }

    def __getitem__(self, name: str, /) -> Any:
        return self._values[name]
