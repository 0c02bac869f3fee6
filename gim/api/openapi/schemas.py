"""JSON Schema of the structs that the API reads and writes, in the form of OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from gim.api.openapi.describe import EVENTS, JSON

MAX_INT32 = 2**31 - 1

_PLACE = "#/components/schemas/{name}"


def components(structs: Iterable[type[Struct]]) -> dict[str, Any]:
    """Return the schemas of structs and of the structs in them, by name."""
    _, found = msgspec.json.schema_components(structs, ref_template=_PLACE)
    return dict(_neutral(found))


def reference(struct: type[Struct]) -> dict[str, Any]:
    """Return the reference to a struct among the `components`."""
    (found,), _ = msgspec.json.schema_components([struct], ref_template=_PLACE)
    return found


def plain(kind: Any) -> dict[str, Any]:
    """Return the schema of a type other than a struct."""
    return dict(_neutral(msgspec.json.schema(kind)))


def within(struct: type[Struct]) -> dict[str, Any]:
    """Return the schemas of the structs in a struct, by name, to which its `fields` refer."""
    return {name: found for name, found in components([struct]).items() if name != struct.__name__}


def fields(struct: type[Struct], filled: Collection[str]) -> dict[str, Any]:
    """Return the schema of a struct without the fields in *filled*."""
    schema = components([struct])[struct.__name__]
    properties = {name: field for name, field in schema["properties"].items() if name not in filled}
    required = [name for name in schema.get("required", ()) if name not in filled]
    return {"type": "object", "properties": properties, "required": required}


def request_body(struct: type[Struct], filled: Collection[str]) -> dict[str, Any]:
    """Return the description of a JSON body: the fields of a struct except those in *filled*."""
    schema = fields(struct, filled)
    return {"required": bool(schema["required"]), "content": {JSON: {"schema": schema}}}


def raw(media: str) -> dict[str, Any]:
    """Return the description of a body without envelope."""
    if media == JSON:
        return {"schema": {"type": "object"}}
    if media == EVENTS:  # OpenAPI can say what an event is from version 3.2 on
        return {}
    return {"schema": {"type": "string"}} if media.startswith("text/") else {}


def markdown(docstring: str) -> str:
    """Return a docstring as CommonMark."""
    return docstring.replace("``", "`")


def _neutral(schema: Any) -> Any:
    """Make schemas language-neutral: drop Python-only regex syntax and defaults that break minLength, say
    which integers need 64 bits, and of which type the values of an enum are."""
    if isinstance(schema, list):
        return [_neutral(each) for each in schema]
    if isinstance(schema, str):
        return re.sub(r"\\Z$", "$", markdown(schema))  # the end of a pattern: JavaScript knows no \Z
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "integer" and schema.get("maximum", MAX_INT32 + 1) > MAX_INT32:
        schema = {**schema, "format": "int64"}  # generators of clients take 32 bits otherwise
    if "enum" in schema and "type" not in schema:  # generators would take any number
        schema = {"type": "integer" if isinstance(schema["enum"][0], int) else "string", **schema}
    is_broken = schema.get("default") == "" and "minLength" in schema
    return {key: _neutral(each) for key, each in schema.items() if not (key == "default" and is_broken)}
