"""Ignore rules: which files of a repository its artifact, and so every build, excludes. Pure.

Rules come from three places, of which later ones take precedence: Flux's defaults, the repository's ``.sourceignore``
files (from the root down), and ``spec.ignore``. The default rules for version control files always apply (unless
negated); those for media, archives and CI files apply only without a ``.sourceignore`` and ``spec.ignore``
(https://fluxcd.io/flux/components/source/gitrepositories/#excluding-files, ``fluxcd/pkg`` ``sourceignore``).

A rule is a ``.gitignore`` pattern with Flux's semantics, which differ from Git's, and so from those of libraries such
as pathspec:

* the last rule that matches a path or any directory above it decides, so that ``!/deploy/production`` includes files
  although ``/*`` excludes ``deploy``; Git would not descend into ``deploy`` again;
* after ``**`` the first matching directory counts; later ones are not tried;
* only ``^`` negates a class, ``[!a]`` is a class of ``!`` and ``a``;
* ``/**``, and ``**`` as part of a longer name between slashes, match nothing, ``dir/**`` matches ``dir`` too;
* a malformed pattern matches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from headgate.git.errors import IgnoreInvalid

__all__ = ["IGNORE_FILE", "MAX_BYTES", "MAX_FILES", "IgnoreRules"]

IGNORE_FILE = ".sourceignore"
MAX_RULES = 2000
MAX_BYTES = 256 * 1024
"""Limit in bytes for all ``.sourceignore`` files of a commit together, and for ``spec.ignore``."""
MAX_FILES = 1000
MAX_LINE = 1024
MAX_WORK = 10_000_000
"""Limit for the matches of a pattern against a name, for one commit: a few seconds of processor time."""
MAX_KEPT = 250_000
"""Maximum number of names with a cached answer."""

VERSION_CONTROL = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
DEFAULTS = (
    *("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip"),
    *(".github/", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml", ".drone.yml"),
    *("cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml"),
    *("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml"),
)


_SPECIAL = re.compile(r"[*?\[\\]")


@dataclass(frozen=True, slots=True)
class _Pattern:
    rank: int
    """The matching pattern of the highest rank decides about a path."""
    domain: str
    """The directory whose ``.sourceignore`` holds the pattern; "" for the root and for ``spec.ignore``."""
    excludes: bool
    only_directories: bool
    steps: tuple[_Step, ...]
    """One matcher for each component of a path below the domain."""


@dataclass(frozen=True, slots=True)
class _Step:
    name: re.Pattern[str]
    literal: str | None
    """The only name that it matches, if there is exactly one."""
    skips: bool
    """Any number of components may precede it; the first match counts."""


class _Work:
    """The budget of matching for one commit: patterns tried and answers cached."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from zero."""
        self._left, self.keep = MAX_WORK, MAX_KEPT

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise IgnoreInvalid(
                "the ignore rules take too long for the number of files: use fewer patterns with wildcards or **, "
                "or leave out whole directories by their path"
            )


class _Names:
    """The patterns for single names that begin to apply in one directory; caches the answer for each name."""

    def __init__(self, patterns: Sequence[_Pattern], above: _Names | None, work: _Work) -> None:
        self._above, self._work = above, work
        self._literal: dict[str, list[_Pattern]] = {}
        self._globs: list[_Pattern] = []
        for pattern in patterns:
            literal = pattern.steps[0].literal
            if literal is None:
                self._globs.append(pattern)
            else:
                self._literal.setdefault(literal, []).append(pattern)
        globs = "|".join(f"(?:{pattern.steps[0].name.pattern})" for pattern in self._globs)
        self._any = re.compile(globs or "(?!)", re.DOTALL)
        self._known: dict[str, tuple[int, int]] = {}

    def forget(self) -> None:
        """Drop the cached answers."""
        self._known.clear()

    def rank(self, name: str, is_directory: bool) -> int:
        """Return the rank of the last pattern that matches the name, -1 when none does."""
        ranks = self._known.get(name)
        if ranks is None:
            ranks = self._find(name)
            if self._work.keep > 0:
                self._work.keep -= 1
                self._known[name] = ranks
        return ranks[is_directory]

    def _find(self, name: str) -> tuple[int, int]:
        as_file = as_directory = -1
        names: _Names | None = self
        while names is not None:
            self._work.spend(1 + len(names._globs))
            found = list(names._literal.get(name, ()))
            if names._any.fullmatch(name):
                self._work.spend(len(names._globs) * _SLOWER)
                found += [pattern for pattern in names._globs if pattern.steps[0].name.fullmatch(name)]
            for pattern in found:
                as_directory = max(as_directory, pattern.rank)
                if not pattern.only_directories:
                    as_file = max(as_file, pattern.rank)
            names = names._above
        return as_file, as_directory


_SLOWER = 4
"""Ratio of the time to try patterns one by one to the time to try them together."""


@dataclass(frozen=True, slots=True)
class _Directory:
    rank: int
    """Rank of the last pattern that matches the directory, and so all below it; -1 when none does."""
    names: _Names
    paths: tuple[tuple[_Pattern, int], ...]
    """The patterns that may still match below, highest rank first, each with its number of matched steps."""
    work: _Work

    def rank_of(self, name: str, is_directory: bool) -> int:
        best = max(self.rank, self.names.rank(name, is_directory))
        self.work.spend(len(self.paths))
        for pattern, done in self.paths:
            if pattern.rank <= best:
                break
            is_last = done == len(pattern.steps) - 1
            if (
                is_last
                and (is_directory or not pattern.only_directories)
                and pattern.steps[done].name.fullmatch(name)
            ):
                return pattern.rank
        return best

    def paths_below(self, name: str, rank: int) -> tuple[tuple[_Pattern, int], ...]:
        """The patterns that may match below the directory ``name``, which a pattern of ``rank`` matches."""
        self.work.spend(len(self.paths))
        below = tuple(self._steps_below(name, rank))
        # Directories with equal patterns share one tuple.
        return self.paths if below == self.paths else below

    def _steps_below(self, name: str, rank: int) -> Iterator[tuple[_Pattern, int]]:
        for item in self.paths:
            pattern, done = item
            if pattern.rank <= rank:
                return
            step = pattern.steps[done]
            if step.name.fullmatch(name):
                if done + 1 < len(pattern.steps):
                    yield pattern, done + 1
            elif step.skips:
                yield item


class IgnoreRules:
    """The rules of one commit; ``ignores`` decides about its paths. Not thread-safe.

    The time for one path does not depend on the rules for other directories, and the total time is limited.
    """

    _directories: dict[str, _Directory]

    def __init__(self, files: Mapping[str, str] | None = None, spec_ignore: str | None = None) -> None:
        """``files``: directory ("" for the root) to the text of its ``.sourceignore``.

        Raises :class:`IgnoreInvalid` when there are too many rules, or they are too large.
        """
        given = [
            (directory, line)
            for directory, text in sorted((files or {}).items(), key=lambda item: item[0].split("/"))
            for line in _lines(text, f"{directory}/{IGNORE_FILE}".lstrip("/"))
        ]
        if len(spec_ignore or "") > MAX_BYTES:
            raise IgnoreInvalid(f"spec.ignore is larger than {MAX_BYTES} bytes")
        given += [("", line) for line in _lines(spec_ignore or "", "spec.ignore")]
        if len(given) > MAX_RULES:
            raise IgnoreInvalid(f"there are {len(given)} ignore rules, more than {MAX_RULES}")
        lines = [("", line) for line in VERSION_CONTROL] + (given or [("", line) for line in DEFAULTS])
        self._begin(_parse(rank, line, domain) for rank, (domain, line) in enumerate(lines))

    @classmethod
    def none(cls) -> IgnoreRules:
        """Return rules that ignore nothing, not even the files of version control."""
        rules = cls()
        rules._begin(())
        return rules

    def ignores(self, path: str, *, is_directory: bool = False) -> bool:
        """Return whether a path (relative to the root, no slash at its ends) is ignored.

        Raises :class:`IgnoreInvalid` when the budget for the commit is used up.
        """
        if not path or not self._patterns:
            return False
        parent, _, name = path.rpartition("/")
        directory = self._directories.get(parent) or self._directory(parent)
        rank = directory.rank_of(name, is_directory)
        return rank >= 0 and self._patterns[rank].excludes

    def settle(self) -> None:
        """Drop the caches and reset the budget: after the listing, few paths are requested."""
        root = self._directories[""]
        root.names.forget()
        self._directories = {"": root}
        self._work.begin()

    def _begin(self, patterns: Iterable[_Pattern | None]) -> None:
        self._patterns = {pattern.rank: pattern for pattern in patterns if pattern is not None}
        self._domains: dict[str, list[_Pattern]] = {}
        for pattern in self._patterns.values():
            self._domains.setdefault(pattern.domain, []).append(pattern)
        self._work = _Work()
        self._directories = {"": self._enter("", -1, (), None)}

    def _directory(self, path: str) -> _Directory:
        found = self._directories.get(path)
        if found is None:
            parent, _, name = path.rpartition("/")
            above = self._directory(parent)
            rank = above.rank_of(name, is_directory=True)
            paths = above.paths_below(name, rank)
            if path in self._domains:
                found = self._enter(path, rank, paths, above.names)
            elif rank == above.rank and paths is above.paths:
                # The same rules apply in it as above, so a thousand directories cost as much as one.
                found = above
            else:
                found = _Directory(rank, above.names, paths, self._work)
            self._directories[path] = found
        return found

    def _enter(
        self, directory: str, rank: int, paths: Iterable[tuple[_Pattern, int]], above: _Names | None
    ) -> _Directory:
        """Return the directory with the patterns that begin to apply in it."""
        own = self._domains.get(directory, [])
        names = _Names([pattern for pattern in own if _is_name(pattern)], above, self._work)
        added = [(each, 0) for each in own if not _is_name(each)]
        ordered = sorted([*paths, *added], key=lambda item: -item[0].rank)
        return _Directory(rank, names, tuple(ordered), self._work)


def _is_name(pattern: _Pattern) -> bool:
    return len(pattern.steps) == 1 and pattern.steps[0].skips


def _lines(text: str, where: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip() or line.startswith("#"):
            continue
        if len(line) > MAX_LINE:
            raise IgnoreInvalid(f"{where}, line {number}: the pattern is longer than {MAX_LINE} characters")
        yield line


def _parse(rank: int, line: str, domain: str) -> _Pattern | None:
    """Parse one pattern; None when it can match nothing."""
    excludes = not line.startswith("!")
    text = line.removeprefix("!")
    if not text.endswith("\\ "):
        text = text.rstrip(" ")
    only_directories = text.endswith("/")
    parts = text.removesuffix("/").split("/")
    steps = _steps(parts) if len(parts) > 1 else _name_step(parts[0])
    return _Pattern(rank, domain, excludes, only_directories, steps) if steps else None


def _name_step(name: str) -> tuple[_Step, ...]:
    step = _step(name, skips=True)
    return () if step is None else (step,)


def _step(glob: str, *, skips: bool) -> _Step | None:
    expression = _component(glob)
    if expression is None:
        return None
    literal = None if _SPECIAL.search(glob) else glob
    return _Step(re.compile(expression, re.DOTALL), literal, skips)


def _steps(parts: Sequence[str]) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    skips = False
    for part in parts:
        if part in ("", "**"):
            # Between slashes; at the end it adds nothing, because all below a matching directory matches.
            skips = part == "**"
            continue
        step = None if "**" in part else _step(part, skips=skips)
        if step is None:
            return ()
        steps.append(step)
        skips = False
    return tuple(steps)


def _component(glob: str) -> str | None:
    """Translate a glob for one path component (the rules of Go's ``path/filepath.Match``)."""
    chunks = [""]
    index = 0
    while index < len(glob):
        char = glob[index]
        index += 1
        if char == "*":
            chunks.append("")
            continue
        if char == "[":
            translated = _class(glob, index)
            if translated is None:
                return None
            expression, index = translated
        elif char == "?":
            expression = "."
        elif char == "\\":
            if index == len(glob):
                return None
            expression = re.escape(glob[index])
            index += 1
        else:
            expression = re.escape(char)
        chunks[-1] += expression
    first, *rest = chunks
    if not rest:
        return first
    # For each piece between stars, the first match suffices; without backtracking, matching stays fast.
    return first + "".join(f"(?>.*?{chunk})" for chunk in rest[:-1] if chunk) + ".*" + rest[-1]


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
        return ("." if negated else "(?!)"), index + 1
    return f"[{'^' if negated else ''}{inside}]", index + 1


def _class_char(glob: str, index: int) -> tuple[str, int] | None:
    """Return a character of a class and the index after it; None when there is none or the class is not closed."""
    if index >= len(glob) or glob[index] in "-]":
        return None
    if glob[index] == "\\":
        index += 1
        if index >= len(glob):
            return None
    return (glob[index], index + 1) if index + 1 < len(glob) else None
