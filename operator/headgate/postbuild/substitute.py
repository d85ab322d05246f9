"""Substitutes variables in built objects, in text, exactly as Flux does.

The object is written as YAML, expressions in that text are replaced, and the text is parsed again. This determines the
types: the source's quotes are lost, so ``"${replicas}"`` with the value ``3`` becomes a number, and a value with ``: ``
may break the text. Keys are substituted like values. Writing and parsing follow ``sigs.k8s.io/yaml``, in which ``yes``
is true.

An object without a ``$`` stays unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headgate.api.labels import SUBSTITUTE
from headgate.documents.errors import BuildError, YamlError
from headgate.documents.yaml import Dialect, dump, load_documents, printed
from headgate.objects import Obj
from headgate.postbuild.errors import BrokenBySubstitution, SubstitutionError, identity
from headgate.postbuild.expand import expand
from headgate.postbuild.variables import Variables

__all__ = ["is_substitution_disabled", "substitute"]


def is_substitution_disabled(obj: Mapping[str, Any]) -> bool:
    """Return whether the object's label or annotation forbids substitution."""
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
    strict: bool = True,
    sensitive: bool = False,
) -> Obj:
    """Return the object with its expressions replaced; does not change the given one.

    ``strict`` is Flux's feature gate ``StrictPostBuildSubstitutions``: a variable without value or default is an error
    instead of empty. ``sensitive`` omits names of variables and keys of fields from errors about decrypted objects,
    where an apparent expression may be part of a password. Raises :class:`SubstitutionError` with object, field and
    variable.
    """
    if not variables.wanted or is_substitution_disabled(obj):
        return obj
    try:
        variables.check_names()
        if not any("$" in text for _, text in _texts(obj, "")):
            return obj
        result = _through_text(obj, variables.values, strict)
        if not isinstance(result, dict):
            raise BrokenBySubstitution("the text is not a mapping after substitution")
    except SubstitutionError as error:
        raise _located(error, obj, variables.values, strict, sensitive) from None
    return result


def _through_text(value: Any, values: Mapping[str, str], strict: bool) -> Any:
    text = expand(dump(value), values, strict=strict)
    if not text.isascii():
        try:
            text = text.encode("utf-8", "surrogateescape").decode()
        except UnicodeDecodeError:
            raise BrokenBySubstitution("the text is not UTF-8 after substitution") from None
    try:
        return _loaded(text)
    except BuildError:
        # The parser's message may quote the text, and with it a value.
        raise BrokenBySubstitution(
            "the text is not valid YAML after substitution; a value with special characters needs quotes, "
            "such as '\"${name}\"'"
        ) from None


def _loaded(text: str) -> Any:
    """Return the value of the text's one document; raises :class:`BuildError`."""
    documents = load_documents(text.encode(), file="", dialect=Dialect.CONFIG)
    if len(documents) != 1:
        raise YamlError("is not one document")
    return printed(documents[0].value)


def _located(
    error: SubstitutionError,
    obj: Obj,
    values: Mapping[str, str],
    strict: bool,
    sensitive: bool,
) -> SubstitutionError:
    """Find the object's first text that fails alone in the same way."""
    error.object = identity(obj)
    for path, text in _texts(obj, ""):
        if "$" not in text:
            continue
        try:
            _through_text({"text": text}, values, strict)
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
    """Yield every string of the value, including keys, with its path."""
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
