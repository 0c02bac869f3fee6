"""HTML pages, self-contained: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from twisted.web.template import Tag, flattenString, tags

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
       color-scheme: light dark }
code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { overflow-x: auto; border-left: 3px solid; padding-left: .8rem; opacity: .85 }
summary { cursor: pointer; padding: .2rem 0 }
details p, details table, details pre { margin-left: 1.2rem }
td, th { text-align: left; vertical-align: top; padding: .1rem 1.2rem .1rem 0 }
td:last-child { overflow-wrap: anywhere }
.method { display: inline-block; width: 4.5rem; font-weight: bold }
"""

# by the security scheme of an operation
_NEEDS = {"bearer": "With a token.", "key": "With the administrator's key."}
_TOKEN = "A login returns a token: send `Authorization: Bearer TOKEN`, or `token=TOKEN` in the query."


def profiles(port: int, is_tracing: bool, worker: int, workers: int) -> bytes:
    """Return the index page of profiling; *port* is that of the HTTP API, *worker* the number of this
    process and *is_tracing* its state, *workers* how many there are."""
    base = f"http://127.0.0.1:{port}/debug/pprof"
    state = "is being traced" if is_tracing else "is not being traced"
    memory = "Memory" if workers == 1 else f"The memory of worker {worker}, which sent this page,"
    return _page(
        "gim: profiles",
        *([] if workers == 1 else [_choice(workers)]),
        tags.h2("CPU"),
        tags.p("For go tool pprof: ", _link("profile?seconds=30")),
        tags.p("As folded stacks: ", _link("profile?seconds=30&format=folded")),
        tags.pre(f"go tool pprof -http=: '{base}/profile?seconds=30'"),
        tags.h2("Memory"),
        tags.p(
            f"{memory} {state}. Tracing makes everything ten times slower; only what is allocated during"
            " it is listed."
        ),
        tags.p("For go tool pprof: ", _link("heap")),
        tags.p("As folded stacks: ", _link("heap?format=folded")),
        tags.pre(
            f"curl -X PUT '{base}/heap?seconds=600&frames=16'\n"
            f"go tool pprof -http=: {base}/heap\n"
            f"curl -X DELETE {base}/heap"
        ),
    )


def _choice(workers: int) -> Tag:
    return tags.p(
        f"This server has {workers} workers. Add ",
        tags.code("worker=1"),
        " to ",
        tags.code(f"worker={workers}"),
        " to the query for a profile of one of them, or ",
        tags.code("worker=0"),
        " for their parent. Without it, worker 1 is meant.",
    )


def _link(path: str) -> Tag:
    return tags.a(path, href=f"/debug/pprof/{path}")


def reference(document: Mapping[str, Any]) -> bytes:
    """Return an OpenAPI document as a page for people."""
    info = document["info"]
    groups: dict[str, list[Tag]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    return _page(
        f"{info['title']} {info['version']}",
        tags.p(_text(info["description"])),
        tags.p(_text(_TOKEN), " For programs: ", tags.a("openapi.json", href="/openapi.json")),
        [[tags.h2(group), operations] for group, operations in groups.items()],
        tags.h2("errors"),
        tags.table([_error(*each) for each in document["components"]["responses"].items()]),
        tags.h2("headers"),
        tags.table([_header(each) for each in document["components"]["parameters"].values()]),
        tags.h2("schemas"),
        [_schema(name, schema) for name, schema in document["components"]["schemas"].items()],
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Tag:
    needs = next((_NEEDS[name] for way in operation["security"] for name in way), "Without a token.")
    return tags.details(
        tags.summary(
            tags.span(method.upper(), class_="method"),
            tags.code(path),
            f" {operation['summary']}",
        ),
        tags.p(needs),
        tags.table(list(_inputs(operation)), list(_answers(operation["responses"]))),
        id=operation["operationId"],
    )


def _inputs(operation: Mapping[str, Any]) -> Iterator[Tag]:
    for each in operation["parameters"]:
        if "$ref" in each:  # the trace header, which every operation takes
            continue
        about = each.get("description", "")
        yield _row(each["name"], f"{each['in']}{_need(each['required'])}", about, _json(each["schema"]))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    for name, field in (body or {}).get("properties", {}).items():
        about = field.get("description", "")
        facts = {key: value for key, value in field.items() if key != "description"}
        yield _row(name, f"body{_need(name in body['required'])}", about, _json(facts))


def _need(is_required: bool) -> str:
    return ", required" if is_required else ""


def _answers(responses: Mapping[str, Any]) -> Iterator[Tag]:
    for status, response in responses.items():
        if "$ref" in response:
            yield _row(status, "error", response["$ref"].rpartition("/")[2], "")
        for media, content in response.get("content", {}).items():
            schema = content.get("schema", {})
            name = schema.get("$ref", "").rpartition("/")[2]
            yield _row(status, media, tags.a(name, href=f"#{name}") if name else "", "")


def _row(name: str, place: str, about: str | Tag, schema: str) -> Tag:
    return tags.tr(tags.td(tags.code(name)), tags.td(place), tags.td(about), tags.td(tags.code(schema)))


def _error(name: str, response: Mapping[str, Any]) -> Tag:
    headers = ", ".join(response["headers"])
    return _row(name, "", tags.span(_text(response["description"])), headers)


def _header(header: Mapping[str, Any]) -> Tag:
    return _row(header["name"], header["in"], header["description"], _json(header["schema"]))


def _text(markdown: str) -> list[Tag | str]:
    """Return a text with its `code` as HTML."""
    return [tags.code(part) if i % 2 else part for i, part in enumerate(markdown.split("`"))]


def _schema(name: str, schema: Mapping[str, Any]) -> Tag:
    return tags.details(
        tags.summary(tags.code(name), " ", _text(schema.get("description", ""))),
        tags.pre(_json(schema["properties"], indent=2)),
        id=name,
    )


def _json(value: Any, indent: int = -1) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=indent).decode()


def _page(title: str, *parts: Any) -> bytes:
    head = tags.head(tags.meta(charset="utf-8"), tags.title(title), tags.style(_STYLE))
    page = tags.html(head, tags.body(tags.h1(title), *parts), lang="en")
    written: list[bytes] = []
    flattenString(None, page).addCallback(written.append)  # fires at once: a page holds no Deferreds
    return b"<!DOCTYPE html>" + written[0]
