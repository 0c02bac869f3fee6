"""examples/bot.py, which comes and goes."""

from __future__ import annotations

import os
import signal

from tests.integration.examples.network import Network
from tests.support.daemon_process import SCRIPTS, SHELL, Client, DaemonTestCase, Process
from tests.support.paths import ROOT

SCRIPT = ROOT.child("examples").child("bot.py")
HELP = "I know: dice, echo WORDS"


class BotTests(DaemonTestCase):
    async def start(self, port: int) -> Process:
        """Start the bot where it was before, as helper of chatroom 9999; wait until it is a member."""
        bot = self.run_bot(port)
        await bot.says("Joined")
        return bot

    def run_bot(self, port: int) -> Process:
        words = f"cd {self.home} && exec {SCRIPTS.child('python').path} {SCRIPT.path}"
        return self.spawn("python", "-c", SHELL, f"{words} ws://127.0.0.1:{port} helper 9999")

    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        os.mkdir(self.home)

    async def user(self, id: str) -> Client:
        user = await self.client()
        await user.ask(101, id=id)
        return user

    async def hear(self, user: Client) -> list[str]:
        """Return what the next push says; events and replies are passed over."""
        while (packet := await user.packet())["op"] != 207:
            pass
        return [item["content"] for item in packet["body"]["items"]]

    async def test_it_answers_privately(self) -> None:
        await self.daemon()
        await self.start(self.ws)
        ann = await self.user("ann")
        for content, answer in (("echo a  b", "a b"), ("what?", HELP), ("dice", "you rolled [1-6]")):
            ann.request(201, type=2, target_id="helper", content=content)
            (said,) = await self.hear(ann)
            self.assertRegex(said, f"^{answer}$")

    async def test_in_a_chatroom_it_answers_who_calls_it(self) -> None:
        await self.daemon("--message-push-duration", "1ms")
        await self.start(self.ws)
        ann = await self.user("ann")
        await ann.ask(301, id="9999")
        contents = ("hello all", "helper: echo hi", "helper")
        for content in contents:
            ann.request(201, type=1, target_id="9999", content=content)
        said: list[str] = []
        while len(said) < 5:
            said += await self.hear(ann)
        self.assertEqual([each for each in said if each in contents], list(contents))
        self.assertEqual([each for each in said if each not in contents], ["ann: hi", f"ann: {HELP}"])

    async def test_it_answers_no_other_bot(self) -> None:
        await self.daemon()
        await self.start(self.ws)
        ann = await self.user("ann")
        ann.request(201, type=2, target_id="helper", content="echo one", category="notice")
        ann.request(201, type=2, target_id="helper", content="echo two")
        self.assertEqual(await self.hear(ann), ["two"])

    async def test_it_ends_cleanly_and_goes_on_where_it_was(self) -> None:
        await self.daemon("--message-push-duration", "1ms")
        ann = await self.user("ann")
        for round, number in enumerate((signal.SIGTERM, signal.SIGINT)):
            ann.request(201, type=2, target_id="helper", content=f"echo {round}")
            bot = await self.start(self.ws)
            self.assertEqual(await self.hear(ann), [str(round)])
            bot.signal(number)
            self.assertEqual((await bot.exited, bot.output[2]), (0, ""))
        await ann.ask(301, id="9999")
        ann.request(201, type=1, target_id="9999", content="helper: echo room")
        self.assertEqual(await self.hear(ann), ["helper: echo room"])
        await self.start(self.ws)
        self.assertEqual(await self.hear(ann), ["ann: room"])

    async def test_what_comes_while_its_connection_is_broken_is_answered_once(self) -> None:
        await self.daemon("--message-push-duration", "1ms")
        network = Network(self.ws)
        self.addCleanup(network.go_down)
        bot = await self.start(network.entry)
        ann = await self.user("ann")
        await ann.ask(301, id="9999")
        await network.go_down()
        await bot.says("waiting")
        ann.request(201, type=2, target_id="helper", content="echo private")
        ann.request(201, type=1, target_id="9999", content="helper: echo room")
        self.assertEqual(await self.hear(ann), ["helper: echo room"])
        network.come_back()
        await bot.says("(?s)Joined.*Joined")
        answers = [*await self.hear(ann), *await self.hear(ann)]
        self.assertEqual(sorted(answers), ["ann: room", "private"])
        ann.request(201, type=2, target_id="helper", content="echo last")
        self.assertEqual(await self.hear(ann), ["last"])

    async def test_it_is_not_wanted(self) -> None:
        await self.daemon(GIM_AUTH_KEY="a secret of thirty-two bytes, 0123")
        bot = self.run_bot(self.ws)
        self.assertEqual(await bot.exited, 1)
        self.assertIn("the server refused the login: 401, token: missing", bot.output[2])
