"""The questions of a worker that its view of the store answers by itself."""

from __future__ import annotations

from gim.ids import session
from gim.link.answering import Answering
from gim.storage.interface import Chatrooms, Messages, Missed, Moderation, Nodes, Storage
from gim.storage.linked import calls


def missed_messages(missed: Missed) -> calls.MissedMessages:
    """Return missed messages as they go over the link."""
    return calls.MissedMessages(missed.messages, missed.titles, missed.complete)


def serve_simple_calls(store: Storage, channel: Answering) -> None:
    """Answer the questions that are one call of the store each."""
    _serve_users(store, channel)
    _serve_messages(store.messages, channel)
    _serve_chatrooms(store.chatrooms, channel)
    _serve_moderation(store.moderation, channel)
    _serve_nodes(store.nodes, channel)


def _serve_users(store: Storage, channel: Answering) -> None:
    users, log = store.users, store.webhook_log

    async def event_number(it: calls.NextEventNumber) -> tuple[int | None]:
        return (await log.next_event_number(it.user_id, it.online, it.key),)

    channel.serve(calls.PutUser, lambda it: users.put(it.user_id, it.name))
    channel.serve(calls.GetUser, lambda it: users.get(it.user_id))
    channel.serve(calls.FindUsers, lambda it: users.find(it.prefix, it.cursor, it.count, it.online_only))
    channel.serve(calls.NextEventNumber, event_number)
    channel.serve(calls.UsersToReannounce, lambda it: log.users_to_reannounce(it.limit))
    channel.serve(calls.PingStore, lambda _: store.ping())


def _serve_messages(messages: Messages, channel: Answering) -> None:
    async def newest_rank(_: calls.NewestRank) -> str:
        return messages.newest_rank()

    async def missed(it: calls.Missed) -> calls.MissedMessages:
        return missed_messages(await messages.missed(it.user_id, it.since, it.limit))

    def delivered(it: calls.Delivered) -> None:
        for user_id, message_id in it.marks.items():
            messages.delivered(user_id, message_id)

    channel.serve(calls.NewestRank, newest_rank)
    channel.serve(calls.Missed, missed)
    channel.handle(calls.Delivered, delivered)
    channel.serve(
        calls.History,
        lambda it: messages.history(session(it.session_id), it.reader, it.before, it.count),
    )
    channel.serve(
        calls.Sessions,
        lambda it: messages.sessions(it.user_id, it.kind, it.after, it.count, it.since),
    )
    channel.serve(
        calls.MarkRead,
        lambda it: messages.mark_read(session(it.session_id), it.reader, it.message_id),
    )


def _serve_chatrooms(chatrooms: Chatrooms, channel: Answering) -> None:
    channel.serve(calls.Create, lambda it: chatrooms.create(it.chatroom_id, it.name, it.owner))
    channel.serve(calls.Leave, lambda it: chatrooms.leave(it.chatroom_id, it.user_id))
    channel.serve(
        calls.Members, lambda it: chatrooms.members(it.chatroom_id, it.reader, it.after, it.count)
    )
    channel.serve(calls.ChatroomsOf, lambda it: chatrooms.of_user(it.user_id))
    channel.serve(calls.GetChatroom, lambda it: chatrooms.get(it.chatroom_id))
    channel.serve(calls.FindChatrooms, lambda it: chatrooms.find(it.prefix, it.cursor, it.count))


def _serve_moderation(moderation: Moderation, channel: Answering) -> None:
    channel.serve(calls.Rename, lambda it: moderation.rename(it.chatroom_id, it.by, it.name))
    channel.serve(calls.Dismiss, lambda it: moderation.dismiss(it.chatroom_id, it.by))
    channel.serve(calls.Remove, lambda it: moderation.remove(it.chatroom_id, it.by, it.user_id))
    channel.serve(
        calls.Mute, lambda it: moderation.mute(it.chatroom_id, it.by, it.user_id, it.duration_ms)
    )
    channel.serve(
        calls.Appoint, lambda it: moderation.appoint(it.chatroom_id, it.by, it.user_id, it.role)
    )
    channel.serve(
        calls.Recall, lambda it: moderation.recall(session(it.session_id), it.by, it.message_id)
    )
    channel.serve(calls.BanUser, lambda it: moderation.ban(it.user_id, it.duration_ms, it.remember_ms))
    channel.serve(calls.Unban, lambda it: moderation.unban(it.user_id))
    channel.serve(calls.BanOf, lambda it: moderation.ban_of(it.user_id))


def _serve_nodes(nodes: Nodes, channel: Answering) -> None:
    channel.serve(calls.CommandConnections, lambda it: nodes.command_connections(it.command))
    channel.handle(calls.CommandReply, lambda it: nodes.reply_to_command(it.command, it.connections))
    channel.serve(calls.BroadcastEvent, lambda it: nodes.broadcast(it.event))
    channel.serve(calls.Statistics, lambda _: nodes.statistics())
    channel.handle(calls.Tell, lambda it: nodes.tell(it.listener, it.body))
    channel.serve(calls.Listeners, lambda _: nodes.listeners())
