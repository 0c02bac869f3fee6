from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Packet(_message.Message):
    __slots__ = ("op", "body", "seq")
    OP_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    op: int
    body: bytes
    seq: int
    def __init__(self, op: _Optional[int] = ..., body: _Optional[bytes] = ..., seq: _Optional[int] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("code", "msg", "data")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MSG_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    code: int
    msg: str
    data: bytes
    def __init__(self, code: _Optional[int] = ..., msg: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("id", "session_id", "sender", "category", "content", "sequence", "status", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    session_id: str
    sender: User
    category: str
    content: str
    sequence: int
    status: int
    created_at: int
    def __init__(self, id: _Optional[str] = ..., session_id: _Optional[str] = ..., sender: _Optional[_Union[User, _Mapping]] = ..., category: _Optional[str] = ..., content: _Optional[str] = ..., sequence: _Optional[int] = ..., status: _Optional[int] = ..., created_at: _Optional[int] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ("id", "name", "token", "since", "epoch")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    token: str
    since: str
    epoch: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., token: _Optional[str] = ..., since: _Optional[str] = ..., epoch: _Optional[str] = ...) -> None: ...

class LoginData(_message.Message):
    __slots__ = ("user", "token", "server_time", "epoch", "missed", "recovered")
    USER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    user: User
    token: str
    server_time: int
    epoch: str
    missed: int
    recovered: bool
    def __init__(self, user: _Optional[_Union[User, _Mapping]] = ..., token: _Optional[str] = ..., server_time: _Optional[int] = ..., epoch: _Optional[str] = ..., missed: _Optional[int] = ..., recovered: _Optional[bool] = ...) -> None: ...

class LogoutRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogoutData(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeartbeatData(_message.Message):
    __slots__ = ("server_time",)
    SERVER_TIME_FIELD_NUMBER: _ClassVar[int]
    server_time: int
    def __init__(self, server_time: _Optional[int] = ...) -> None: ...

class SendRequest(_message.Message):
    __slots__ = ("type", "target_id", "content", "category", "request_id")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    type: int
    target_id: str
    content: str
    category: str
    request_id: str
    def __init__(self, type: _Optional[int] = ..., target_id: _Optional[str] = ..., content: _Optional[str] = ..., category: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SendData(_message.Message):
    __slots__ = ("id", "session_id", "sequence", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    session_id: str
    sequence: int
    created_at: int
    def __init__(self, id: _Optional[str] = ..., session_id: _Optional[str] = ..., sequence: _Optional[int] = ..., created_at: _Optional[int] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("session_id", "count", "message_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    count: int
    message_id: str
    def __init__(self, session_id: _Optional[str] = ..., count: _Optional[int] = ..., message_id: _Optional[str] = ...) -> None: ...

class HistoryData(_message.Message):
    __slots__ = ("items", "has_more")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Message]
    has_more: bool
    def __init__(self, items: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class SessionsRequest(_message.Message):
    __slots__ = ("count", "cursor", "session_type")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SESSION_TYPE_FIELD_NUMBER: _ClassVar[int]
    count: int
    cursor: str
    session_type: int
    def __init__(self, count: _Optional[int] = ..., cursor: _Optional[str] = ..., session_type: _Optional[int] = ...) -> None: ...

class SessionsData(_message.Message):
    __slots__ = ("items", "cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[SessionItem]
    cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[SessionItem, _Mapping]]] = ..., cursor: _Optional[str] = ...) -> None: ...

class SessionItem(_message.Message):
    __slots__ = ("id", "type", "title", "last", "unread")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: int
    title: str
    last: Message
    unread: int
    def __init__(self, id: _Optional[str] = ..., type: _Optional[int] = ..., title: _Optional[str] = ..., last: _Optional[_Union[Message, _Mapping]] = ..., unread: _Optional[int] = ...) -> None: ...

class Push(_message.Message):
    __slots__ = ("session", "items", "skipped")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    session: Session
    items: _containers.RepeatedCompositeFieldContainer[Message]
    skipped: int
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., items: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., skipped: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("id", "type", "title")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: int
    title: str
    def __init__(self, id: _Optional[str] = ..., type: _Optional[int] = ..., title: _Optional[str] = ...) -> None: ...

class MarkReadRequest(_message.Message):
    __slots__ = ("session_id", "message_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    message_id: str
    def __init__(self, session_id: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class MarkReadData(_message.Message):
    __slots__ = ("unread",)
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    unread: int
    def __init__(self, unread: _Optional[int] = ...) -> None: ...

class RecallRequest(_message.Message):
    __slots__ = ("session_id", "message_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    message_id: str
    def __init__(self, session_id: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class RecallData(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Event(_message.Message):
    __slots__ = ("type", "by", "session_id", "user_id", "message_id", "name", "role", "until", "category", "content", "created_at", "unread")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELD_NUMBER: _ClassVar[int]
    type: str
    by: str
    session_id: str
    user_id: str
    message_id: str
    name: str
    role: str
    until: int
    category: str
    content: str
    created_at: int
    unread: int
    def __init__(self, type: _Optional[str] = ..., by: _Optional[str] = ..., session_id: _Optional[str] = ..., user_id: _Optional[str] = ..., message_id: _Optional[str] = ..., name: _Optional[str] = ..., role: _Optional[str] = ..., until: _Optional[int] = ..., category: _Optional[str] = ..., content: _Optional[str] = ..., created_at: _Optional[int] = ..., unread: _Optional[int] = ...) -> None: ...

class JoinRequest(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class JoinData(_message.Message):
    __slots__ = ("session_id", "total")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    total: int
    def __init__(self, session_id: _Optional[str] = ..., total: _Optional[int] = ...) -> None: ...

class LeaveRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class LeaveData(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MembersRequest(_message.Message):
    __slots__ = ("id", "count", "cursor")
    ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    count: int
    cursor: str
    def __init__(self, id: _Optional[str] = ..., count: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class MembersData(_message.Message):
    __slots__ = ("items", "total", "cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Member]
    total: int
    cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., total: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("id", "name", "online", "role")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    online: bool
    role: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., online: _Optional[bool] = ..., role: _Optional[str] = ...) -> None: ...

class RenameRequest(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RenameData(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DismissRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DismissData(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveRequest(_message.Message):
    __slots__ = ("id", "user_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    user_id: str
    def __init__(self, id: _Optional[str] = ..., user_id: _Optional[str] = ...) -> None: ...

class RemoveData(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MuteRequest(_message.Message):
    __slots__ = ("id", "user_id", "seconds")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    user_id: str
    seconds: int
    def __init__(self, id: _Optional[str] = ..., user_id: _Optional[str] = ..., seconds: _Optional[int] = ...) -> None: ...

class MuteData(_message.Message):
    __slots__ = ("until",)
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    until: int
    def __init__(self, until: _Optional[int] = ...) -> None: ...

class AppointRequest(_message.Message):
    __slots__ = ("id", "user_id", "role")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    id: str
    user_id: str
    role: str
    def __init__(self, id: _Optional[str] = ..., user_id: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class AppointData(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
