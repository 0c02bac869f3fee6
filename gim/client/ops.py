"""Op codes of the protocol (docs/protocol.md, section 5), apart from the server's own table."""

from __future__ import annotations

from enum import IntEnum


class Op(IntEnum):
    """Op codes. Those of requests are odd, and a reply has the one after its request's."""

    LOGIN = 101
    LOGOUT = 103
    HEARTBEAT = 105
    SEND = 201
    HISTORY = 203
    SESSIONS = 205
    PUSH = 207
    MARK_READ = 209
    RECALL = 211
    EVENT = 213
    JOIN = 301
    LEAVE = 303
    MEMBERS = 305
    RENAME = 307
    DISMISS = 309
    REMOVE = 311
    MUTE = 313
    APPOINT = 315
