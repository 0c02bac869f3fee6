"""What the tests of the JSON decoder share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.wire.json import JsonCodec
from gim.wire.packets import BadPacket, Packet


def raw(**fields: object) -> str:
    """Write a JSON object of values that are JSON text already, or should be."""
    return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"


class DecodeCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.codec = JsonCodec()

    def decode(self, payload: bytes | str) -> Packet:
        return self.codec.decode(payload if isinstance(payload, bytes) else payload.encode(), False)

    def refusal(self, payload: bytes | str) -> BadPacket:
        return self.assertRaises(BadPacket, self.decode, payload)

    def assertRefused(self, payload: bytes | str, op: int, seq: int, field: str | None = None) -> None:
        refused = self.refusal(payload)
        self.assertEqual((refused.code, refused.op, refused.seq), (400, op, seq), payload[:100])
        self.assertNotEqual(str(refused), "")
        if field is not None:
            self.assertEqual(str(refused).partition(": ")[0], field, payload[:100])
