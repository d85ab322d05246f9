"""Substitutes variables in built objects, exactly as Flux does it: in text.

An object is printed as YAML, expressions are replaced in that text, and the text is read again. Types follow
from this: quotes of the source are gone before, so ``"${replicas}"`` with the value ``3`` becomes a number,
and a value that holds ``: `` may break the text. Keys are substituted like values. Printing and reading are
parameters, because this layer knows no other: ``dump`` prints one value as ``sigs.k8s.io/yaml`` does, ``load``
reads one document by the same library's type rules (``yes`` is true).

An object without a ``$`` is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headgate.api.labels import SUBSTITUTE
from headgate.postbuild.errors import BrokenBySubstitution, SubstitutionError
from headgate.postbuild.expand import expand
from headgate.postbuild.variables import Variables

__all__ = ["Dump", "Load", "is_substitution_disabled", "substitute"]

Obj = dict[str, Any]
Dump = Callable[[Any], str]
Load = Callable[[str], Any]


def is_substitution_disabled(obj: Mapping[str, Any]) -> bool:
    """Tell whether the object's label or annotation forbids substitution."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return False
    return any(
        isinstance(held := metadata.get(where), dict) and held.get(SUBSTITUTE) == "disabled"
        for where in ("labels", "annotations")
    )


def substitute(
    obj: Obj,
    variables: Variables,
    *,
    dump: Dump,
    load: Load,
    strict: bool = True,
    sensitive: bool = False,
) -> Obj:
    """Return the object with its expressions replaced; the given one is not changed.

    ``strict`` is Flux's feature gate ``StrictPostBuildSubstitutions``: a variable without value or default is
    an error instead of empty. ``sensitive`` keeps names of variables and fields' keys out of errors, for
    objects that were decrypted: what looks like an expression may be part of a password. Raises
    :class:`SubstitutionError` with object, field and variable.
    """
    if not variables.wanted or is_substitution_disabled(obj):
        return obj
    try:
        variables.check_names()
        if not any("$" in text for _, text in _texts(obj, "")):
            return obj
        result = _through_text(obj, variables.values, dump, load, strict)
        if not isinstance(result, dict):
            raise BrokenBySubstitution("the text is no mapping after substitution")
    except SubstitutionError as error:
        raise _located(error, obj, variables.values, dump, load, strict, sensitive) from None
    return result


def _through_text(value: Any, values: Mapping[str, str], dump: Dump, load: Load, strict: bool) -> Any:
    text = expand(dump(value), values, strict=strict)
    if not text.isascii():
        try:
            text = text.encode("utf-8", "surrogateescape").decode()
        except UnicodeDecodeError:
            raise BrokenBySubstitution("the text is no UTF-8 after substitution") from None
    try:
        return load(text)
    except Exception:
        # The reader's message may quote the text, and with it a value.
        raise BrokenBySubstitution(
            "the text is no valid YAML after substitution; a value with special characters needs quotes, "
            "such as '\"${name}\"'"
        ) from None


def _located(
    error: SubstitutionError,
    obj: Obj,
    values: Mapping[str, str],
    dump: Dump,
    load: Load,
    strict: bool,
    sensitive: bool,
) -> SubstitutionError:
    """Find the object's first text that fails on its own, in the same way."""
    error.object = _identity(obj)
    for path, text in _texts(obj, ""):
        if "$" not in text:
            continue
        try:
            _through_text({"text": text}, values, dump, load, strict)
        except SubstitutionError as cause:
            if type(cause) is type(error):
                error.field = path
                break
    if sensitive:
        error.message = (
            "an expression of this decrypted object cannot be substituted; write '$${' for the text '${'"
        )
        error.variable = None
        error.field = None if error.field is None else ".".join(error.field.split(".")[:1])
    return error


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Give every string of the value, keys included, with the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            below = _below(path, key)
            yield below, key
            yield from _texts(item, below)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")


def _below(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}[{key!r}]"
    return f"{path}.{key}" if path else key


def _identity(obj: Obj) -> str:
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    parts = (obj.get("kind"), metadata.get("namespace"), metadata.get("name"))
    return "/".join(str(part) for part in parts if part)
