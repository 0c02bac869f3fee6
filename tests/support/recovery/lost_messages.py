"""Every way to lose a message between two logins, as a client sees it."""

from __future__ import annotations

from typing import Any
from unittest import TestCase

from gim.concurrency.gather import gather
from tests.support.recovery.device import PRIVATE, Device, Link

# options that these scenes need; 400 messages of a session are less than the 1,000 of a login
OPTIONS = ("--max-session-messages", "400", "--message-ttl", "60", "--heartbeat-interval", "1d")


class LostMessageScenes(TestCase):
    """Scenes: a device has one message of bob's and goes, something happens, and it comes back."""

    scene = ""  # a part of the ids of its users

    async def link(self, bytes_left: int | None) -> Link:
        raise NotImplementedError

    async def advance(self, seconds: float) -> None:
        """Move the clock that messages expire by."""
        raise NotImplementedError

    async def lose_data(self) -> None:
        """Let the storage begin anew, with nothing in it."""
        raise NotImplementedError

    async def send(self, sender: str, count: int = 1) -> None:
        link, device_id = await self.link(None), "ann" + self.scene
        await link.ask(101, id=sender + self.scene)
        contents = (f"{sender} {number}" for number in range(count))
        await gather(link.ask(201, type=PRIVATE, target_id=device_id, content=one) for one in contents)
        await link.cut()

    async def device(self) -> Device:
        device = Device("ann" + self.scene)
        await device.login(await self.link(None))
        await self.send("bob")
        await device.sync()
        await device.hang_up()
        self.assertEqual(len(device.messages), 1)
        return device

    async def come_back(self, device: Device, missed: int, recovered: bool) -> Any:
        """Log in with what the device has; return the reply."""
        told = device.times_told
        await device.login(await self.link(None))
        self.assertEqual(device.answer["missed"], missed)
        self.assertEqual(device.answer["recovered"], recovered)
        self.assertEqual(device.times_told, told + (not recovered))
        self.assertGreaterEqual(len(device.messages), missed)
        return device.answer

    async def play_all(self) -> None:
        """Play each with people of its own; the last one takes the data of all."""
        for play in (
            self.play_nothing_lost,
            self.play_trimmed,
            self.play_expired,
            self.play_a_whole_session_expired,
            self.play_cut_by_the_1000,
            self.play_another_epoch,
        ):
            self.scene = play.__name__
            await play()

    async def play_nothing_lost(self) -> None:
        device = await self.device()
        await self.send("bob", 150)
        await self.send("cat")
        await self.come_back(device, 151, True)
        self.assertEqual(len(device.messages), 152)

    async def play_trimmed(self) -> None:
        device = await self.device()
        await self.send("bob", 400)
        await self.come_back(device, 400, True)
        await device.hang_up()
        await self.send("bob", 401)
        await self.come_back(device, 400, False)

    async def play_expired(self) -> None:
        device = await self.device()
        await self.send("bob")
        await self.advance(40)
        await self.send("bob")
        await self.advance(21)
        await self.come_back(device, 1, False)

    async def play_a_whole_session_expired(self) -> None:
        device = await self.device()
        await self.send("cat")
        await self.advance(61)
        await self.come_back(device, 0, False)
        await device.hang_up()
        await self.send("cat")
        await self.come_back(
            device, 1, False
        )  # nothing newer has come since, so that hole is still there
        await device.hang_up()
        await self.come_back(device, 0, True)

    async def play_cut_by_the_1000(self) -> None:
        device = await self.device()
        for sender, count in ("bob", 400), ("cat", 400), ("dan", 201):
            await self.send(sender, count)
        await self.come_back(device, 1000, False)
        lacking = {f"bob {n}" for n in range(400)} - {m["content"] for m in device.messages.values()}
        self.assertEqual(lacking, set())  # loaded anew

    async def play_another_epoch(self) -> None:
        device = await self.device()
        before = device.epoch
        await self.lose_data()
        await self.send("cat", 2)
        answer = await self.come_back(device, 2, False)
        self.assertNotEqual(answer["epoch"], before)
        await device.hang_up()
        await self.come_back(device, 0, True)
