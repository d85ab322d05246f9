"""The JSON Schemas of the command line's output."""

from __future__ import annotations

from typing import Any


def check(value: Any, schema: Any, root: Any, at: str = "$") -> None:
    """Compare a value with the part of JSON Schema that our schemas use."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        failures = []
        for each in schema["anyOf"]:
            try:
                return check(value, each, root, at)
            except AssertionError as error:
                failures.append(str(error))
        raise AssertionError(f"{at}: {failures}")
    if "const" in schema:
        assert value == schema["const"], at
    if "enum" in schema:
        assert value in schema["enum"], f"{at}: {value}"
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "boolean": bool,
        "null": type(None),
    }
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), f"{at}: {value!r} is not {schema['type']}"
        assert schema["type"] != "integer" or not isinstance(value, bool), at
    if isinstance(value, dict) and schema.get("type") == "object":
        missing = set(schema.get("required", ())) - set(value)
        assert not missing, f"{at}: {missing}"
        for key, each in value.items():
            if key in schema.get("properties", {}):
                check(each, schema["properties"][key], root, f"{at}.{key}")
            else:
                assert schema.get("additionalProperties") is not False, f"{at}: unknown {key}"
    if isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            check(each, schema["items"], root, f"{at}[{number}]")
    return None
