"""JSON Schema of the structs that the API reads and writes, as OpenAPI wants it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from gim.api.openapi.describe import JSON

_PLACE = "#/components/schemas/{name}"


def components(structs: Iterable[type[Struct]]) -> dict[str, Any]:
    """Return the schemas of structs, and of all that they hold, by name."""
    _, found = msgspec.json.schema_components(structs, ref_template=_PLACE)
    return dict(_tidy(found))


def reference(struct: type[Struct]) -> dict[str, Any]:
    """Return what refers to the schema of a struct among the `components`."""
    (found,), _ = msgspec.json.schema_components([struct], ref_template=_PLACE)
    return found


def plain(kind: Any) -> dict[str, Any]:
    """Return the schema of a type that is no struct."""
    return dict(_tidy(msgspec.json.schema(kind)))


def fields(struct: type[Struct], filled: Collection[str]) -> dict[str, Any]:
    """Return the schema of a struct without the fields in *filled*, complete in itself."""
    schema = _tidy(msgspec.json.schema(struct)["$defs"][struct.__name__])
    properties = {name: field for name, field in schema["properties"].items() if name not in filled}
    required = [name for name in schema.get("required", ()) if name not in filled]
    return {"type": "object", "properties": properties, "required": required}


def request_body(struct: type[Struct], filled: Collection[str]) -> dict[str, Any]:
    """Return the description of a JSON body with the fields of a struct that are not in *filled*."""
    schema = fields(struct, filled)
    return {"required": bool(schema["required"]), "content": {JSON: {"schema": schema}}}


def raw(media: str) -> dict[str, Any]:
    """Return the description of a body that has no envelope."""
    if media == JSON:
        return {"schema": {"type": "object"}}
    return {"schema": {"type": "string"}} if media.startswith("text/") else {}


def markdown(docstring: str) -> str:
    """Return a docstring as CommonMark."""
    return docstring.replace("``", "`")


def _tidy(schema: Any) -> Any:
    """Write for everybody what is written for Python, and leave out a default that is no value."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if isinstance(schema, str):
        return re.sub(r"\\Z$", "$", markdown(schema))  # the end of a pattern: JavaScript knows no \Z
    if not isinstance(schema, dict):
        return schema
    no_value = schema.get("default") == "" and "minLength" in schema
    return {key: _tidy(each) for key, each in schema.items() if not (key == "default" and no_value)}
