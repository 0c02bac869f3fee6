"""Cursors: the place where the next page begins, as opaque text that a client passes back."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from gim.storage.refusals import foreign_cursor


class _Cursor(msgspec.Struct, array_like=True):
    kind: str
    place: tuple[str, ...]


_decode = msgspec.json.Decoder(_Cursor).decode


def write_cursor(kind: str, place: tuple[str, ...] | None) -> str:
    """Return the cursor of a place in a listing of this kind, "" for no place: the last page."""
    if place is None:
        return ""
    return urlsafe_b64encode(msgspec.json.encode(_Cursor(kind, place))).decode().rstrip("=")


def read_cursor(kind: str, cursor: str, size: int) -> tuple[str, ...] | None:
    """Return the place, *size* strings, None for the first page.

    Raises `BadRequest` for the cursor of another listing.
    """
    if cursor == "":
        return None
    try:
        found = _decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (msgspec.MsgspecError, RecursionError, binascii.Error, ValueError) as error:
        raise foreign_cursor() from error
    if found.kind != kind or len(found.place) != size:
        raise foreign_cursor()
    return found.place
