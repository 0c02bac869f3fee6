"""Lines above the prompt, by the package prompt_toolkit."""

from __future__ import annotations

import asyncio

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from gim.cli.chat.painting import STYLE, Fragments
from gim.cli.chat.wrapping import wrapped


class TerminalScreen:
    """Prints lines above the prompt.

    The terminal stays in raw mode meanwhile, which `print_formatted_text` of the package does not see to:
    a key that the user presses in that moment would be lost.
    """

    def __init__(self, *, has_color: bool) -> None:
        self.color_depth = None if has_color else ColorDepth.DEPTH_1_BIT
        self.style = Style.from_dict(dict(STYLE) if has_color else {"bottom-toolbar": "noreverse"})
        self.app: Application[str] | None = None  # draws the prompt
        self._lines: list[Fragments] = []
        self._printing: asyncio.Task[None] | None = None

    def show(self, line: Fragments) -> None:
        self._lines.append(line)
        if self._printing is None or self._printing.done():
            self._printing = asyncio.create_task(self._print())

    def refresh(self) -> None:
        if self.app is not None:
            self.app.invalidate()

    async def _print(self) -> None:
        while self._lines:
            if self.app is not None:  # what it asked about the cursor must be answered before that moves
                await self.app.renderer.wait_for_cpr_responses()
            self.flush()

    def flush(self) -> None:
        """Print what was collected."""
        lines, self._lines = self._lines, []
        app = self.app
        if app is None or not lines:
            return
        width = app.output.get_size().columns
        text = FormattedText([part for line in lines for part in (*wrapped(line, width), ("", "\n"))])
        is_prompting = app.is_running and not app.is_done
        if is_prompting:
            app.renderer.erase()
        print_formatted_text(
            app.output, text, self.style, color_depth=self.color_depth or app.color_depth
        )
        if is_prompting:
            app.renderer.request_absolute_cursor_position()
            app.invalidate()
