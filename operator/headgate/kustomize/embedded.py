"""Fields inside the JSON or YAML text that a field such as a ConfigMap's value holds.

A replacement may reach into such a text: ``data.config\\.json.database.host``. JSON is written back as JSON, compact
or indented as it was; YAML is written back as YAML.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from headgate.kustomize.errors import BuildError, LimitExceeded
from headgate.kustomize.fieldpath import MISSING, look_up
from headgate.kustomize.growth import charge
from headgate.kustomize.pathmatch import Slot, find_slots
from headgate.kustomize.yaml import dump, load_documents, plain, to_json
from headgate.kustomize.yaml.scalars import scalar_text


def edit_embedded(root: Any, path: list[str], create: Any, edit: Callable[[Slot], None]) -> bool:
    """Edit what ``path`` leads to inside an embedded text; return False when the path leads into none."""
    for length in range(1, len(path)):
        try:
            value = look_up(root, path[:length])
        except BuildError:
            continue
        if value is MISSING or isinstance(value, (dict, list)) or not scalar_text(value).strip():
            continue
        text = scalar_text(value)
        # Reading and writing the whole text is what this costs.
        charge(len(text))
        try:
            documents = load_documents(text.encode(), file="")
            holder = [documents[0].value if documents else None]
            slots = find_slots(holder[0], path[length:], create)
            for slot in slots:
                edit(slot)
        except LimitExceeded:
            raise
        except BuildError:
            return False
        if not slots:
            return False
        parents = find_slots(root, path[:length], None)
        for container, key in parents:
            container[key] = _written(holder[0], text)
        return True
    return False


def _written(value: Any, original: str) -> str:
    if original.strip()[0] not in "{[":
        return dump(plain(value)).strip()
    if "\n" in original and "  " in original:
        compact = json.loads(to_json(value))
        return json.dumps(compact, indent=2, ensure_ascii=False, sort_keys=True)
    return to_json(value).decode()
