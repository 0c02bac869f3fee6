"""Reads a pprof profile by means of the official protobuf package: an independent decoder."""

from __future__ import annotations

import gzip
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# field: (number, type), as https://github.com/google/pprof/blob/main/proto/profile.proto publishes them;
# "*" marks a repeated one
MESSAGES = {
    "ValueType": {"type": (1, "int64"), "unit": (2, "int64")},
    "Sample": {"location_id": (1, "*uint64"), "value": (2, "*int64")},
    "Line": {"function_id": (1, "uint64"), "line": (2, "int64")},
    "Location": {"id": (1, "uint64"), "line": (4, "*Line")},
    "Function": {
        "id": (1, "uint64"),
        "name": (2, "int64"),
        "system_name": (3, "int64"),
        "filename": (4, "int64"),
    },
    "Profile": {
        "sample_type": (1, "*ValueType"),
        "sample": (2, "*Sample"),
        "location": (4, "*Location"),
        "function": (5, "*Function"),
        "string_table": (6, "*string"),
        "time_nanos": (9, "int64"),
        "duration_nanos": (10, "int64"),
        "period_type": (11, "ValueType"),
        "period": (12, "int64"),
    },
}


class Read(NamedTuple):
    """A profile as `gim.profiling.profile.Profile` has it; places are (function, file, line)."""

    kinds: list[tuple[str, str]]
    samples: dict[tuple[tuple[str, str, int], ...], tuple[int, ...]]
    began: int
    duration: int
    period: int


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="pprof", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pprof.Profile"))


def _add(message: Any, name: str, number: int, kind: str) -> None:
    field = descriptor_pb2.FieldDescriptorProto
    plain = kind.lstrip("*")
    added = message.field.add(name=name, number=number)
    added.label = field.LABEL_REPEATED if kind != plain else field.LABEL_OPTIONAL
    if plain in MESSAGES:
        added.type, added.type_name = field.TYPE_MESSAGE, f".pprof.{plain}"
    else:
        added.type = getattr(field, f"TYPE_{plain.upper()}")


_Profile = _message_class()


def read(written: bytes) -> Read:
    """Read a profile; fail on anything that the format does not have."""
    message = _Profile.FromString(gzip.decompress(written))
    assert message.SerializeToString(), "nothing in it"
    strings = message.string_table
    assert strings[0] == ""
    functions = {each.id: (strings[each.name], strings[each.filename]) for each in message.function}
    places = {
        each.id: (*functions[each.line[0].function_id], each.line[0].line) for each in message.location
    }
    assert 0 not in functions and 0 not in places
    samples = {
        tuple(places[number] for number in sample.location_id): tuple(sample.value)
        for sample in message.sample
    }
    assert len(samples) == len(message.sample), "a stack is there twice"
    kinds = [(strings[each.type], strings[each.unit]) for each in message.sample_type]
    return Read(kinds, samples, message.time_nanos, message.duration_nanos, message.period)
