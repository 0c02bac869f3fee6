"""Lines that are too long for a terminal: they break between words, and go on below the text.

A line may break between any two characters of Chinese and Japanese, as in print.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from prompt_toolkit.utils import get_cwidth

from gim.cli.chat.painting import INDENT, Fragments

_CJK: Final = "\u2e80-\ua4cf\uf900-\ufaff\uff01-\uff60\U00020000-\U0003ffff"  # written without spaces
_CLOSING: Final = (
    "[、。〉》」』】\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3d\uff5d]*"  # begins no line
)
_PARTS: Final = re.compile(rf"\n| +|(?:[{_CJK}]|[^ \n{_CJK}]+){_CLOSING}")


def wrapped(line: Fragments, width: int) -> Fragments:
    """Break a line for a terminal that is *width* columns wide.

    A word that is wider than a line stays whole, for the terminal to break: a link can be copied then.
    """
    return [*_Wrapping(width).parts(line)]


class _Wrapping:
    def __init__(self, width: int) -> None:
        self._width = width
        self._column = 0
        self._spaces: Fragments = []  # since the last word: none of them ends a line

    def parts(self, line: Fragments) -> Iterator[tuple[str, str]]:
        for style, text in line:
            for part in _PARTS.findall(text):
                if part.startswith(" "):
                    self._spaces.append((style, part))
                elif part == "\n":
                    self._column, self._spaces = 0, []
                    yield style, part
                else:
                    yield from self._word(style, part)

    def _word(self, style: str, word: str) -> Iterator[tuple[str, str]]:
        wide, start = get_cwidth(word), self._column + sum(len(text) for _, text in self._spaces)
        if start + wide > self._width and len(INDENT) + wide <= self._width and start > len(INDENT):
            yield style, f"\n{INDENT}{word}"
            start = len(INDENT)
        else:
            yield from self._spaces
            yield style, word
        self._column, self._spaces = start + wide, []
        if self._column > self._width:  # the terminal breaks it
            self._column %= self._width
