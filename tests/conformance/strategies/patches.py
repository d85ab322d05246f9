"""Generated patches and replacements: made from the objects they are for, so that most of them apply."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from tests.conformance.strategies import embedded
from tests.conformance.strategies.objects import Body, Draw, Thing, maybe
from tests.conformance.strategies.scalars import anything, keys, odd, texts, words
from tests.conformance.strategies.text import Alias, Anchored, Block, Raw, Style, styles, write

Path = tuple[str | int, ...]

_MERGE_KEYS = ("name", "containerPort", "port", "mountPath", "key", "ip")


def paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field and list element of an object, with its value."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in ("<<", "apiVersion", "kind") or path:
                yield (*path, key), item
                yield from paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*path, index), item
            yield from paths(item, (*path, index))


def _change(draw: Draw, value: Any, depth: int) -> Any:
    """What a strategic merge patch may have in the place of a value."""
    if isinstance(value, (Anchored, Alias)):
        return None
    if draw(st.integers(1, 14)) == 1:
        return None
    if isinstance(value, dict):
        return _change_map(draw, value, depth)
    if isinstance(value, list):
        return _change_list(draw, value, depth)
    if isinstance(value, bool):
        return not value
    return draw(st.one_of(st.integers(0, 9), texts, odd))


def _change_map(draw: Draw, value: Body, depth: int) -> Body:
    result: Body = {}
    for key, item in value.items():
        if key != "<<" and draw(st.integers(1, 3)) > 1:
            result[key] = _change(draw, item, depth + 1)
    maybe(draw, result, draw(keys), anything, 5)
    directive = draw(st.integers(1, 24))
    if directive == 1:
        result["$patch"] = draw(st.sampled_from(("delete", "replace", "merge")))
    elif directive == 2 and result:
        result["$retainKeys"] = sorted(key for key in result if not key.startswith("$"))
    elif directive == 3:
        for key, item in value.items():
            if isinstance(item, list) and item:
                simple = [entry for entry in item if isinstance(entry, (str, int))]
                named = [
                    {"name": entry["name"]} for entry in item if isinstance(entry, dict) and "name" in entry
                ]
                if simple and draw(st.booleans()):
                    result[f"$deleteFromPrimitiveList/{key}"] = simple[:1]
                elif named or simple:
                    result[f"$setElementOrder/{key}"] = list(reversed(named or simple))
    return result


def _change_list(draw: Draw, value: list[Any], depth: int) -> list[Any]:
    result: list[Any] = []
    for item in value:
        if isinstance(item, dict):
            if not draw(st.booleans()):
                continue
            key = next((name for name in _MERGE_KEYS if name in item), None)
            if draw(st.integers(1, 8)) == 1 and key is not None:
                result.append({key: item[key], "$patch": draw(st.sampled_from(("delete", "replace")))})
                continue
            entry = _change_map(draw, item, depth + 1)
            if key is not None and draw(st.integers(1, 12)) > 1:
                entry[key] = item[key]
                if key == "containerPort" and "protocol" in item and draw(st.booleans()):
                    entry["protocol"] = item["protocol"]
            result.append(entry)
        elif draw(st.booleans()):
            result.append(item)
    extra = draw(st.integers(1, 10))
    if extra <= 2:
        result.insert(draw(st.integers(0, len(result))), _new_element(draw, value))
    elif extra == 3:
        result.append({"$patch": draw(st.sampled_from(("replace", "delete")))})
    return result


def _new_element(draw: Draw, value: list[Any]) -> Any:
    sample = value[0] if value else "x"
    if not isinstance(sample, dict):
        return draw(words)
    key = next((name for name in _MERGE_KEYS if name in sample), "name")
    new: Any = draw(st.sampled_from((81, 444))) if isinstance(sample.get(key), int) else draw(words)
    return {key: new, draw(words): draw(anything)}


def merge_patch(draw: Draw, thing: Thing) -> Body:
    """A strategic merge patch for an object."""
    if draw(st.integers(1, 25)) == 1:
        return {**thing.head, "$patch": draw(st.sampled_from(("delete", "replace", "merge")))}
    rest = {key: item for key, item in thing.body.items() if key not in ("apiVersion", "kind", "metadata")}
    head = thing.head
    metadata = thing.body["metadata"]
    for field in ("labels", "annotations"):
        if isinstance(metadata.get(field), dict) and draw(st.booleans()):
            head["metadata"][field] = _change_map(draw, metadata[field], 1)
        else:
            maybe(draw, head["metadata"], field, st.dictionaries(keys, texts, max_size=2), 6)
    return {**head, **_change_map(draw, rest, 0)}


_OPERATIONS = (*("add",) * 8, *("replace",) * 6, *("remove",) * 3, "copy", "move", "test")


def _pointer(path: Path) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def json_patch(draw: Draw, thing: Thing) -> list[Body]:
    """A JSON patch for an object."""
    known = [path for path, _ in paths(thing.body)]
    operations = []
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(known))
        op = draw(st.sampled_from(_OPERATIONS))
        if op == "add":
            end = draw(st.sampled_from(("-", 0, "new", None)))
            path = (
                (*path[:-1], end) if isinstance(path[-1], int) and end != "new" and end is not None else path
            )
            path = (*path[:-1], "new") if end == "new" and not isinstance(path[-1], int) else path
        entry: Body = {"op": op, "path": _pointer(path)}
        if op in ("add", "replace", "test"):
            entry["value"] = draw(
                st.one_of(anything, st.dictionaries(keys, anything, max_size=2), st.lists(words, max_size=2))
            )
        elif op in ("copy", "move"):
            entry["from"] = _pointer(draw(st.sampled_from(known)))
        operations.append(entry)
    return operations


def json_text(draw: Draw, operations: list[Body]) -> str:
    """A JSON patch written down, as YAML or as JSON."""
    if draw(st.booleans()):
        # In brackets it would have to be JSON.
        return write(operations, Style(flow_from=draw(st.sampled_from((1, 99)))))
    return json.dumps(_as_json(operations))


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return value.text if isinstance(value, Block) else str(value) if isinstance(value, Raw) else value


def patch_text(draw: Draw, body: Body) -> str:
    """A strategic merge patch written down."""
    return write(body, draw(styles))


def field_path(draw: Draw, thing: Thing, *, scalars: bool, several: bool = True) -> str:
    """A path as replacements take it, to a field that the object has, or nearly; ``several`` allows ``*``."""
    known = [
        path
        for path, value in paths(thing.body)
        if not (scalars and isinstance(value, (dict, list))) and not isinstance(value, (Anchored, Alias))
    ]
    path = draw(st.sampled_from(known or [("metadata", "name")]))
    parts = []
    value: Any = thing.body
    for part in path:
        value = value[part]
        text = str(part)
        if isinstance(part, int):
            choice = draw(st.integers(1, 3))
            name = value.get("name") if isinstance(value, dict) else None
            if choice == 1 and isinstance(name, str):
                text = f"[name={name}]"
            elif choice == 2 and several:
                text = "*"
        else:
            text = text.replace(".", "\\.")
        parts.append(text)
    if several and path[-1:] == (embedded.KEY,) and draw(st.integers(1, 4)) > 1:
        parts.append(draw(embedded.paths))
    elif draw(st.integers(1, 8)) == 1:
        parts[-1] = "added"
    return ".".join(parts)
