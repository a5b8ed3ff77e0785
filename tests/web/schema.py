"""Whether a value is what a JSON Schema says: as much of the language as our own document uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}
KNOWN: Final = frozenset(
    {
        *("$ref", "type", "properties", "required", "additionalProperties", "items", "enum"),
        *("anyOf", "minimum", "maximum", "minItems", "maxItems", "description", "format"),
        "default",
    }
)


def faults(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """A line for each place where it is not."""
    return list(_faults(value, schema, document, at))


def _is(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def _faults(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str) -> Iterator[str]:  # noqa: ANN401 - any JSON
    assert set(schema) <= KNOWN, f"{at}: {set(schema) - KNOWN} is not understood"
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        yield from _faults(value, document["components"]["schemas"][name], document, at)
        return
    if "anyOf" in schema and all(faults(value, one, document) for one in schema["anyOf"]):
        yield f"{at}: none of the choices: {value!r}"[:300]
    names = schema.get("type", [])
    if names and not any(_is(value, one) for one in ([names] if isinstance(names, str) else names)):
        yield f"{at}: {value!r} is no {names}"[:300]
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    if _is(value, "number") and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        yield f"{at}: {value} is out of range"
    if isinstance(value, dict):
        yield from _of_object(value, schema, document, at)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: {len(value)} items"
        for number, one in enumerate(value):
            yield from _faults(one, schema.get("items", {}), document, f"{at}[{number}]")


def _of_object(
    value: dict[str, Any], schema: dict[str, Any], document: dict[str, Any], at: str
) -> Iterator[str]:
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    yield from (
        f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value
    )
    for name, one in value.items():
        if name in properties:
            yield from _faults(one, properties[name], document, f"{at}.{name}")
        elif more is False:
            yield f"{at}.{name} is not described"
        elif isinstance(more, dict):
            yield from _faults(one, more, document, f"{at}.{name}")
