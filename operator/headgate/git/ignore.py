"""Which files of a repository are left out of its artifact, and so out of every build. Pure.

Rules come from three places, later ones winning: Flux's defaults, the repository's ``.sourceignore`` files
(from the root down), and ``spec.ignore``. The rules for version control files hold always (unless negated);
those for media, archives and CI files only while neither a ``.sourceignore`` nor ``spec.ignore`` says
anything (https://fluxcd.io/flux/components/source/gitrepositories/#excluding-files, ``fluxcd/pkg``
``sourceignore``).

A rule is a ``.gitignore`` pattern as Flux reads it, which is not in every corner as Git does. What differs:

* a path is judged by the last rule that matches it or any directory above it, so that ``!/deploy/production``
  brings files back although ``/*`` leaves ``deploy`` out; Git would not look into ``deploy`` again;
* after ``**`` the first directory that fits is taken, without trying a later one;
* a class is negated by ``^`` only, ``[!a]`` is a class of ``!`` and ``a``;
* ``**`` alone, or as part of a longer name between slashes, matches nothing, ``dir/**`` matches ``dir`` too;
* a malformed pattern matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["IGNORE_FILE", "IgnoreRules"]

IGNORE_FILE = ".sourceignore"

VERSION_CONTROL = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
DEFAULTS = (
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml"),
    *("cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)


@dataclass(frozen=True, slots=True)
class _Pattern:
    domain: str
    """The directory whose ``.sourceignore`` holds the pattern; "" for the root and for ``spec.ignore``."""
    excludes: bool
    only_directories: bool
    name: str | None
    """Regular expression for one path component; None when the pattern is for whole paths."""
    path: re.Pattern[str] | None
    """Matches ``/<path below the domain>``; group 1 is what follows the matched part."""


@dataclass(slots=True)
class _Active:
    """The patterns that apply below one directory, by kind, each with its rank among all patterns."""

    names: list[tuple[int, re.Pattern[str], bool]]
    paths: list[tuple[int, _Pattern]]
    any_name: re.Pattern[str] | None
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Name to the rank of the last matching pattern: as a file, as a directory."""

    def rank_of_name(self, name: str, is_directory: bool) -> int:
        ranks = self.known.get(name)
        if ranks is None:
            as_file = as_directory = -1
            if self.any_name is not None and self.any_name.fullmatch(name):
                for rank, pattern, only_directories in self.names:
                    if pattern.fullmatch(name):
                        as_directory = rank
                        as_file = as_file if only_directories else rank
            ranks = self.known[name] = (as_file, as_directory)
        return ranks[is_directory]


class IgnoreRules:
    """The rules of one commit; ask ``ignores`` about its paths. Not for use by several threads at once."""

    def __init__(self, files: Mapping[str, str] | None = None, spec_ignore: str | None = None) -> None:
        """``files``: directory ("" for the root) to the text of its ``.sourceignore``."""
        given = [
            (directory, line)
            for directory, text in sorted((files or {}).items(), key=lambda item: item[0].split("/"))
            for line in _lines(text)
        ]
        given += [("", line) for line in _lines(spec_ignore or "")]
        always = [("", line) for line in VERSION_CONTROL]
        lines = [*always, *(given or [("", line) for line in DEFAULTS])]
        self._patterns = [_parse(line, domain) for domain, line in lines]
        self._domains = {pattern.domain for pattern in self._patterns if pattern is not None}
        root = self._activate("")
        # Directory to the rank of the last pattern that matches it, and what applies below it.
        self._directories: dict[str, tuple[int, _Active]] = {"": (-1, root)}

    def ignores(self, path: str, *, is_directory: bool = False) -> bool:
        """Tell whether a path (relative to the root, no slash at its ends) is left out."""
        if not path:
            return False
        rank = self._directory(path)[0] if is_directory else self._rank(path, is_directory=False)
        pattern = self._patterns[rank] if rank >= 0 else None
        return pattern is not None and pattern.excludes

    def _directory(self, path: str) -> tuple[int, _Active]:
        found = self._directories.get(path)
        if found is None:
            rank = self._rank(path, is_directory=True)
            active = self._activate(path) if path in self._domains else self._directory(_parent(path))[1]
            found = self._directories[path] = (rank, active)
        return found

    def _rank(self, path: str, *, is_directory: bool) -> int:
        # What matches a directory matches all below it, so only patterns of a higher rank are looked at.
        best, active = self._directory(_parent(path))
        best = max(best, active.rank_of_name(path.rpartition("/")[2], is_directory))
        for rank, pattern in reversed(active.paths):
            if rank <= best:
                break
            below = f"/{path}"[len(pattern.domain) + 1 :] if pattern.domain else f"/{path}"
            match = pattern.path.match(below) if pattern.path is not None else None
            if match is not None and (is_directory or match[1] or not pattern.only_directories):
                return rank
        return best

    def _activate(self, directory: str) -> _Active:
        names: list[tuple[int, re.Pattern[str], bool]] = []
        paths: list[tuple[int, _Pattern]] = []
        expressions = []
        for rank, pattern in enumerate(self._patterns):
            if pattern is None or not _is_within(directory, pattern.domain):
                continue
            if pattern.name is not None:
                names.append((rank, re.compile(pattern.name, re.DOTALL), pattern.only_directories))
                expressions.append(pattern.name)
            else:
                paths.append((rank, pattern))
        any_name = re.compile("|".join(f"(?:{each})" for each in expressions), re.DOTALL) if names else None
        return _Active(names, paths, any_name)


def _lines(text: str) -> list[str]:
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _is_within(directory: str, domain: str) -> bool:
    return not domain or directory == domain or directory.startswith(domain + "/")


def _parse(line: str, domain: str) -> _Pattern | None:
    """Read one pattern; None when it can match nothing."""
    excludes = not line.startswith("!")
    text = line.removeprefix("!")
    if not text.endswith("\\ "):
        text = text.rstrip(" ")
    only_directories = text.endswith("/")
    text = text.removesuffix("/")
    parts = text.split("/")
    if len(parts) == 2 and parts[0] == "**" and parts[1] and "**" not in parts[1]:
        parts = parts[1:]
    if len(parts) == 1:
        name = _component(parts[0])
        return None if name is None else _Pattern(domain, excludes, only_directories, name, None)
    path = _whole(parts)
    return None if path is None else _Pattern(domain, excludes, only_directories, None, path)


def _whole(parts: Sequence[str]) -> re.Pattern[str] | None:
    expression = ""
    anywhere = False
    for index, part in enumerate(parts):
        if not part:
            anywhere = False
        elif part == "**":
            anywhere = index < len(parts) - 1
        else:
            component = None if "**" in part else _component(part)
            if component is None:
                return None
            step = f"/{component}(?=/|\\Z)"
            # Atomic: the first directory that fits is not given up for a later one.
            expression += f"(?>(?:/[^/]+)*?{step})" if anywhere else step
            anywhere = False
    return re.compile(f"{expression}(/)?", re.DOTALL) if expression else None


def _component(glob: str) -> str | None:
    """Translate a glob for one path component (the rules of Go's ``path/filepath.Match``)."""
    out: list[str] = []
    index = 0
    while index < len(glob):
        char = glob[index]
        index += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            translated = _class(glob, index)
            if translated is None:
                return None
            expression, index = translated
            out.append(expression)
        elif char == "\\":
            if index == len(glob):
                return None
            out.append(re.escape(glob[index]))
            index += 1
        else:
            out.append(re.escape(char))
    return "".join(out)


def _class(glob: str, index: int) -> tuple[str, int] | None:
    negated = glob[index : index + 1] == "^"
    index += negated
    ranges: list[str] = []
    count = 0
    while True:
        if index >= len(glob):
            return None
        if glob[index] == "]" and count:
            break
        count += 1
        low = _class_char(glob, index)
        if low is None:
            return None
        first, index = low
        last = first
        if glob[index] == "-":
            high = _class_char(glob, index + 1)
            if high is None:
                return None
            last, index = high
        if first <= last:
            ranges.append(f"{re.escape(first)}-{re.escape(last)}")
    inside = "".join(ranges)
    if not inside:
        return ("[^/]" if negated else "(?!)"), index + 1
    return f"[{'^' if negated else ''}{inside}]", index + 1


def _class_char(glob: str, index: int) -> tuple[str, int] | None:
    """Return a character of a class and the index after it; None when there is none, or nothing closes the
    class."""
    if index >= len(glob) or glob[index] in "-]":
        return None
    if glob[index] == "\\":
        index += 1
        if index >= len(glob):
            return None
    return (glob[index], index + 1) if index + 1 < len(glob) else None
