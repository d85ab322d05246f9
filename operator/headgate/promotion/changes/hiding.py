"""What of a difference may be shown. Pure.

Values of Secrets never leave this package: each key of ``data`` and ``stringData`` is a separate difference, with
:attr:`Hidden.SECRET` as its value. Whatever else in a Secret is not one of its ordinary fields is hidden as well.
Ciphertext of SOPS is :attr:`Hidden.CIPHERTEXT`. Everywhere else, texts are masked: a substitution or replacement may
have copied a value of a Secret there. A variable whose value nobody gave is shown by its name.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headgate.objects import Obj
from headgate.postbuild.masks import MASK, SHORTEST, Masks
from headgate.promotion.changes.fields import Difference
from headgate.promotion.changes.model import FieldChange, Hidden
from headgate.promotion.changes.paths import Element, Path, text_of
from headgate.promotion.changes.values import MISSING
from headgate.promotion.fleet.rendering import UNKNOWN_CLOSE, UNKNOWN_OPEN, RenderedObject, Rendering

if TYPE_CHECKING:
    from headgate.kube.refs import ObjectRef

__all__ = ["Curtain", "is_secret_object", "unknown_in"]

_CIPHERTEXT = re.compile(r"ENC\[[A-Za-z0-9_]+,")
_UNKNOWN = re.compile(f"{UNKNOWN_OPEN}([^{UNKNOWN_OPEN}{UNKNOWN_CLOSE}]*){UNKNOWN_CLOSE}")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_OPEN_IN_SECRETS = frozenset(("apiVersion", "kind", "metadata", "type", "immutable"))
_VALUES_IN_SECRETS = ("data", "stringData")
_SHORT = 3
"""Characters of a secret value from which on it is hidden elsewhere: as a whole text, and as a word of a longer one."""
_WORD = re.compile(r"[^\W_]+")
_WORDS = frozenset(("true", "false", "yes", "off", "null", "none", "http", "tcp", "udp"))
"""Short values of Secrets that are not secret."""


def is_secret_object(obj: Obj) -> bool:
    """Whether an object is a Secret."""
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"


def unknown_in(value: Any) -> Iterator[str]:
    """Return the names of the unknown variables in a value."""
    if isinstance(value, str):
        if UNKNOWN_OPEN in value:
            yield from _UNKNOWN.findall(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from unknown_in(key)
            yield from unknown_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from unknown_in(each)


class Curtain:
    """Hides what two renderings hold that nobody may read."""

    def __init__(self, renderings: Sequence[Rendering]) -> None:
        self._masks = Masks()
        self._short: set[str] = set()
        names: set[str] = set()
        seen: set[int] = set()
        for rendering in renderings:
            for kustomization in rendering.kustomizations:
                if kustomization.masks is not None and id(kustomization.masks) not in seen:
                    seen.add(id(kustomization.masks))
                    self._masks = self._masks | kustomization.masks
                for value in kustomization.secrets:
                    self.add(value)
                self._learn(kustomization.objects, names)
            self._learn(rendering.root, names)
        # A name appears in each report anyway.
        self._masks.forget(names)
        self._short -= names
        self._public = _public_words(renderings, names) if self._short else set()
        # A word of a name, kind or field tells nobody anything, and would blank what readers look for.
        wanted = sorted(self._short - self._public, key=len, reverse=True)
        self._inside = re.compile("|".join(rf"(?<!\w){re.escape(each)}(?!\w)" for each in wanted) or r"(?!)")

    def _learn(self, objects: Iterable[RenderedObject], names: set[str]) -> None:
        for each in objects:
            names.update((each.ref.name, each.ref.namespace))
            if is_secret_object(each.obj):
                for value in _secret_values(each.obj):
                    self.add(value)

    def add(self, value: str) -> None:
        """Hide another secret value."""
        if len(value) >= SHORTEST:
            self._masks.add(value)
        elif len(value) >= _SHORT and value.lower() not in _WORDS:
            self._short.add(value)
            encoded = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
            if len(encoded) >= SHORTEST:
                self._masks.add(encoded)
            else:
                self._short.add(encoded)

    def text(self, text: str) -> str:
        """Return a text without secret values, and with ``${name}`` for unknown variables."""
        if text in self._short:
            return MASK
        return self._inside.sub(MASK, self._long(text))

    def _key(self, name: str) -> str:
        return name if name in self._public else self.text(name)

    def _long(self, text: str) -> str:
        return _named(self._masks(text) if self._masks else text)

    def message(self, text: str) -> str:
        """Return a message that may quote any value, such as an API server's, without secret values."""
        for value in self._short:
            if value in text:
                text = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", MASK, text)
        return self._long(text)

    def covered(self, value: Any) -> Any:
        """Return a value in which every text with a secret value, also a short one, is replaced as a whole.

        For digests: a few characters that are missing from a known text could be guessed.
        """
        if isinstance(value, dict):
            return {self.covered(str(key)): self.covered(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.covered(each) for each in value]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return value
        text = str(value)
        hides = self.text(text) != _named(text) or any(each in text for each in self._short)
        return MASK if hides or _is_ciphertext(text) else value

    def ref(self, ref: ObjectRef) -> ObjectRef:
        """Return a reference in which unknown variables have their names."""
        if UNKNOWN_OPEN not in ref.name and UNKNOWN_OPEN not in ref.namespace:
            return ref
        return replace(ref, name=_named(ref.name), namespace=_named(ref.namespace))

    def value(self, value: Any) -> Any:
        """Return a value with all its texts as :meth:`text` returns them."""
        if isinstance(value, str):
            return Hidden.CIPHERTEXT if _CIPHERTEXT.match(value) else self.text(value)
        if isinstance(value, dict):
            return {self._key(str(key)): self.value(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return MASK if self.text(str(value)) != str(value) else value

    def fields(
        self, found: Iterable[Difference], *, secret: bool, encrypted: bool
    ) -> tuple[FieldChange, ...]:
        """Return differences as they may be shown; ``secret`` if the object is a Secret on either side."""
        shown: list[FieldChange] = []
        places: dict[str, int] = {}
        for difference in found:
            hidden = self._hidden(difference, secret, encrypted)
            # What is below a hidden field stays hidden, too.
            steps = self._path(difference.path if hidden is None else difference.path[: hidden[1]])
            before, after = self._side(difference.before, hidden), self._side(difference.after, hidden)
            change = FieldChange(
                text_of(steps),
                before,
                after,
                difference.before is not MISSING,
                difference.after is not MISSING,
                steps,
                difference.order,
                tuple(dict.fromkeys((*unknown_in(difference.before), *unknown_in(difference.after)))),
                MASK in repr((before, after, steps)),
            )
            if hidden is None:
                shown.append(change)
            elif change.path in places:
                shown[places[change.path]] = _both(shown[places[change.path]], change)
            else:
                places[change.path] = len(shown)
                shown.append(change)
        return tuple(shown)

    def _side(self, value: Any, hidden: tuple[Hidden, int] | None) -> Any:
        if value is MISSING:
            return None
        return self.value(value) if hidden is None else hidden[0]

    def _path(self, path: Path) -> Path:
        return tuple(
            self._key(step)
            if isinstance(step, str)
            else Element(tuple((k, self.text(v)) for k, v in step.keys), step.index)
            for step in path
        )

    def _hidden(self, difference: Difference, secret: bool, encrypted: bool) -> tuple[Hidden, int] | None:
        """What replaces the values, and how many steps of the path remain; None if they may be shown."""
        path = difference.path
        if encrypted and path[:1] == ("sops",):
            return Hidden.CIPHERTEXT, 1
        if _is_ciphertext(difference.before) or _is_ciphertext(difference.after):
            return Hidden.CIPHERTEXT, len(path)
        if path[:2] == ("spec", "encryptedData") and len(path) > 2:
            return Hidden.CIPHERTEXT, 3
        if secret and path[:1] and path[0] not in _OPEN_IN_SECRETS:
            return Hidden.SECRET, 2 if path[0] in _VALUES_IN_SECRETS else 1
        if path[:3] == ("metadata", "annotations", _LAST_APPLIED):
            return Hidden.SECRET, 3
        return None


def _both(former: FieldChange, other: FieldChange) -> FieldChange:
    """One change for two hidden ones at one place."""
    return FieldChange(
        former.path,
        former.before or other.before,
        former.after or other.after,
        former.before_present or other.before_present,
        former.after_present or other.after_present,
        former.steps,
        former.order and other.order,
        tuple(dict.fromkeys((*former.unknown, *other.unknown))),
    )


def _public_words(renderings: Iterable[Rendering], names: Iterable[str]) -> set[str]:
    """The words of all names, kinds and fields."""
    found = {word for name in names for word in _WORD.findall(name)}
    for rendering in renderings:
        for each in rendering.objects:
            found.update(_WORD.findall(each.ref.api_version), (each.ref.kind,))
            found.update(word for key in _keys_of(each.obj) for word in _WORD.findall(key))
    return found


def _keys_of(value: Any) -> Iterator[str]:
    """The names of all fields in a value."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from map(str, value)
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _named(text: str) -> str:
    return _UNKNOWN.sub(r"${\1}", text) if UNKNOWN_OPEN in text else text


def _is_ciphertext(value: Any) -> bool:
    return isinstance(value, str) and _CIPHERTEXT.match(value) is not None


def _secret_values(secret: Obj) -> Iterator[str]:
    """The values of a Secret, as they are and decoded."""
    plain = secret.get("stringData")
    if isinstance(plain, dict):
        yield from (v for v in plain.values() if isinstance(v, str) and not _is_ciphertext(v))
    data = secret.get("data")
    for value in data.values() if isinstance(data, dict) else ():
        if not isinstance(value, str) or _is_ciphertext(value) or UNKNOWN_OPEN in value:
            continue
        yield value
        try:
            decoded = base64.b64decode(value, validate=False).decode()
        except (binascii.Error, ValueError):
            continue
        if decoded.isprintable() or "\n" in decoded:
            yield decoded
