"""What a device got during a step, in the order that the protocol promises."""

from __future__ import annotations

from typing import Any

from tests.integration.differential.symbols import Symbols

PUSH, EVENT = 207, 213

Received = dict[str, Any]  # by device


def in_order(
    symbols: Symbols, packets: list[Any], close_code: int | None, since: str = ""
) -> dict[str, Any]:
    """Return the packets in words: private messages in their order, the messages of each chatroom in
    theirs, events, and other packets.

    How many messages a push holds depends on the moment, so it is left out; and so are messages that are
    not newer than *since*.
    """
    found: dict[str, Any] = {}
    for packet in packets:
        if packet["op"] != PUSH:
            kind = "events" if packet["op"] == EVENT else "packets"
            found.setdefault(kind, []).append(symbols.in_words(packet["body"]))
            continue
        push = packet["body"]
        head = symbols.in_words(push["session"])
        items = [item for item in push["items"] if item["id"] > since]
        if not items and not push["skipped"]:
            continue
        messages = found.setdefault(f"of {head['id']}" if head["type"] == 1 else "private", [])
        messages += [{"of": head, **symbols.in_words(item)} for item in items]
        if push["skipped"]:
            messages.append(f"{push['skipped']} skipped")
    if close_code is not None:
        found["closed"] = close_code
    return found


def by_user(symbols: Symbols, events: list[Any]) -> dict[str, list[Any]]:
    """Return the webhook events of users of this run, in the order of their numbers."""
    found: dict[str, list[Any]] = {}
    for event in sorted(events, key=lambda event: event["number"]):
        if event["user_id"].startswith(symbols.prefix):
            words = symbols.in_words({"type": event["type"], "data": event["data"]})
            found.setdefault(symbols.in_words(event["user_id"]), []).append(words)
    return found
