"""The numbers that the collectors read, as their owners have them."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Protocol

from gim.metrics.instruments.durations import Row


class GatewayNumbers(Protocol):
    """Connections of this node, open and closed."""

    @property
    def connections(self) -> Sized:
        """The open ones, those in their handshake included."""

    @property
    def closes(self) -> Mapping[int, int]:
        """How many have ended, by close code; 0 stands for codes that clients make up."""

    @property
    def slow_readers(self) -> int:
        """How many were closed because too much waited for them."""

    @property
    def deferred_turns(self) -> int:
        """How often requests waited for another iteration of the reactor, over HTTP too."""

    def unsent(self) -> int:
        """Return the bytes that wait in all send buffers."""


class PushTotals(Protocol):
    """Pushes and the messages in them, each counted for every connection it was written to."""

    private: int
    chatroom: int
    chatroom_messages: int
    caught_up: int
    caught_up_messages: int
    events: int
    skipped_by_interval: int
    skipped_by_slow_reader: int


class PushNumbers(Protocol):
    """Users and chatrooms with connections here, and what was pushed to them."""

    @property
    def users(self) -> int:
        """Users who are logged in."""

    @property
    def chatrooms(self) -> int:
        """Chatrooms with a connected member, or a push interval that runs."""

    @property
    def pushed(self) -> PushTotals:
        """Counters of the pushes."""


class DataNumbers(Protocol):
    """What the memory store has, and who is connected to the processes that it serves."""

    @property
    def online_users(self) -> int:
        """Users who are logged in on a connection, each counted once."""

    @property
    def watched_chatrooms(self) -> int:
        """Chatrooms with a connected member, each counted once."""

    @property
    def stored_messages(self) -> int:
        """Messages that were stored since the start."""

    @property
    def kept_messages(self) -> int:
        """Messages that are kept."""


class WebhookTotals(Protocol):
    """Counters of events, and of the attempts to deliver them."""

    @property
    def queued(self) -> int:
        """Events that are neither delivered nor dropped yet."""

    @property
    def delivered(self) -> Mapping[str, int]:
        """Delivered events by type."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Dropped events by reason."""

    @property
    def retries(self) -> int:
        """Attempts after the first one of an event."""

    @property
    def attempts(self) -> Row:
        """How long attempts took."""


class WebhookNumbers(Protocol):
    """Events of webhooks, and how long they wait."""

    @property
    def counts(self) -> WebhookTotals:
        """How many there are, and what became of the others."""

    def oldest_age(self) -> float:
        """Return the seconds since the oldest event happened that waits, 0 if none does."""


class JournalNumbers(Protocol):
    """The journal of the memory store."""

    @property
    def written_bytes(self) -> int:
        """Bytes that were written since the start."""

    @property
    def unsynced_bytes(self) -> int:
        """Those of them that no sync has covered."""

    @property
    def sync_times(self) -> Row:
        """How long syncs took."""

    @property
    def is_failing(self) -> bool:
        """Whether nothing can be written now."""

    @property
    def segments(self) -> int:
        """Log files."""

    @property
    def free_bytes(self) -> int:
        """What the disk has room for."""

    @property
    def live_ratio(self) -> float:
        """The share of what still counts in their bytes, 0 to 1."""

    @property
    def damaged(self) -> int:
        """Damaged places that the start went on without, and damaged log files that were found later."""

    @property
    def load_seconds(self) -> float:
        """How long the start took to restore the data, 0 until it has."""


class WorkerNumbers(Protocol):
    """Worker processes, as their parent knows them."""

    @property
    def running(self) -> int:
        """Workers that run."""

    @property
    def restarts(self) -> int:
        """How often a worker was started in place of one that had ended."""

    def queued(self) -> Mapping[int, int]:
        """Return the bytes that wait for each worker that runs, by its number."""
