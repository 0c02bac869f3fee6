"""Where the checkout is, and the code of gim in it."""

from __future__ import annotations

from glob import glob

from twisted.python.filepath import FilePath

ROOT: FilePath[str] = FilePath(__file__).parent().parent().parent()


def gim_modules() -> dict[str, str]:
    """Return the source of each module of gim, by its path below the checkout."""
    found: dict[str, str] = {}
    for path in sorted(glob("gim/**/*.py", root_dir=ROOT.path, recursive=True)):
        with open(f"{ROOT.path}/{path}", encoding="utf-8") as file:
            found[path] = file.read()
    return found
