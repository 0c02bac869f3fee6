"""A bot for gim: python3 bot.py ws://127.0.0.1:8080 helper 9999

It logs in as helper and joins chatroom 9999; more chatrooms may follow. It answers what is written to it
privately, and messages of chatrooms that begin with its id, such as "helper: dice". The file helper.json
keeps its place: when the bot starts again, it answers what came meanwhile. Ctrl-C and SIGTERM end it once
its answers are stored. After a kill -9, answers of the last second may be missing or come twice.

It needs ``pip install -e '.[client]'`` in a checkout of gim. If the server has a key, put the login token
into GIM_TOKEN.
"""

import asyncio
import os
import random
import signal
import sys

from gim.client import Chatroom, Failed, FileStore, Gap, GimError, Message, Reset, Sent, State
from gim.client.asyncio import Client, Pending

NOTICE = "notice"  # the category of answers: bots do not answer each other
SYSTEM = "."  # the server's administrator, who can't be written to
PATIENCE = 5.0  # seconds that answers may take at the end


def answer(text: str) -> str:
    match text.split():
        case ["dice"]:
            return f"you rolled {random.randint(1, 6)}"
        case ["echo", *words] if words:
            return " ".join(words)
    return "I know: dice, echo WORDS"


def reply(gim: Client, message: Message, me: str) -> Pending | None:
    """Answer a message that is meant for the bot. The answer waits in the outbox until it can go."""
    if message.category == NOTICE or message.sender.id in (me, SYSTEM):
        return None
    if message.session_id.startswith("2:"):
        return gim.post(message.sender.id, answer(message.content), NOTICE)
    called, _, text = message.content.partition(":")
    if called.strip() != me:
        return None
    room = Chatroom(message.session_id.removeprefix("1:"))
    return gim.post(room, f"{message.sender.name}: {answer(text)}", NOTICE)


async def serve(gim: Client, me: str, rooms: tuple[str, ...]) -> None:
    """Answer until the client is closed. When cancelled, wait for the answers that are on their way."""
    answers: list[asyncio.Future[Sent]] = []
    try:
        async for event in gim.events():
            match event:
                case Message() if pending := reply(gim, event, me):
                    answers = [each for each in answers if not each.done()] + [pending.future]
                case State() | Reset() | Gap() | Failed():
                    print(event, flush=True)
            if event == State("online"):  # each time: a server may lose its chatrooms when it restarts
                print(await asyncio.gather(*map(gim.join, rooms), return_exceptions=True), flush=True)
    finally:
        if answers:
            await asyncio.wait(answers, timeout=PATIENCE)


async def main(url: str, me: str, *rooms: str) -> None:
    for number in signal.SIGINT, signal.SIGTERM:
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    token, store = os.environ.get("GIM_TOKEN"), FileStore(f"{me}.json")
    try:
        async with Client(url, id=me, token=token, store=store) as gim:
            await serve(gim, me, rooms)
        sys.exit("the server closed the connection for good")
    except GimError as refused:
        sys.exit(f"the server refused the login: {refused}")
    except asyncio.CancelledError:
        pass


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
