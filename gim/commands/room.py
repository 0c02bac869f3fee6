"""``gim room``: what the administrator can do with chatrooms and their members."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any

from gim.cli import access
from gim.cli.arguments import add_action_for_admin
from gim.cli.content import given
from gim.cli.http import route
from gim.cli.output import Output
from gim.commands import members
from gim.commands.rooms import COLUMNS


def add(parser: ArgumentParser) -> None:
    names = "show | members | create | rename | dismiss | add | remove"
    actions = parser.add_subparsers(required=True, metavar=names)
    action = partial(add_action_for_admin, ("room", "ROOM"), actions)
    action("show", "show a chatroom, and what happens there now", _show)
    action("members", "list the members of a chatroom", _members)
    create = action("create", "create a chatroom that stays until it is dismissed", _create)
    create.add_argument("--name", help="its name; chatroom:ROOM if left out")
    create.add_argument("--owner", metavar="USER", help="its owner; none if left out")
    rename = action("rename", "rename a chatroom", _rename)
    rename.add_argument("name", metavar="NAME")
    action("dismiss", "end a chatroom, with its memberships and messages", _dismiss)
    member = action("add", "make a user a member, or give a member another role", _add_member)
    member.add_argument("user_id", metavar="USER")
    member.add_argument("--role", choices=["owner", "admin", "member"])
    removed = action("remove", "end a membership", _remove_member)
    removed.add_argument("user_id", metavar="USER")


def run(args: Namespace) -> int:
    args.act(args)
    return 0


def _show(args: Namespace) -> None:
    Output(args).table([_ask(args, "GET", None)], COLUMNS)


def _members(args: Namespace) -> None:
    path = route("v1", "admin", "chatrooms", args.room, "members")
    members.show(args, access.administrator(args), path)


def _create(args: Namespace) -> None:
    _done(args, _ask(args, "PUT", given(name=args.name, owner_id=args.owner)), "created")


def _rename(args: Namespace) -> None:
    _done(args, _ask(args, "PATCH", {"name": args.name}), "renamed")


def _dismiss(args: Namespace) -> None:
    _done(args, _ask(args, "DELETE", None), "dismissed")


def _add_member(args: Namespace) -> None:
    data = _ask(args, "PUT", given(role=args.role), "members", args.user_id)
    Output(args).record(data, f"{data['total']} members")


def _remove_member(args: Namespace) -> None:
    _done(args, _ask(args, "DELETE", None, "members", args.user_id), "removed")


def _ask(args: Namespace, method: str, body: Any, *below: str) -> Any:
    """Send a request about the chatroom, or about what is *below* it; return the answer."""
    path = route("v1", "admin", "chatrooms", args.room, *below)
    return access.administrator(args).ask(method, path, body)


def _done(args: Namespace, data: Any, word: str) -> None:
    Output(args).done(data, word)
