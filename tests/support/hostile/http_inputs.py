"""HTTP requests and handshakes of hostile clients, for hypothesis to draw."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.support.hostile.inputs import bodies, hurt, plausible, rarely

METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"get", b"G\x1bT", b"TRACE")
PATHS = (
    b"/", b"/v1/login", b"/v1/messages", b"/v1/sessions", b"/v1/sessions/1:den/messages",
    b"/v1/users/ann", b"/v1/sessions/2:ann:bob/read", b"/v1/chatrooms/den/members",
    b"/v1/chatrooms/den/members/me", b"/healthz", b"/readyz", b"/metrics", b"/openapi.json", b"/docs",
    b"/debug/pprof/", b"*", b"/..", b"http://[::1", b"http://x:99999999/healthz", b"//a", b"/v1//login",
    b"/%2e%2e/%00", b"/v1/users/%ff", b"/v1/users/%0d%0aX:%20y", b"/v1/users/%1b[31m",
    b"/v1/users/a%2fb", b"/\x7f", b"/;a=b?c#d", b"",
)  # fmt: skip
ROUTES = (
    (b"POST", b"/v1/login"), (b"GET", b"/v1/users/ann"), (b"GET", b"/v1/users/%F0%9F%98%80"),
    (b"POST", b"/v1/messages"), (b"GET", b"/v1/sessions"), (b"GET", b"/v1/sessions/2:ann:bob/messages"),
    (b"POST", b"/v1/sessions/2:ann:bob/read"), (b"PUT", b"/v1/chatrooms/den/members/me"),
    (b"DELETE", b"/v1/chatrooms/den/members/me"), (b"GET", b"/v1/chatrooms/den/members"),
    (b"PUT", b"/v1/chatrooms/%7Bgim%7D/members/me"), (b"GET", b"/metrics"), (b"HEAD", b"/readyz"),
    (b"GET", b"/client/gim.js"),
)  # fmt: skip
HEADERS = (
    b"Host", b"Content-Length", b"Transfer-Encoding", b"Content-Type", b"Expect", b"Connection",
    b"Origin", b"Upgrade", b"Authorization", b"trace", b"traceparent", b"Cookie", b"X-Forwarded-For",
    b"Accept", b"Access-Control-Request-Method", b"Range", b"Accept-Encoding", b"If-None-Match", b"",
)  # fmt: skip
HEADER_VALUES = (
    b"", b"gim", b"localhost:8081", b"[::1", b"a:b:c", b"0", b"5", b"-1", b"+5", b"5, 5", b"9" * 5000,
    b"99999999999", b"chunked", b"Chunked, chunked", b"identity", b"gzip", b"100-continue", b"close",
    b"keep-alive", b"upgrade", b"websocket", b"null", b"http://localhost", b"http://[", b"https://\xff",
    b"Bearer x", b"Bearer eyJ.eyJ.x", b"Basic YTpi", b"\x1b[2J", b"a\x00b", b"a\x85b", b"\xff",
    b"x" * 9000,
    b"multipart/form-data; boundary=x", b"application/x-www-form-urlencoded", b"GET", b"bytes=0-",
)  # fmt: skip
header_values = st.sampled_from(HEADER_VALUES) | st.binary(max_size=20)
headers = st.tuples(
    st.sampled_from(HEADERS), st.sampled_from((b": ", b":", b" : ", b"")), header_values
).map(b"".join)
queries = st.sampled_from(
    (
        b"",
        b"?",
        b"?token=x",
        b"?count=1e400",
        b"?count=%ff",
        b"?count=-1&cursor=%00",
        b"?a" + b"&a=1" * 500,
    )
) | st.binary(max_size=20).map(lambda data: b"?" + data)


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """Draw a chunked body, which may be none."""
    parts = []
    for data in draw(st.lists(st.binary(max_size=10), max_size=3)):
        size = draw(
            st.sampled_from((b"%x" % len(data), b"0", b"-1", b"ffffffffffffffff", b"5;x=y", b"g"))
        )
        parts.append(size + b"\r\n" + data + b"\r\n")
    return b"".join(parts) + draw(st.sampled_from((b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"", b"0\r\n")))


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw an HTTP request."""
    any_path = st.tuples(st.sampled_from(METHODS), st.sampled_from(PATHS))
    method, path = draw(any_path if rarely(draw, 4) else st.sampled_from(ROUTES))
    if rarely(draw, 3):
        path += draw(queries)
    version = draw(st.sampled_from((b"HTTP/1.1",) * 20 + (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 x", b"")))
    lines = [method + b" " + path + b" " + version, b"Host: localhost"]
    if rarely(draw, 3):
        lines += draw(st.lists(headers, max_size=3))
    body = draw((bodies | plausible()).map(lambda body: json.dumps(body).encode()))
    match draw(st.integers(0, 5)):
        case 0:
            lines.append(b"Transfer-Encoding: chunked")
            body = draw(chunks())
        case 1:
            pass
        case _:
            lines.append(b"Content-Length: %d" % len(body))
    return draw(hurt(b"\r\n".join([*lines, b"", b""]) + body))


@st.composite
def handshakes(draw: st.DrawFn) -> bytes:
    """Draw the opening handshake of a WebSocket, with some lines that are wrong, missing or too many."""
    lines = [
        b"GET / HTTP/1.1", b"Host: localhost", b"Upgrade: websocket", b"Connection: Upgrade",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13",
    ]  # fmt: skip
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        name = draw(st.sampled_from((lines[at].partition(b":")[0], *HEADERS, *_WEBSOCKET_HEADERS)))
        match draw(st.integers(0, 3)):
            case 0:
                lines[at] = name + b": " + draw(st.sampled_from(_WEBSOCKET_VALUES) | header_values)
            case 1:
                lines.append(name + b": " + draw(st.sampled_from(_WEBSOCKET_VALUES) | header_values))
            case 2:
                lines[at] = lines[at][: draw(st.integers(0, 10))]
            case _:
                lines[0] = (
                    draw(st.sampled_from(METHODS)) + b" " + draw(st.sampled_from(PATHS)) + b" HTTP/1.1"
                )
    return b"\r\n".join([*lines, b"", b""])


_WEBSOCKET_HEADERS = (
    b"Sec-WebSocket-Key", b"Sec-WebSocket-Version", b"Sec-WebSocket-Protocol",
    b"Sec-WebSocket-Extensions",
)  # fmt: skip
_WEBSOCKET_VALUES = (
    b"13", b"8", b"0", b"9" * 5000, b"gim.json", b"gim.proto", b"gim.json, gim.json", b"a,b;c=d",
    b"permessage-deflate; client_max_window_bits=99", b"permessage-deflate; =; =", b"x; y=\"z",
    b"=" * 24, b"dGhlIHNhbXBsZSBub25jZR==", b",,,", b"permessage-deflate, permessage-bzip2, x",
)  # fmt: skip
