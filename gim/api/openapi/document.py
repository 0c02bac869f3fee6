"""The OpenAPI 3.1 document, derived from the routes and the structs that they read and write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from msgspec import Struct
from werkzeug.routing import Rule

from gim import __version__
from gim.api.envelope import ENVELOPES, HEADERS, Refusal, Success
from gim.api.openapi import schemas
from gim.api.openapi.describe import (
    GROUPS,
    JSON,
    PATH_PARAMETERS,
    Access,
    Description,
    RouteSet,
    description_of,
)
from gim.errors import GimError

_REF = "#/components/{kind}/{name}"
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")  # <user_id>, or <file:file> with slashes in it
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.USER: [{"bearer": []}, {"token": []}],
    Access.ADMIN: [{"key": []}],
    Access.CONSOLE: [{"key": []}],
}
_ABOUT = cleandoc(
    """
    JSON in and out. An answer is an envelope: `code` 0 and `data`, or an error's `code`, which is the
    HTTP status as well, and in `msg` one sentence that says what was wrong and what to do. An unknown
    path is a 404; a method that a path does not have is a 405 with the header Allow; a request that is
    not valid HTTP or has a path that is not UTF-8 is a 400; all with the envelope.
    """
)


class Route(Struct, frozen=True):
    """A method of a path, with the description of its route."""

    method: str
    path: str  # as OpenAPI writes it: /v1/users/{user_id}
    name: str
    parameters: tuple[str, ...]  # in the path, in order
    description: Description


def routes_of(route_sets: Iterable[RouteSet]) -> Iterator[Route]:
    """Yield all routes that are served; `LookupError` for one without a description.

    HEAD belongs to GET and is not listed.
    """
    for routes in route_sets:
        for rule in routes.app.url_map.iter_rules():
            for method in sorted(set(rule.methods or ()) - {"HEAD"}):
                path, parameters = _path(rule)
                description = description_of(getattr(routes, rule.endpoint))
                yield Route(method, path, rule.endpoint, parameters, description)


def _path(rule: Rule) -> tuple[str, tuple[str, ...]]:
    path = _PARAMETER.sub(r"{\1}", rule.rule)
    return path, tuple(sorted(rule.arguments, key=rule.rule.index))


def document(route_sets: Iterable[RouteSet], trace_header: str) -> dict[str, Any]:
    """Return the document as values that JSON can hold."""
    writer = _Writer(trace_header)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes_of(route_sets):
        paths.setdefault(route.path, {})[route.method.lower()] = writer.operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gim",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": writer.tags(),
        "paths": paths,
        "components": writer.components(),
    }


class _Writer:
    """Writes operations and collects the components that they refer to."""

    def __init__(self, trace_header: str) -> None:
        self._trace_header = trace_header
        self._answers: dict[str, type[Struct]] = {}
        self._errors: dict[str, type[GimError]] = {}
        self._in_bodies: dict[str, Any] = {}  # schemas, by name
        self._groups: set[str] = set()

    def operation(self, route: Route) -> dict[str, Any]:
        description = route.description
        written: dict[str, Any] = {
            "operationId": route.name,
            "summary": description.summary,
            "tags": [description.group],
            "parameters": list(self._parameters(route)),
            "responses": {
                str(description.status.value): self._answer(description),
                **dict(self._refusals(route)),
            },
        }
        if description.body is not None:
            written["requestBody"] = schemas.request_body(description.body, _filled(route))
            self._in_bodies |= schemas.within(description.body)
        written["security"] = _SECURITY.get(description.access, [])
        self._groups.add(description.group)
        return written

    def tags(self) -> list[dict[str, str]]:
        """Return the groups of the operations with what they are about."""
        return [{"name": name, "description": GROUPS[name]} for name in GROUPS if name in self._groups]

    def _parameters(self, route: Route) -> Iterator[dict[str, Any]]:
        for name in route.parameters:
            schema = schemas.plain(PATH_PARAMETERS[name][0])
            yield _parameter(name, "path", schema, is_required=True)
        if route.description.query is not None:
            schema = schemas.fields(route.description.query, _filled(route))
            for name, field in schema["properties"].items():
                yield _parameter(name, "query", field, name in schema["required"])
        yield _reference("parameters", "trace")

    def _answer(self, description: Description) -> dict[str, Any]:
        headers = {self._trace_header: _reference("headers", "trace")}
        if description.status is not HTTPStatus.OK:  # the connection speaks another protocol from then on
            return {"description": description.status.phrase, "headers": headers}
        content: dict[str, Any] = {}
        if description.returns is None:
            content = {media: schemas.raw(media) for media in description.media}
        else:
            envelope: type[Struct] = Success[description.returns]  # type: ignore[name-defined]
            self._answers[description.returns.__name__] = envelope
            content = {media: schemas.raw(media) for media in description.media if media != JSON}
            content[JSON] = {"schema": schemas.reference(envelope)}
        return {"description": "Success", "headers": headers, "content": content}

    def _refusals(self, route: Route) -> Iterator[tuple[str, dict[str, Any]]]:
        for error in route.description.refusals(route.parameters):
            self._errors[error.__name__] = error
            yield str(error.code), _reference("responses", error.__name__)

    def components(self) -> dict[str, Any]:
        """Return the components that operations refer to."""
        trace = {
            "description": "The trace id: it stands in every log line that the request caused.",
            "schema": {"type": "string"},
        }
        about = "1 to 128 printable ASCII characters; without it the server makes one up."
        sent = trace | {"name": self._trace_header, "in": "header", "description": about}
        return {
            "schemas": self._in_bodies
            | schemas.components([*self._answers.values(), Refusal, *ENVELOPES.values()]),
            "responses": {name: self._response(error) for name, error in sorted(self._errors.items())},
            "parameters": {"trace": sent},
            "headers": {"trace": trace | {"required": True}},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        }

    def _response(self, error: type[GimError]) -> dict[str, Any]:
        headers: dict[str, Any] = {self._trace_header: _reference("headers", "trace")}
        if error in HEADERS:
            name, about, _ = HEADERS[error]
            headers[name] = {"description": about, "required": True, "schema": {"type": "string"}}
        # a plain reference: generators of clients fail with one that is narrowed to the error's code
        schema = schemas.reference(ENVELOPES.get(error, Refusal))
        about = schemas.markdown(error.__doc__ or error.__name__)
        return {"description": about, "headers": headers, "content": {JSON: {"schema": schema}}}


def _reference(kind: str, name: str) -> dict[str, Any]:
    return {"$ref": _REF.format(kind=kind, name=name)}


def _parameter(name: str, place: str, schema: dict[str, Any], is_required: bool) -> dict[str, Any]:
    about = {"description": schema.pop("description")} if "description" in schema else {}
    return {"name": name, "in": place, "required": is_required, **about, "schema": schema}


def _filled(route: Route) -> set[str]:
    """Return the fields of a request's struct that the path fills."""
    return {PATH_PARAMETERS[name][1] for name in route.parameters}
