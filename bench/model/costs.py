"""What the model knows of gim: the CPU time of each kind of work. All figures are in microseconds."""

from __future__ import annotations

from msgspec import Struct


class Costs(Struct, frozen=True):
    """Costs of a private message, from which those of larger machines are made.

    A process pays for each turn in which it serves something, for each socket that it reads or writes in
    that turn, and for each message. So what many messages share costs less per message.
    """

    turn: float = 20.0  # of a worker, or of one process alone
    socket: float = 6.0  # read or written, that of the link to the parent included
    alone_message: float = 10.0  # of one process that does everything
    message: float = 15.0  # of the workers of sender and receiver together
    parent_turn: float = 10.0
    parent_channel: float = 4.0  # the link to one worker, read or written
    parent_message: float = 6.0
    generator: float = 10.0  # of the load generator, where it runs on the same machine


class Uses(Struct):
    """How often a message causes each kind of work, on average: what its cost is made of."""

    turns: float
    sockets: float
    parent_turns: float
    parent_channels: float
