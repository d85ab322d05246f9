"""What can be wrong with files and documents, as one small tree of exceptions.

    BuildError
    ├── TreeError               a path of the tree could not be used
    │   ├── FileMissing         nothing is there
    │   ├── NotAFile            a directory, where a file was needed
    │   ├── TooLarge            the file is larger than the tree allows
    │   └── PathOutside         the path leads out of the tree, or out of what the load restriction allows
    ├── YamlError               the text of a file is not valid YAML
    └── LimitExceeded           the input or the output is larger than the limits

Every error states in one sentence what is wrong and, if known, the file, line, object and field at fault. Contents of
Secrets never enter a message. The name of a leaf is the fault. :mod:`headgate.kustomize.errors` adds the errors of
kustomize to the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

__all__ = [
    "BuildError",
    "FileMissing",
    "LimitExceeded",
    "NotAFile",
    "PathOutside",
    "TooLarge",
    "TreeError",
    "YamlError",
    "raise_all",
    "within",
]


class BuildError(Exception):
    """A build failed because of its input.

    ``message`` is the bare statement; ``file`` (path in the tree), ``line`` (1-based), ``object`` (such as
    ``Deployment/shop/web``) and ``field`` (such as ``spec.replicas``) locate the fault, None when unknown. If
    ``object`` is set, ``field`` belongs to it, and ``entry`` is the related field of the file (such as ``patches[0]``).
    ``str(error)`` joins all of these into one sentence. ``also`` lists further faults of the same input, which the
    sentence appends.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        object: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.object = object
        self.field = field
        self.entry: str | None = None
        self.also: tuple[BuildError, ...] = ()

    def __str__(self) -> str:
        return "; ".join((self._said(), *map(str, self.also)))

    def _said(self) -> str:
        where = []
        if self.file is not None:
            where.append(self.file if self.line is None else f"{self.file}:{self.line}")
        elif self.line is not None:
            where.append(f"line {self.line}")
        if self.entry is not None:
            where.append(f"field {self.entry}")
        if self.object is not None:
            where.append(self.object)
        if self.field is not None:
            where.append(f"field {self.field}")
        return f"{', '.join(where)}: {self.message}" if where else self.message

    def at(
        self,
        *,
        file: str | None = None,
        line: int | None = None,
        object: str | None = None,
        field: str | None = None,
    ) -> BuildError:
        """Fill in unknown locations and return self, for callers that know more."""
        if self.file is None and file is not None:
            self.file, self.line = file, line if self.line is None else self.line
        self.object = object if self.object is None else self.object
        self.field = field if self.field is None else self.field
        return self

    def inside(self, entry: str, *, file: str | None = None) -> Self:
        """Set the entry of a file that the error is about, and return self.

        ``file`` is the file, if known; an error about another file stays unchanged. A field that the error names
        becomes part of the entry, unless it belongs to an object.
        """
        if self.file is not None and (self.file != file or self.entry is not None):
            return self
        if self.object is None:
            self.field = entry if self.field is None else f"{entry}{_joint(self.field)}{self.field}"
        else:
            self.entry = entry if self.entry is None else f"{entry}{_joint(self.entry)}{self.entry}"
        self.file = file
        for other in self.also:
            other.inside(entry)
        return self

    def of_text(self, what: str, *, skipped: int = 0) -> Self:
        """Record that the file in the error is a text in a field of another file, and return self.

        The line is then a line of that text, of which the reader skipped the first ``skipped`` lines.
        """
        each: Sequence[BuildError] = (self, *self.also)
        for error in each:
            if error.line is not None:
                error.message = f"line {error.line + skipped} of the {what}: {error.message}"
            error.file = error.line = None
        return self


class within:  # noqa: N801 - reads as a word
    """A context that adds the entry of a file to the build errors raised in it.

    ``file`` is the file, if known; see :meth:`BuildError.inside`.
    """

    __slots__ = ("_entry", "_file")

    def __init__(self, entry: str, *, file: str | None = None) -> None:
        self._entry = entry
        self._file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BuildError):
            error.inside(self._entry, file=self._file)


def _joint(field: str) -> str:
    return "" if field.startswith("[") else "."


_MAX_TOLD = 10


def raise_all(errors: Sequence[BuildError]) -> None:
    """Raise the first of several errors, with the others in ``also``; do nothing if there are none."""
    if errors:
        first = errors[0]
        others = [other for error in errors[1:] for other in (error, *error.also)]
        for error in others:
            error.also = ()
        first.also = (*first.also, *others)[: _MAX_TOLD - 1]
        raise first


class TreeError(BuildError):
    """A path of the tree cannot be used.

    Once the place that names the path is known, it becomes the location of the fault, and the path moves into the
    message.
    """

    def inside(self, entry: str, *, file: str | None = None) -> Self:
        """Set the field that contains the path."""
        if self.field is None and self.file is not None:
            path = self.file if self.line is None else f"{self.file}:{self.line}"
            self.message, self.file, self.line = f"{path}: {self.message}", None, None
        return super().inside(entry, file=file)


class FileMissing(TreeError):
    """Nothing exists at the path."""


class NotAFile(TreeError):
    """The path is a directory, but must be a file."""


class TooLarge(TreeError):
    """The file is larger than its tree allows."""


class PathOutside(TreeError):
    """The path leads out of the tree's root, or out of the directories that the load restriction allows."""


class YamlError(BuildError):
    """The text of a file is not valid YAML, or exceeds the limits of one document."""


class LimitExceeded(BuildError):
    """The input or the output of the build is larger than its limits allow."""
