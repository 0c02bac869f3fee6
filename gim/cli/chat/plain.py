"""The chat without a terminal: lines in, lines out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from gim.cli.chat.book import Conversation
from gim.cli.line_sender import LineSender
from gim.cli.listener import Listener
from gim.cli.output import Output
from gim.client.asyncio import Client
from gim.client.events import Event, Sent

_FORMAT = "{time} {sender}: {content}"


async def chat(
    client: Client, events: AsyncIterator[Event], me: str, conversation: Conversation, output: Output
) -> int:
    """Send each line of standard input, and print what others write, until the input ends.

    Returns the exit status once all lines have ended. Raises `Failure`, `GimError`.
    """
    if conversation.is_room:
        await client.join(conversation.target)
    listener = Listener(output, _FORMAT, [conversation.session], prints_events=False, without=me)

    def stored(number: int, sent: Sent) -> None:
        """The user knows what they wrote."""

    sender = LineSender(client, conversation.receiver, "text", take=listener.take, stored=stored)
    return await sender.run(events)
