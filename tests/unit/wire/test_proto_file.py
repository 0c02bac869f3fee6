"""gim.proto: the same fields as the structs, and the compiled module made of it."""

from __future__ import annotations

import importlib.resources
import sys

import msgspec
from google.protobuf.message import Message
from msgspec import Struct
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gim import model, wire
from gim.wire import gim_pb2 as pb
from gim.wire.requests import OPERATIONS
from tests.support.wire import proto_values

MIRRORED: list[tuple[type[Struct], type[Message]]] = [
    *((each.request, proto_values.REQUESTS[op]) for op, each in OPERATIONS.items()),
    *((each.reply, proto_values.DATA[op + 1]) for op, each in OPERATIONS.items()),
    (model.SessionItem, pb.SessionItem),
    (model.Member, pb.Member),
    (model.User, pb.User),
    (model.Message, pb.Message),
    (model.SessionHead, pb.Session),
    (model.Push, pb.Push),
    (model.Event, pb.Event),
]


class MirrorTests(SynchronousTestCase):
    def test_every_message_has_the_fields_of_its_struct_numbered_in_their_order(self) -> None:
        for struct, message in MIRRORED:
            fields = [(field.name, field.number) for field in message.DESCRIPTOR.fields]
            expected = [(name, n) for n, name in enumerate(struct.__struct_fields__, 1)]
            self.assertEqual(fields, expected, message)

    def test_what_a_request_may_leave_out_or_say_0_in_is_optional_and_nothing_else(self) -> None:
        for op, operation in OPERATIONS.items():
            for field in msgspec.structs.fields(operation.request):
                has_presence = (
                    proto_values.REQUESTS[op].DESCRIPTOR.fields_by_name[field.name].has_presence
                )
                may_be_0 = (op, field.name) == (313, "seconds")
                self.assertEqual(has_presence, not field.required or may_be_0, (op, field.name))

    def test_the_envelopes_are_those_of_the_protocol(self) -> None:
        for message, names in (pb.Packet, ["op", "body", "seq"]), (pb.Reply, ["code", "msg", "data"]):
            self.assertEqual([field.name for field in message.DESCRIPTOR.fields], names)

    def test_every_message_is_looked_at_here(self) -> None:
        seen = {message.DESCRIPTOR.name for _, message in MIRRORED} | {"Packet", "Reply"}
        self.assertEqual(set(pb.DESCRIPTOR.message_types_by_name), seen)
        self.assertEqual(pb.DESCRIPTOR.package, "gim.v1")


class CompiledTests(TestCase):
    async def test_the_compiled_module_is_what_make_proto_makes_of_gim_proto(self) -> None:
        made = FilePath(self.mktemp())
        made.makedirs()
        source = FilePath(str(importlib.resources.files(wire)))
        words = ("-m", "grpc_tools.protoc", "-I", source.path, "--python_out", made.path)
        output = await getProcessOutputAndValue(
            sys.executable, (*words, "--pyi_out", made.path, "gim.proto")
        )
        self.assertEqual(output, (b"", b"", 0))
        for name in "gim_pb2.py", "gim_pb2.pyi":
            compiled = made.child(name).getContent()
            self.assertEqual(source.child(name).getContent(), compiled, "run make proto, and commit it")
