"""Reads YAML text into plain values, with the types that kustomize reads.

The loader cuts a file into documents as kustomize does; libyaml parses each document, and our constructor turns the
events into values: it applies the type rules of go-yaml (:mod:`.scalars`), copies aliases, resolves merge keys, and
refuses or overrides duplicate keys. Text from a repository is not trusted: the loader limits size, depth, the number of
documents and the growth that aliases cause.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from yaml import MarkedYAMLError, YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.reader import ReaderError

from headgate.documents.budget import NODE, Budget
from headgate.documents.errors import YamlError
from headgate.documents.yaml.block import read_block
from headgate.documents.yaml.construct import Constructor, Malformed
from headgate.documents.yaml.known import known
from headgate.documents.yaml.scalars import resolve_v2, resolve_v3

__all__ = [
    "A_POINTER",
    "DEFAULT",
    "LFS_POINTER",
    "Dialect",
    "Document",
    "YamlLimits",
    "first_value",
    "load_documents",
]


class Dialect(enum.Enum):
    """The type rules for a file."""

    RESOURCE = "resource"
    """Resources: go-yaml v3."""
    EMBEDDED = "embedded"
    """Text within a resource: the same, but a quoted key ``<<`` is an ordinary key."""
    PATCH = "patch"
    """Strategic merge patches: the same, but the first of duplicate keys wins."""
    CONFIG = "config"
    """Kustomization files and JSON patches: go-yaml v2, which reads ``yes`` as true; keys become strings. The last of
    duplicate keys wins, and merge keys apply in order of appearance.
    """
    STRICT_CONFIG = "strict-config"
    """The same for ``configurations``, where a duplicate key is an error."""


class YamlLimits(NamedTuple):
    """The limits of one file, so that no file can exhaust memory or stack."""

    max_bytes: int = 32 * 1024 * 1024
    max_documents: int = 20_000
    max_depth: int = 200
    """The maximum nesting of mappings and sequences."""
    max_alias_values: int = 200_000
    """The maximum number of values that aliases and merge keys of one document may add."""


DEFAULT = YamlLimits()


class Document(NamedTuple):
    """One non-empty document: its value, and the line (1-based) of the file where the value starts.

    ``words`` lists the mappings, and keys in them, with a null or boolean of unusual spelling, that spelling (``""`` if
    nothing follows the colon), and whether it is within braces. ``in_braces`` says whether the whole document is.
    """

    value: Any
    line: int
    words: Sequence[tuple[dict[str, Any], str, str, bool]] = ()
    in_braces: bool = False


LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""The first bytes of a file whose content is in Git LFS."""
A_POINTER = (
    "a Git LFS pointer instead of the file: Headgate does not fetch from LFS; store the file in Git itself"
)

# {{ .Values.x }}, {{- include "x" . }}, {{ if ... }}: the braces in the templates of a Helm chart.
_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:[.$(]|/\*|(?:if|else|end|range|with|define|include|template|tpl|toYaml|default|quote|printf|required"
    r"|fail|lookup|block|not|and|or|eq|ne)\b)"
)

_SEPARATOR = re.compile(r"\n---.*\n")
_RESOLVERS = {
    Dialect.RESOURCE: resolve_v3,
    Dialect.EMBEDDED: resolve_v3,
    Dialect.PATCH: resolve_v3,
    Dialect.CONFIG: resolve_v2,
    Dialect.STRICT_CONFIG: resolve_v2,
}


def load_documents(
    data: bytes,
    *,
    file: str,
    limits: YamlLimits = DEFAULT,
    dialect: Dialect = Dialect.RESOURCE,
    budget: Budget | None = None,
) -> list[Document]:
    """Return the documents of a file in order, without those that are empty or null.

    ``file`` only appears in messages. ``budget`` is that of the build that reads the file, if any. Raises YamlError
    with the file and, if known, the line; LimitExceeded when the build reads the same text too often.
    """
    if budget is not None:
        budget.charge_reading(data)
    if data.startswith(LFS_POINTER):
        raise YamlError(f"is {A_POINTER}", file=file)
    text = _decode(data, file, limits)
    try:
        return _documents(text, file, limits, dialect, budget)
    except YamlError as error:
        raise _or_template(error, text) from None


def first_value(
    data: bytes, *, file: str, dialect: Dialect, budget: Budget | None = None, empty: Any = None
) -> Any:
    """Return the value of a file's first document, the only one that counts in many files; ``empty`` without one.

    All documents are read: arguments and errors are those of :func:`load_documents`.
    """
    documents = load_documents(data, file=file, dialect=dialect, budget=budget)
    return documents[0].value if documents else empty


def _documents(
    text: str, file: str, limits: YamlLimits, dialect: Dialect, budget: Budget | None
) -> list[Document]:
    documents: list[Document] = []
    constructor = Constructor(
        _RESOLVERS[dialect],
        any_keys=dialect in (Dialect.CONFIG, Dialect.STRICT_CONFIG),
        last_wins=dialect is Dialect.CONFIG,
        first_wins=dialect is Dialect.PATCH,
        drops_arrows=dialect in (Dialect.RESOURCE, Dialect.PATCH),
        max_depth=limits.max_depth,
        max_copies=limits.max_alias_values,
    )
    scalars = known(_RESOLVERS[dialect])
    for piece, first_line in _pieces(text, file):
        if len(documents) >= limits.max_documents:
            raise YamlError(f"holds more than {limits.max_documents} documents", file=file)
        block = read_block(piece, scalars, limits.max_depth)
        if block is not None:
            documents.append(Document(block.value, block.line + first_line, block.words))
            continue
        try:
            found = constructor.construct(CParser(piece))
        except Malformed as error:
            raise YamlError(error.message, file=file, line=error.line + first_line) from None
        except MarkedYAMLError as error:
            raise _syntax_error(error, piece, file, first_line) from None
        except ReaderError as error:
            raise _character_error(error, piece, file, first_line) from None
        except YAMLError as error:
            raise YamlError(str(error), file=file) from None
        # The limit above is for each document, but a file may have many.
        if budget is not None:
            budget.charge(NODE // 2 * constructor.copies)
        if found is not None and found[0] is not None:
            documents.append(
                Document(found[0], found[1] + first_line, constructor.words, constructor.in_braces)
            )
    return documents


def _or_template(error: YamlError, text: str) -> YamlError:
    """Return the error with a note if the text looks like a template that must be rendered first."""
    found = _TEMPLATE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        error.message += (
            f" (with '{{{{ }}}}' in line {line} it looks like a template of a Helm chart, which is not a manifest "
            "until `helm template` renders it: use a HelmRelease, or move it out of this directory)"
        )
        error.args = (error.message,)
    return error


def _decode(data: bytes, file: str, limits: YamlLimits) -> str:
    if len(data) > limits.max_bytes:
        raise YamlError(f"is larger than {limits.max_bytes} bytes", file=file)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlError(f"is not text in {encoding.upper()}", file=file, line=line) from None
    if text.startswith("\ufeff"):
        text = text[1:]
    return text.replace("\r\n", "\n") if "\r" in text else text


def _pieces(text: str, file: str) -> list[tuple[str, int]]:
    """Cut the text at its separators; return each document's text and its first line (1-based)."""
    if "\n---" not in text:
        return [(text, 1)]
    pieces: list[tuple[str, int]] = []
    start = 0
    line = 1
    for separator in _SEPARATOR.finditer(text):
        rest = separator[0][4:].strip()
        if rest and rest[0] != "#":
            at = text.count("\n", 0, separator.start()) + 2
            raise YamlError(
                f"only a comment may follow the document separator '---', not {rest[:40]!r}",
                file=file,
                line=at,
            )
        pieces.append((text[start : separator.start() + 1], line))
        line += text.count("\n", start, separator.end())
        start = separator.end()
    pieces.append((text[start:], line))
    return pieces


def _syntax_error(error: MarkedYAMLError, piece: str, file: str, first_line: int) -> YamlError:
    mark = error.problem_mark or error.context_mark
    message = error.problem or error.context or "is not valid YAML"
    if mark is None:
        return YamlError(message, file=file)
    if error.context and error.problem:
        message = f"{error.problem} ({error.context}"
        if error.context_mark is not None and error.context_mark.line != mark.line:
            message += f" that starts at line {error.context_mark.line + first_line}"
        message += ")"
    lines = piece.split("\n")
    text = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in text[: len(text) - len(text.lstrip())]:
        message += "; the line is indented with a tab, YAML allows spaces only"
    elif "mapping values are not allowed" in message:
        message += "; a value that contains ': ' needs quotes"
    return YamlError(message, file=file, line=mark.line + first_line)


def _character_error(error: ReaderError, piece: str, file: str, first_line: int) -> YamlError:
    character = error.character
    code = ord(character) if isinstance(character, (str, bytes)) and character else character
    line = None
    if isinstance(code, int):
        at = piece.find(chr(code))
        line = piece.count("\n", 0, at) + first_line if at >= 0 else None
        return YamlError(f"the character U+{code:04X} is not allowed in YAML", file=file, line=line)
    return YamlError(str(error.reason), file=file)
