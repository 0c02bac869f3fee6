"""Cut off and back again on the memory store: whole WebSocket connections, a clock moved by hand."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.support.pipe import Client, GatewayTestCase, ProtoClient
from tests.support.recovery import lost_messages
from tests.support.recovery.device import Cut, HungUp
from tests.support.recovery.random_run import RandomRun
from tests.support.world import result_of


class JsonPipe(Cut, Client):  # type: ignore[misc]
    """A JSON client that is cut off after so many bytes."""


class ProtoPipe(Cut, ProtoClient):  # type: ignore[misc]
    """A Protobuf client that is."""


class PipeLink:
    """Implements `tests.support.recovery.device.Link`."""

    _seqs = count(1)

    def __init__(self, case: GatewayTestCase, client: Client) -> None:
        self._case = case
        self._client = client

    @property
    def pushes(self) -> list[Any]:
        return self._case.pushes(self._client)

    async def ask(self, op: int, **body: Any) -> Any:
        seq, client = next(self._seqs), self._client
        if client.state != client.STATE_OPEN:
            raise HungUp
        client.say(op, body, seq)
        self._case.pump()
        for packet in reversed(client.packets):
            if packet["seq"] == seq:
                assert packet["body"]["code"] == 0, packet
                return packet["body"]["data"]
        raise HungUp

    async def cut(self) -> None:
        self._client.transport.abortConnection()  # type: ignore[union-attr]
        self._case.pump()


class PipeCase(GatewayTestCase):
    """Lives of devices, every other connection of which speaks Protobuf."""

    _kinds = count()

    def life(self, name: str, seed: int) -> RandomRun:
        return RandomRun(self, name, seed, self.link)  # type: ignore[arg-type]

    async def link(self, bytes_left: int | None) -> PipeLink:
        kind, protocol = ((JsonPipe, "gim.json"), (ProtoPipe, "gim.proto"))[next(self._kinds) % 2]
        made = type(kind.__name__, (kind,), {"bytes_left": bytes_left})
        return PipeLink(self, self.connect([protocol], kind=made))


class WholeTests(PipeCase):
    """While nothing is trimmed or expires, nothing is lost and nothing is said to be."""

    options = ("--enable-message-sequence",)

    def test_a_device_cut_off_at_random_ends_with_every_private_message_once(self) -> None:
        cuts = 0
        for seed in range(5):
            life = self.life(f"ann{seed}", seed)
            result_of(self.live(life))
            life.check_all_is_there()
            life.check_sequences()
            cuts += life.device.cuts_while_catching_up
        self.assertGreater(cuts, 10)

    async def live(self, life: RandomRun) -> None:
        await life.begin()
        await life.live(80)


class LossTests(PipeCase):
    """Where messages are trimmed and expire all the time, a device is told of each that it lacks."""

    options = (
        *("--max-session-messages", "40", "--max-messages", "100", "--message-ttl", "60"),
        *("--enable-message-sequence", "--heartbeat-interval", "1d", "--max-reactor-delay", "0"),
    )

    def test_a_device_cut_off_at_random_is_told_of_every_hole(self) -> None:
        for seed in range(5):
            life = self.life(f"ann{seed}", seed)
            result_of(self.live(life))
            life.check_sequences()
            self.assertGreater(life.lacking, 0)

    async def live(self, life: RandomRun) -> None:
        await life.begin()
        await life.live(80, self.time_goes_by)

    async def time_goes_by(self) -> None:
        self.clock.advance(40)
        self.pump()


class GapTests(PipeCase, lost_messages.LostMessageScenes):  # type: ignore[misc]
    """The scenes of `tests.support.recovery.lost_messages`."""

    options = lost_messages.OPTIONS

    async def advance(self, seconds: float) -> None:  # type: ignore[override]
        self.clock.advance(seconds)
        self.pump()

    async def lose_data(self) -> None:
        self.stop()
        self.start()

    def test_while_nothing_is_lost_nothing_is_said_to_be(self) -> None:
        result_of(self.play_nothing_lost())

    def test_a_trimmed_message_is_told_of(self) -> None:
        result_of(self.play_trimmed())

    def test_an_expired_message_is_told_of(self) -> None:
        result_of(self.play_expired())

    def test_a_session_that_expired_as_a_whole_is_told_of(self) -> None:
        result_of(self.play_a_whole_session_expired())

    def test_a_login_cut_by_the_1000_is_told_of(self) -> None:
        result_of(self.play_cut_by_the_1000())

    def test_another_epoch_is_told_of(self) -> None:
        result_of(self.play_another_epoch())
