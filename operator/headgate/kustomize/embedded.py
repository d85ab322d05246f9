"""Fields inside the JSON or YAML text that a field such as a ConfigMap's value holds.

A replacement may reach into such a text: ``data.config\\.json.database.host``. YAML is written back as the YAML it was,
with only that changed (:mod:`.yaml.nodes`); JSON as Go writes it, sorted, on one line or indented with two spaces.
Reference: ``setValueInStructuredData`` of kustomize.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headgate.kustomize.errors import BuildError, ReferenceFault, YamlError
from headgate.kustomize.fieldpath import MISSING, look_up
from headgate.kustomize.growth import charge
from headgate.kustomize.nodepath import find_nodes, read_text
from headgate.kustomize.yaml import Dialect, load_documents, scalar_text, to_indented_json, to_json
from headgate.kustomize.yaml.nodes import Kind, Node, Page, write

__all__ = ["Embedded", "embedded_in"]


class Embedded:
    """A text, parsed, and where a path goes on in it.

    ``place`` are the segments that lead to the text.
    """

    def __init__(self, place: list[str], path: list[str], text: str, page: Page) -> None:
        self.place = place
        self._path = path
        self._text = text
        self._page = page

    def edited(self, create: Kind | None, edit: Callable[[Node], None]) -> str | None:
        """Edit what the path leads to and return the text then, None when it stays as it is.

        It stays when it is JSON and would be none afterwards, because a number would be text or so: kustomize does
        not mind. Raises BuildError when the path leads to nothing, or what it leads to cannot be written.
        """
        nodes = find_nodes(self._page.root, self._path, create)
        if not nodes:
            verb = "find or create" if create is not None else "find"
            raise ReferenceFault(
                f"unable to {verb} the field of the embedded text that a replacement is to write"
            )
        for node in nodes:
            edit(node)
        if self._text.strip()[0] in "{[":
            return self._as_json()
        for node in nodes:
            if node.misfit is not None:
                raise ReferenceFault(
                    f"a replacement would change the type of the field: {node.value!r} is not {node.misfit}"
                )
        return write(self._page).strip()

    def _as_json(self) -> str | None:
        try:
            documents = load_documents(write(self._page).encode(), file="", dialect=Dialect.EMBEDDED)
            value = documents[0].value if documents else None
            indented = "\n" in self._text and "  " in self._text
            text = to_indented_json(value) if indented else to_json(value).decode()
        except YamlError:
            return None
        # Indentation can be much longer than what it indents.
        charge(len(text))
        return text


def embedded_in(root: Any, path: list[str]) -> Embedded | None:
    """Return the first text on a path that is JSON or YAML with something in it, None when there is none."""
    for length in range(1, len(path)):
        try:
            value = look_up(root, path[:length])
        except BuildError:
            continue
        if value is MISSING or isinstance(value, (dict, list)):
            continue
        text = scalar_text(value)
        if not text.strip():
            continue
        page = read_text(text)
        return None if page is None else Embedded(path[:length], path[length:], text, page)
    return None
