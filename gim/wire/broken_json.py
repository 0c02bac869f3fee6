"""What can still be read of JSON that msgspec refuses: the fields of a packet, and where its fault is.

Nothing here runs for valid packets.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

import msgspec

MAX_FIELDS: Final = 256  # of the outermost object that are told apart
MAX_NESTED_TOKENS: Final = 4096  # strings and runs of brackets that are read in one value

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_OPENING = re.compile(rb"\s*\{")
_KEY = re.compile(rb"\s*(" + _STRING + rb")\s*:\s*", re.DOTALL)
_PLAIN_VALUE = re.compile(_STRING + rb'|[^\s",\[\]{}]++', re.DOTALL)
# a string without an end goes on to the end of the text, so that no byte of it is read twice
_NESTED_TOKEN = re.compile(rb'[^"\[\]{}]*+("(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[{]++|[\]}]++)', re.DOTALL)
_NEXT_FIELD = re.compile(rb"\s*,")
_CLOSING = re.compile(rb"\s*\}\s*\Z")

# all up to the first escape that is half of a surrogate pair
_WITHOUT_LONE_SURROGATES = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?![Dd][89A-Fa-f])|\\u[Dd][89ABab]..\\u[Dd][C-Fc-f]..)*+", re.DOTALL
)

_WITH_PLACE = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)")
_SHORT = "Input data was truncated"
_OF_SURROGATES = (_SHORT, "surrogate", "hex escape")  # what msgspec says of half of a pair

_decode_string = msgspec.json.Decoder(str).decode


class Fields(NamedTuple):
    """The fields of the outermost object, each value as it is written, up to the first that can't be
    told from the rest. ``is_whole`` says whether the object is complete and all that there is."""

    values: dict[str, bytes]
    is_whole: bool


def fields_of(text: bytes) -> Fields:
    """Tell the fields of the outermost object from each other by their quotes and brackets only."""
    values: dict[str, bytes] = {}
    opening = _OPENING.match(text)
    at = opening.end() if opening else len(text)
    for _ in range(MAX_FIELDS):
        key = _KEY.match(text, at)
        end = _end_of_value(text, key.end()) if key else None
        if key is None or end is None:
            break
        values[_name(key[1])] = text[key.end() : end]
        comma = _NEXT_FIELD.match(text, end)
        if comma is None:
            return Fields(values, _CLOSING.match(text, end) is not None)
        at = comma.end()
    return Fields(values, False)


def _name(written: bytes) -> str:
    try:
        return _decode_string(written)
    except (msgspec.MsgspecError, ValueError):
        return ""


def _end_of_value(text: bytes, begin: int) -> int | None:
    """Return where the value that starts at *begin* ends, None if that can't be told."""
    plain = _PLAIN_VALUE.match(text, begin)
    if plain is not None or text[begin : begin + 1] not in (b"[", b"{"):
        return plain.end() if plain else None
    depth = 0
    for token in islice(_NESTED_TOKEN.finditer(text, begin), MAX_NESTED_TOKENS):
        start, end = token.span(1)
        first = text[start]
        if first in b"[{":
            depth += end - start
        elif first in b"]}":
            if depth <= end - start:  # what is left of the run belongs to the object around
                return start + depth
            depth -= end - start
    return None


def explain_broken(text: bytes, error: Exception) -> str:
    """Say what is wrong with *text*, for which msgspec raised *error*, and at which byte of it."""
    if isinstance(error, RecursionError):
        return "nested too deeply: send a flat JSON object"
    if isinstance(error, UnicodeDecodeError) or str(error) == "Invalid UTF-8 encoded string":
        return f"not valid JSON: not UTF-8 at byte {_first_not_utf_8(text)}"
    is_about_surrogates = any(words in str(error) for words in _OF_SURROGATES)
    if is_about_surrogates and (lone := _lone_surrogate(text)) is not None:
        half = text[lone : lone + 6].decode()
        return f"not valid JSON: half of a surrogate pair, {half}, at byte {lone}: write both or neither"
    if found := _WITH_PLACE.fullmatch(str(error)):
        return f"not valid JSON: {found[1]} near byte {found[2]}"  # msgspec may have read one byte more
    if str(error) == _SHORT:
        return f"not valid JSON: it ends too early, at byte {len(text)}"
    return f"not valid JSON: {str(error).lower()}"


def _first_not_utf_8(text: bytes) -> int:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(text)


def _lone_surrogate(text: bytes) -> int | None:
    """Return where the first escape is that is half of a surrogate pair; None if there is none."""
    before = _WITHOUT_LONE_SURROGATES.match(text)
    end = before.end() if before else 0
    return end if end < len(text) and text[end + 1 : end + 2] == b"u" else None
