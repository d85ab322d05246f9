"""What can be wrong with files and documents, as one small tree of exceptions.

    BuildError
    ├── TreeError               a path of the tree could not be used
    │   ├── FileMissing         nothing is there
    │   ├── NotAFile            a directory, where a file was needed
    │   ├── TooLarge            the file is larger than the tree allows
    │   └── PathOutside         the path leads out of the tree, or out of what the load restriction allows
    ├── YamlError               the text of a file is not valid YAML
    └── LimitExceeded           the input or the output is larger than the limits

Every error states in one sentence what is wrong and, where they are known, the file, line, object and field at fault.
Contents of Secrets never enter a message. Leaves are named for the fault. What kustomize adds to the tree is in
:mod:`headgate.kustomize.errors`.
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
    ``Deployment/shop/web``) and ``field`` (such as ``spec.replicas``) locate the fault, None when unknown. The field
    is one of the object, if there is an object; ``entry`` is then the field of the file (such as ``patches[0]``) that
    has to do with it. ``str(error)`` joins all of these into one sentence. ``also`` are further faults of the same
    input, told behind it.
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
        """Fill in locations that are still unknown and return self, for callers that know more."""
        if self.file is None and file is not None:
            self.file, self.line = file, line if self.line is None else self.line
        self.object = object if self.object is None else self.object
        self.field = field if self.field is None else self.field
        return self

    def inside(self, entry: str, *, file: str | None = None) -> Self:
        """Tell which entry of a file the error is about, and return self.

        ``file`` is the file if it is known by now; an error that is about another one stays as it is. What the error
        has called a field is one of the entry, unless it is one of an object.
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
        """Tell that the file it names is a text in a field of another, and return self.

        The line is then one of that text, of which ``skipped`` lines were left out.
        """
        each: Sequence[BuildError] = (self, *self.also)
        for error in each:
            if error.line is not None:
                error.message = f"line {error.line + skipped} of the {what}: {error.message}"
            error.file = error.line = None
        return self


class within:  # noqa: N801 - read as the word it is
    """A context that tells of the build errors raised in it which entry of a file they are about.

    ``file`` is the file if it is known by now; see :meth:`BuildError.inside`.
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
    """Raise the first of several errors, with the others as what is wrong besides; nothing when there are none."""
    if errors:
        first = errors[0]
        others = [other for error in errors[1:] for other in (error, *error.also)]
        for error in others:
            error.also = ()
        first.also = (*first.also, *others)[: _MAX_TOLD - 1]
        raise first


class TreeError(BuildError):
    """A path of the tree could not be used.

    As soon as it is known where the path is written, that is the place of the fault and the path part of the message.
    """

    def inside(self, entry: str, *, file: str | None = None) -> Self:
        """Tell in which field the path is written."""
        if self.field is None and self.file is not None:
            path = self.file if self.line is None else f"{self.file}:{self.line}"
            self.message, self.file, self.line = f"{path}: {self.message}", None, None
        return super().inside(entry, file=file)


class FileMissing(TreeError):
    """Nothing exists at the path."""


class NotAFile(TreeError):
    """The path is a directory, where a file was needed."""


class TooLarge(TreeError):
    """The file is larger than its tree allows."""


class PathOutside(TreeError):
    """The path leads out of the tree's root, or out of the directories the load restriction allows."""


class YamlError(BuildError):
    """The text of a file is no valid YAML, or exceeds what is accepted of one document."""


class LimitExceeded(BuildError):
    """The input or the output of the build is larger than its limits allow."""
