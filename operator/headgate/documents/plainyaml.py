"""Reads YAML of untrusted authors as plain data: kubeconfigs, credentials. Pure.

An alias of a few bytes can repeat any amount of data. Merge keys (``<<``) copy that data, in time quadratic in the
length of the text, and code that walks the result meets it once for each alias. These texts need neither, so this
module refuses both, and the time to read a text grows linearly with it.
"""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["NotPlain", "load"]

LONGEST_NUMBER = 100
"""In characters; the time to parse a number is quadratic in its length (``1:59:59:...`` has base 60)."""
_NUMBERS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp"))


class NotPlain(ValueError):
    """The text is not YAML, or uses aliases; the message contains nothing of the text."""


def load(text: str | bytes) -> Any:
    """Return the one document of the text. Raises :class:`NotPlain`."""
    try:
        loader = yaml.CSafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except NotPlain:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError):
        # The parser's message quotes the text, which is secret.
        raise NotPlain("is not valid YAML") from None


def _check(root: yaml.Node) -> None:
    seen: set[int] = set()
    to_do = [root]
    while to_do:
        node = to_do.pop()
        if id(node) in seen:
            raise NotPlain("uses YAML aliases (*name), which are not supported here; write it without them")
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            to_do += [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            to_do += node.value
        elif node.tag in _NUMBERS and len(node.value) > LONGEST_NUMBER:
            raise NotPlain(f"has a number of more than {LONGEST_NUMBER} characters; quote it if it is text")
