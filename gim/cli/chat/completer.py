"""Completion with Tab, by the package prompt_toolkit."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from gim.cli.chat.book import Book
from gim.cli.chat.words import WORDS
from gim.cli.output import safe

_NAMING = ("to", "join", "leave", "read")  # words that take a conversation


class WordCompleter(Completer):
    """Completes words that begin with a slash, and conversations behind them."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        if not text.startswith("/"):
            return
        word, space, begun = text[1:].partition(" ")
        if not space:
            known = {name: each.does for name, each in WORDS.items()}
            yield from _matching(word, known)
        elif word in _NAMING:
            yield from _matching(begun, {each.word: self._book.title_of(each) for each in self._book})


def _matching(begun: str, known: dict[str, str]) -> Iterable[Completion]:
    for text, about in known.items():
        if text.startswith(begun):
            meta = "" if about == text else about
            yield Completion(text, -len(begun), display=safe(text), display_meta=meta)
