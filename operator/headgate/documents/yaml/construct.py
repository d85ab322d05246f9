"""Turns the events of one YAML document into a value.

One loop without recursion, because most of the time of a build is spent here: a stack holds the containers that are
still open.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from headgate.documents.yaml.known import known
from headgate.documents.yaml.numbers import go_general
from headgate.documents.yaml.scalars import (
    TAG_PREFIX,
    USUAL_WORDS,
    Binary,
    Folded,
    Quoted,
    SpelledStr,
    plain,
    scalar_text,
)

__all__ = ["Constructor", "Malformed"]

_NO_KEY: Any = object()
_LONG = 8
"""The bits of a text's length that do not count: each 256 characters cost as much as one more value."""
_MERGE: Any = object()
_DROPPED: Any = object()
_OPEN: Any = object()


class Malformed(Exception):
    """The text is YAML, but not of the form that Kubernetes tools accept; ``line`` counts from 0."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Constructor:
    """Constructs the values of documents, one after another, under the same rules and limits."""

    def __init__(
        self,
        resolve: Callable[[str], Any],
        *,
        any_keys: bool,
        last_wins: bool,
        first_wins: bool,
        drops_arrows: bool,
        max_depth: int,
        max_copies: int,
    ) -> None:
        self._resolve = resolve
        self._known = known(resolve)
        self._any_keys = any_keys
        self._last_wins = last_wins
        self._first_wins = first_wins
        self._drops_arrows = drops_arrows
        self._max_depth = max_depth
        self._max_copies = max_copies

    def construct(self, parser: CParser) -> tuple[Any, int] | None:
        """Return the first document's value and line (from 0), or None when the stream has no document.

        ``words`` then lists the mappings, and keys in them, with a null or boolean that is not written ``null``,
        ``true`` or ``false``, its spelling, and whether it is within braces; ``in_braces`` says whether the whole
        document is. Raises Malformed, and what the parser raises.
        """
        # The stubs know neither that a separate event ends the stream nor that libyaml marks every event.
        next_event: Callable[[], Any] = parser.get_event
        line = -1
        self._anchors: dict[str, Any] = {}
        self.words: list[tuple[dict[str, Any], str, str, bool]] = []
        self.in_braces = False
        flow_level = 0
        self.copies = 0
        """How many values aliases have added so far."""
        cache, last_wins, first_wins = self._known.values, self._last_wins, self._first_wins
        # Only resources are printed and read again during a build.
        folded = Quoted if self._any_keys else Folded
        stack: list[tuple[Any, Any, Any, str | None]] = []
        container: Any = None
        key: Any = _NO_KEY
        merges: Any = None
        anchor: str | None = None
        while True:
            # Any: the stubs know neither the attributes of each kind of event nor that events of a parser have marks.
            event: Any = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                value = event.value
                if key is _NO_KEY and type(container) is dict:
                    key = self._key(event)
                    if key in container and not last_wins and not first_wins:
                        raise Malformed(
                            f"the key {key!r} is given twice in one mapping", event.start_mark.line
                        )
                    continue
                if event.tag is not None and event.tag != "!":
                    value = self._tagged(event)
                elif not event.style:
                    try:
                        value = cache[value]
                    except KeyError:
                        value = self._plain(value, event)
                else:
                    value = folded(value) if event.style == ">" else Quoted(value)
                if event.anchor is not None:
                    self._anchors[event.anchor] = value
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if key is _NO_KEY and type(container) is dict:
                    raise Malformed("a key of a mapping must be a string", event.start_mark.line)
                if len(stack) >= self._max_depth:
                    raise Malformed(
                        f"is nested more than {self._max_depth} levels deep", event.start_mark.line
                    )
                if line < 0:
                    line = event.start_mark.line
                stack.append((container, key, merges, anchor))
                anchor = event.anchor
                if anchor is not None:
                    self._anchors[anchor] = _OPEN
                container = {} if kind is MappingStartEvent else []
                key = _NO_KEY
                merges = None
                if flow_level or event.flow_style:
                    flow_level += 1
                    self.in_braces = self.in_braces or len(stack) == 1
                continue
            elif kind is AliasEvent:
                value = self._alias(event)
                if key is _NO_KEY and type(container) is dict:
                    if not isinstance(value, str):
                        raise Malformed("a key of a mapping must be a string", event.start_mark.line)
                    key = str(value)
                    continue
            elif kind is StreamStartEvent or kind is DocumentStartEvent:
                continue
            elif kind is DocumentEndEvent or kind is StreamEndEvent:
                return None
            else:
                value = container
                if flow_level:
                    flow_level -= 1
                if merges is not None and kind is MappingEndEvent:
                    self._merge(value, merges, event.start_mark.line)
                if anchor is not None and self._anchors.get(anchor) is _OPEN:
                    self._anchors[anchor] = value
                container, key, merges, anchor = stack.pop()
            # A value is complete: store it in its container.
            if type(container) is list:
                container.append(value)
            elif container is None:
                if line < 0:
                    line = event.start_mark.line
                # Let the parser read the end of the document, where it may find further errors.
                next_event()
                return value, line
            elif key is _MERGE:
                if last_wins:
                    for source in reversed(_merged_maps(value, event.start_mark.line)):
                        container.update(self._copy(source, event.start_mark.line))
                    key = _NO_KEY
                    continue
                if merges is not None:
                    raise Malformed("the merge key '<<' is given twice in one mapping", event.start_mark.line)
                merges = _merged_maps(value, event.start_mark.line)
                key = _NO_KEY
            elif key is _DROPPED or (first_wins and key in container):
                key = _NO_KEY
            else:
                container[key] = value
                if (
                    (value is None or value is True or value is False)
                    and kind is ScalarEvent
                    and event.value not in USUAL_WORDS
                    and event.tag is None
                ):
                    self.words.append((container, key, event.value, flow_level > 0))
                key = _NO_KEY

    def _plain(self, text: str, event: Any) -> Any:
        try:
            return self._known.value(text)
        except ValueError as error:
            raise Malformed(str(error), event.start_mark.line) from None

    def _key(self, event: Any) -> Any:
        text: str = event.value
        if event.style and event.tag is None:
            # kustomize clears the field after merging, whether it is the merge key or not.
            return _DROPPED if text == "<<" and self._drops_arrows else text
        if text == "<<" and (event.tag is None or event.tag == TAG_PREFIX + "merge"):
            return _MERGE
        if event.tag is None:
            key = self._known.key(text)
            if key is not None:
                return key
        value = self._tagged(event) if event.tag not in (None, "!") else self._resolve(text)
        if not isinstance(value, str) or isinstance(value, SpelledStr):
            if not self._any_keys or value is None:
                raise Malformed(
                    f"the key {text or 'null'} must be a string: write it in quotes", event.start_mark.line
                )
            return scalar_text(plain(value))
        return str(value)

    def _tagged(self, event: Any) -> Any:
        text: str = event.value
        tag: str = event.tag.removeprefix(TAG_PREFIX) if event.tag.startswith(TAG_PREFIX) else ""
        if tag == "str":
            return Quoted(text)
        if tag == "binary":
            try:
                data = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
            except (binascii.Error, ValueError):
                raise Malformed("a !!binary value must be base64", event.start_mark.line) from None
            decoded = data.decode("utf-8", "surrogateescape")
            return Binary("".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in decoded), text)
        if tag not in ("int", "float", "bool", "null", "timestamp"):
            # Kubernetes ignores other tags.
            return Quoted(text)
        value = self._resolve(text)
        if tag == "float" and isinstance(value, int) and not isinstance(value, bool):
            number = float(value)
            return number if abs(number) >= 1 << 63 or go_general(number) != str(int(value)) else int(value)
        found = (
            "null"
            if value is None
            else "bool"
            if isinstance(value, bool)
            else "int"
            if isinstance(value, int)
            else "float"
            if isinstance(value, float)
            else "timestamp"
            if isinstance(value, SpelledStr)
            else "str"
        )
        if found != tag:
            raise Malformed(f"{text!r} is not a value of type !!{tag}", event.start_mark.line)
        return value

    def _alias(self, event: Any) -> Any:
        try:
            value = self._anchors[event.anchor]
        except KeyError:
            raise Malformed(f"the anchor {event.anchor!r} is not defined", event.start_mark.line) from None
        if value is _OPEN:
            raise Malformed(f"the anchor {event.anchor!r} contains itself", event.start_mark.line)
        return self._copy(value, event.start_mark.line)

    def _copy(self, value: Any, line: int) -> Any:
        # Copies share a long text, but the printer writes each of them.
        self.copies += 1 + (len(value) >> _LONG if isinstance(value, str) else 0)
        if self.copies > self._max_copies:
            raise Malformed(f"aliases add more than {self._max_copies} values", line)
        if type(value) is dict:
            return {key: self._copy(item, line) for key, item in value.items()}
        if type(value) is list:
            return [self._copy(item, line) for item in value]
        return value

    def _merge(self, target: dict[str, Any], maps: list[dict[str, Any]], line: int) -> None:
        """Fill in keys from the maps of a merge key: the mapping's own keys win, then those of earlier maps."""
        for source in maps:
            for key, value in source.items():
                if key not in target:
                    target[key] = self._copy(value, line)


def _merged_maps(value: Any, line: int) -> list[dict[str, Any]]:
    maps = value if type(value) is list else [value]
    if not all(type(item) is dict for item in maps):
        raise Malformed("the merge key '<<' needs a mapping, or a list of mappings", line)
    return maps
