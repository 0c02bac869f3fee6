"""The format of ``go tool pprof``: a protobuf message, written by hand, compressed by gzip.

Its schema is https://github.com/google/pprof/blob/main/proto/profile.proto. A message is a series
of fields. Each has a key, ``number << 3 | type``, and a value: a varint for type 0 (seven bits in each
byte, the lowest first), a length and as many bytes for type 2.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable

from gim.profiling.profile import Kind, Place, Profile
from gim.wire.varint import varint


def encode(profile: Profile) -> bytes:
    """Return a profile in the format of ``go tool pprof``."""
    tables = _Tables()
    kinds = [tables.kind(kind) for kind in profile.kinds]
    samples = [
        _packed(1, map(tables.location, stack)) + _packed(2, numbers)
        for stack, numbers in profile.samples.items()
    ]
    message = b"".join(_bytes(1, kind) for kind in kinds)
    message += b"".join(_bytes(2, sample) for sample in samples)
    message += b"".join(tables.written)
    message += _number(9, profile.began_ns) + _number(10, profile.duration_ns)
    if profile.period:
        message += _bytes(11, kinds[-1]) + _number(12, profile.period)
    message += b"".join(_bytes(6, text.encode("utf-8", "replace")) for text in tables.strings)
    return gzip.compress(message)


class _Tables:
    """Functions, locations and strings. Each is written once, and named by number elsewhere."""

    def __init__(self) -> None:
        self.strings = {"": 0}  # the first one must be empty
        self.written: list[bytes] = []  # functions and locations, as fields of the profile
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[Place, int] = {}

    def kind(self, kind: Kind) -> bytes:
        return _number(1, self._string(kind.name)) + _number(2, self._string(kind.unit))

    def location(self, place: Place) -> int:
        number = self._locations.get(place)
        if number is None:
            number = self._locations[place] = len(self._locations) + 1
            line = _number(1, self._function(place)) + _number(2, place.line)
            self.written.append(_bytes(4, _number(1, number) + _bytes(4, line)))
        return number

    def _function(self, place: Place) -> int:
        key = place.function, place.file
        number = self._functions.get(key)
        if number is None:
            number = self._functions[key] = len(self._functions) + 1
            name, file = self._string(place.function), self._string(place.file)
            fields = _number(1, number) + _number(2, name) + _number(3, name) + _number(4, file)
            self.written.append(_bytes(5, fields))
        return number

    def _string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def _packed(field: int, values: Iterable[int]) -> bytes:
    return _bytes(field, b"".join(map(varint, values)))
