"""Where the checkout is."""

from __future__ import annotations

from twisted.python.filepath import FilePath

ROOT: FilePath[str] = FilePath(__file__).parent().parent().parent()
