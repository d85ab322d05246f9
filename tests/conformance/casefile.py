"""Cases as text: whole trees in, whole output out, several in a file.

    ##### namePrefix goes before every name
    >>> app/kustomization.yaml
    namePrefix: a-
    resources: [web.yaml]
    >>> app/web.yaml
    ...
    <<< build app --reorder none
    ...

A case begins with ``#####`` and its title. ``>>>`` begins a file, ``<<<`` the result: ``build`` with the directory
(``.`` for the root), options and the expected output, or ``fail`` with texts that the message must contain, one per
line. ``record.py`` writes the output of ``kubectl kustomize`` into the file.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from headgate.kustomize import BuildOptions

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True, slots=True)
class Case:
    """A tree, what to build of it, and what is to come of that."""

    title: str
    files: dict[str, str] = field(default_factory=dict)
    directory: str = ""
    arguments: tuple[str, ...] = ()
    fails: bool = False
    expected: str = ""

    @property
    def options(self) -> BuildOptions:
        """The build options for the arguments of the command line."""
        options = BuildOptions(reorder="legacy")
        for name, value in zip(self.arguments[::2], self.arguments[1::2], strict=True):
            if name == "--reorder" and value in ("none", "legacy"):
                options = replace(options, reorder=value)
            elif name == "--load-restrictor" and value == "LoadRestrictionsNone":
                options = replace(options, load_restrictor="none")
            else:
                raise ValueError(f"{self.title}: unknown option {name} {value}")
        return options

    def text(self) -> str:
        """The case in the form of the file."""
        parts = [f"##### {self.title}\n"]
        parts += [f">>> {path}\n{content}" for path, content in self.files.items()]
        words = ["fail" if self.fails else "build", self.directory or ".", *self.arguments]
        return "".join(parts) + f"<<< {' '.join(words)}\n{self.expected}"


def parse(text: str) -> list[Case]:
    """The cases in a text, in order."""
    cases: list[Case] = []
    current: Case | None = None
    file: str | None = None
    for line in text.splitlines(keepends=True):
        if line.startswith("##### "):
            current, file = Case(line[6:].strip()), None
            cases.append(current)
        elif current is None:
            raise ValueError(f"a case begins with '##### title', not {line!r}")
        elif line.startswith(">>> "):
            file = line[4:].strip()
            current.files[file] = ""
        elif line.startswith("<<< "):
            verb, directory, *arguments = shlex.split(line[4:])
            directory = "" if directory == "." else directory
            cases[-1] = current = replace(
                current, directory=directory, arguments=tuple(arguments), fails=verb == "fail"
            )
            file = None
        elif file is not None:
            current.files[file] += line
        else:
            cases[-1] = current = replace(current, expected=current.expected + line)
    return cases


def load(path: Path) -> list[Case]:
    """The cases of a file."""
    return parse(path.read_text(encoding="utf-8"))
