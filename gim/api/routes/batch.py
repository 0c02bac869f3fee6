"""The route that sends many messages at once: docs/administration.md."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from gim.api.decoding import from_json
from gim.api.envelope import answer
from gim.api.errors import refusal
from gim.api.openapi.describe import Access, describe
from gim.api.routes.admin_requests import SendAsRequest
from gim.api.server.app import App
from gim.api.server.changes import name_target
from gim.chat.administration import Administration
from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.concurrency.gather import begin, results
from gim.errors import BadRequest, GimError
from gim.ids import CHATROOM
from gim.model import Sent
from gim.net.client_address import group_of
from gim.wire.broken_json import explain_broken
from gim.wire.packets import explain

MAX_SENDS = 1000  # of a batch
BODY_FACTOR = 16  # times --max-packet: bytes of a body, 1 MiB with the default
PORTION = 16  # sends, some 0.4 ms, between two questions whether others are to have their turn
# Seconds until each send has its answer, a 503 if need be: less than a request has, so that the others'
# answers are not lost.
SEND_TIMEOUT = ANSWER_TIMEOUT - 0.2

_Limit = Meta(max_length=MAX_SENDS)


class BatchRequest(Struct, frozen=True):
    """Messages, which are stored in this order."""

    items: Annotated[list[SendAsRequest], _Limit]


class SendReply(Struct, frozen=True):
    """What a single send is answered: ``data`` is null, and ``msg`` not empty, if it is refused."""

    code: int
    msg: str
    data: Sent | None


class SendReplies(Struct, frozen=True):
    """A reply for each message, in the order of the messages."""

    items: list[SendReply]


class _RawBatch(Struct):
    """A batch whose messages are read one by one, so that one that is not valid is refused alone."""

    items: Annotated[list[Raw], _Limit]


_decode_batch = msgspec.json.Decoder(_RawBatch).decode
_decode_send = msgspec.json.Decoder(SendAsRequest).decode


class BatchRoutes:
    """Sends a batch: begins all sends, some in each turn of its client, then waits for their answers. So
    they share round trips to the storage, and the syncs of a data directory."""

    app = App()

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    @app.route("/v1/admin/batch", methods=["POST"])
    @describe(
        "Send up to 1,000 messages, each as any user or as the system; each has its own reply.",
        "administration",
        access=Access.ADMIN,
        returns=SendReplies,
        body=BatchRequest,
        body_factor=BODY_FACTOR,
    )
    async def send_batch(self, request: Any) -> bytes:
        items = _items_of(request.content.read())
        name_target(request, f"{len(items)} messages")
        queues = None if self._administration.keeps_order else _Queues()
        turns, client = request.site.turns, group_of(request.site.client_of(request))
        replies: list[Any] = []  # or a Deferred of one
        for number, item in enumerate(items, 1):
            replies.append(begin(self._send(request, item, queues)))
            if number % PORTION == 0 and turns.is_over():
                await turns.turn(client)
        return answer(request, SendReplies(await results(replies)))

    async def _send(self, request: Any, item: Raw, queues: _Queues | None) -> SendReply:
        try:
            body = _send_of(item)
            send = partial(self._begin, body, request.began + SEND_TIMEOUT)
            sent = await (send() if queues is None else queues.in_order(_session_of(body), send))
            return SendReply(0, "", sent)
        except CancelledError:
            raise
        except Exception as error:
            refused = error if isinstance(error, GimError) else refusal(request, Failure())
            return SendReply(refused.code, str(refused), None)

    def _begin(self, body: SendAsRequest, answer_by: float) -> Awaitable[Sent]:
        return self._administration.send(
            body.sender_id,
            body.type,
            body.target_id,
            body.content,
            body.category,
            body.request_id,
            answer_by,
        )


class _Queues:
    """Lets the sends of a session begin one after the other, for a storage that might mix them up."""

    def __init__(self) -> None:
        self._last: dict[object, Deferred[None]] = {}  # by session: fires when its last send is done

    async def in_order(self, session: object, send: Callable[[], Awaitable[Sent]]) -> Sent:
        """Return the result of a send, which begins when the one before it is done."""
        before = self._last.get(session)
        done = self._last[session] = Deferred()
        try:
            if before is not None:
                await before
            return await send()
        finally:
            done.callback(None)


def _session_of(body: SendAsRequest) -> object:
    """Return what two sends to the same session have in common."""
    if body.type == CHATROOM:
        return body.target_id
    return frozenset((body.sender_id, body.target_id))


def _items_of(body: bytes) -> list[Raw]:
    try:
        return _decode_batch(body).items
    except msgspec.ValidationError as error:
        raise BadRequest(explain(error)) from error
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadRequest(f"body: {explain_broken(body, error)}") from error


def _send_of(item: Raw) -> SendAsRequest:
    """Read a message. Raises `BadRequest`, with what a single send would be told."""
    try:
        return _decode_send(item)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return from_json(bytes(item), SendAsRequest)
