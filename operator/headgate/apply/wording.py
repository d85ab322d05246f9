"""Rephrases what an API server says about a field of the wrong type, without terms of Go. Pure.

    .spec.template.spec.containers[name="a"].env[name="X"].value: expected string, got &value.valueUnstructured{Value:1}
    json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string

become ``field spec.template…: must be text, not a number: quote it``. The value itself is omitted: it may be long, or
secret. Everything else stays unchanged.
"""

from __future__ import annotations

import re

_PREFIX = re.compile(r"failed to create typed patch object \([^)]*\): (?:errors:\s*)?")
# structured-merge-diff, typed/validate.go and helpers.go: the value, or its type, in three notations of Go.
_TYPED = re.compile(
    r"(?P<path>\.[^\n]*?): expected (?P<wanted>string|numeric|boolean|any scalar|list|map)(?: \([^)\n]*\))?, got "
    r"(?P<got>[^\n]*)"
)
_DECODED = re.compile(
    r"(?:[A-Za-z]+ in version \"[^\"\n]*\" cannot be handled as an? [A-Za-z]+: )?"
    r"(?:strict decoding error: )?(?:json: )?cannot unmarshal (?P<got>string|number|bool|array|object)(?: [-+.\deE]+)? "
    r"into Go (?:struct field (?P<path>\S+)|value) of type (?P<wanted>[\w.*\[\]]+)"
)
_WANTED = {
    "string": "text",
    "numeric": "a number",
    "boolean": "true or false",
    "any scalar": "text, a number, true or false",
    "bool": "true or false",
    "list": "a list",
    "map": "a map",
    "struct": "a map",
}
_GOT = {
    "string": "text",
    "number": "a number",
    "bool": "a boolean",
    "array": "a list",
    "object": "a map",
}


def plain(message: str) -> str:
    """The message of an API server in plain words."""
    if "expected " not in message and "unmarshal" not in message:
        return message
    said, typed = _TYPED.subn(_typed, _PREFIX.sub("", message))
    if not typed:
        said = message
    return _DECODED.sub(_decoded, said)


def _typed(match: re.Match[str]) -> str:
    wanted = _WANTED.get(match["wanted"], match["wanted"])
    return _worded(match["path"].lstrip("."), wanted, _type_of(match["got"]))


def _decoded(match: re.Match[str]) -> str:
    wanted, path = match["wanted"], match["path"] or ""
    if wanted.startswith("["):
        wanted = "a list"
    elif re.match(r"u?int", wanted):
        wanted = "a whole number"
    elif wanted.startswith("float"):
        wanted = "a number"
    else:
        wanted = _WANTED.get(wanted, "a map" if "." in wanted or wanted.startswith("map") else wanted)
    got = _GOT[match["got"]]
    if wanted == "a whole number" and got == "a number":
        got = "a fraction or one so large"
    # The first part is the type that has the field.
    return _worded(path.partition(".")[2] or path, wanted, got)


def _worded(path: str, wanted: str, got: str) -> str:
    quote = ": quote it" if wanted == "text" and got in ("a number", "a boolean") else ""
    where = f"field {path}: " if path else ""
    return f"{where}must be {wanted}, not {got}{quote}" if got else f"{where}must be {wanted}"


def _type_of(value: str) -> str:
    """The type of a value as Go prints it; "" if the text does not show it."""
    for notation, types in ((_EXACT, _OF_EXACT), (_LOOSE, _OF_LOOSE)):
        shown = notation.fullmatch(value)
        if shown is not None:
            return next((name for start, name in types if re.match(start, shown[1])), "")
    return next((name for start, name in _OF_TYPE if re.match(start, value)), "")


_EXACT = re.compile(r"&?value\.valueUnstructured\{Value:(.*)\}")
_OF_EXACT = (
    (r'"', "text"),
    (r"map\[", "a map"),
    (r"\[\]", "a list"),
    (r"(true|false)$", "a boolean"),
    (r"[-+.\d]", "a number"),
)
# Text is printed without quotes here, so that only lists and maps are recognizable.
_LOOSE = re.compile(r"&?\{(.*)\}")
_OF_LOOSE = ((r"map\[", "a map"), (r"\[", "a list"))
_OF_TYPE = (
    (r"string$", "text"),
    (r"bool$", "a boolean"),
    (r"(u?int|float)\d*$", "a number"),
    (r"map\[", "a map"),
    (r"\[\]", "a list"),
    (r"nil$", "null"),
)
