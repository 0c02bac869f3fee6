"""The commands of ``gim``, with one line about each: ``gim --help`` imports none of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


class Command(Protocol):
    """What a module in `gim.commands` has."""

    def add(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""

    def run(self, args: Namespace) -> int:
        """Run the command; return its exit status. Raises `gim.cli.failures.Failure`."""


class Group(NamedTuple):
    """Commands that are listed together, with one line about each."""

    title: str
    commands: dict[str, str]


GROUPS: Final = (
    Group(
        "the server",
        {
            "serve": "run the server",
            "check": "check options and files, and compare them with a running server",
            "config": "print all options as a TOML file, as variables or as a page",
            "token": "make and check login tokens, make keys",
            "bench": "measure a running server: messages, chatrooms, logins, idle connections",
            "log": "check the files of a data directory, say what they hold",
            "backup": "copy the data directory of a server, which may run meanwhile",
            "dump": "print all that a data directory or Redis holds as lines of JSON",
            "load": "read such lines into a new data directory, or into Redis",
            "doctor": "check this machine and the server for common problems",
            "version": "print the version of this program, and of the server",
        },
    ),
    Group(
        "as a user",
        {
            "chat": "talk with users and in chatrooms, on a terminal or with lines",
            "send": "send a message, or each line of standard input",
            "listen": "print messages as they come",
            "sessions": "list sessions, the newest conversation first",
            "history": "print messages of a session",
            "members": "list the members of a chatroom",
            "online": "say which users are online",
        },
    ),
    Group(
        "as the administrator",
        {
            "post": "send a message as the system or as any user",
            "batch": "send the messages in a file, each as the system or as any user",
            "broadcast": "push an event to all connected users, or send to a chatroom as the system",
            "messages": "print messages of any session",
            "recall": "recall a message",
            "users": "list users by the beginning of their ids, or those who are online",
            "user": "show a user: chatrooms, sessions, connections, ban",
            "ban": "ban a user for a time",
            "unban": "end a ban",
            "kick": "close connections of a user",
            "rooms": "list chatrooms, or the busiest ones",
            "room": "show, create, rename and dismiss chatrooms, add and remove members",
            "mute": "mute a member of a chatroom for a time",
            "unmute": "end a mute",
            "options": "print the options that a server runs with",
            "stats": "count connections, users, chatrooms and messages",
            "top": "watch how busy a server is",
            "connections": "list connections, those with most unsent bytes first",
            "close": "close a connection, logged in or not",
            "trace": "print what passes through the connections of a user, as it happens",
        },
    ),
    Group(
        "this program",
        {
            "context": "keep addresses of servers, with the files of their keys, by name",
            "completion": "print a script that completes commands, options and contexts in a shell",
        },
    ),
)
COMMANDS: Final = {name: line for group in GROUPS for name, line in group.commands.items()}
PASS_ON: Final = frozenset({"serve", "check", "dump", "load"})  # take the options of the server as well


def load(name: str) -> Command:
    """Return the module of a command."""
    return cast(Command, import_module(f"gim.commands.{name}"))
