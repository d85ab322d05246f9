"""INI texts, by the rules of ``gopkg.in/ini.v1``, which SOPS uses.

Values with a comment sign have backticks as quotes, values with several lines three double quotes; the equals signs of
a section are aligned; a comment belongs to the key or section below it.
"""

from __future__ import annotations

from headgate.postbuild.sops.dotenv_store import scalar_text
from headgate.postbuild.sops.errors import NotSops
from headgate.postbuild.sops.formats import Loaded
from headgate.postbuild.sops.metadata import unflatten
from headgate.postbuild.sops.values import SopsComment
from headgate.postbuild.sops.walk import Branch

__all__ = ["emit", "load"]

_DEFAULT = "DEFAULT"
_LONG = '"""'


def load(data: bytes) -> Loaded:
    """Parse an encrypted text; raises :class:`NotSops` with the invalid line."""
    sections = _Reader(data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")).sections()
    metadata = sections.first("sops")
    if metadata is None:
        raise NotSops("has no sops metadata")
    flat = {name: value.replace("\\n", "\n") for name, value in metadata if not isinstance(name, SopsComment)}
    return Loaded(Branch(entry for entry in sections if entry[0] != "sops"), unflatten(flat))


class _Reader:
    """Parses lines into a branch of sections, each a branch of values and the comments after their key."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._at = 0
        self._comment: list[str] = []

    def sections(self) -> Branch:
        current = Branch()
        found = Branch([(_DEFAULT, current)])
        places: dict[str, int] = {}
        counter = 0
        while self._at < len(self._lines):
            line = self._lines[self._at].lstrip()
            self._at += 1
            if not line:
                continue
            if line[0] in "#;":
                self._comment.append(line)
            elif line[0] == "[":
                end = line.rfind("]")
                if end < 0:
                    raise NotSops(f"line {self._at} has a section that is not closed")
                self._trailing(line[end + 1 :])
                current = Branch()
                found.append((line[1:end], current))
                places, counter = {}, 0
                self._take_comment(current)
            else:
                name, rest = self._name(line)
                if name == "-":
                    counter += 1
                    name = f"#{counter}"
                value = self._value(rest)
                at = places.get(name)
                if at is None:
                    places[name] = len(current)
                    current.append((name, value))
                    self._take_comment(current)
                else:
                    current[at] = (name, value)
                    self._comment.clear()
        return found

    def _take_comment(self, section: Branch) -> None:
        text = "\n".join(self._comment).strip()
        self._comment.clear()
        if text:
            section.append((SopsComment(text.lstrip("; ") if text[0] == ";" else text.lstrip("# ")), None))

    def _trailing(self, text: str) -> None:
        at = _comment_start(text)
        if at >= 0:
            self._comment.append(text[at:].strip())

    def _name(self, line: str) -> tuple[str, str]:
        quote = _LONG if line.startswith(_LONG) and len(line) > 6 else line[0] if line[0] in '"`' else ""
        if quote:
            end = line.find(quote, len(quote))
            delimiter = _delimiter(line, end + len(quote)) if end >= 0 else -1
            if delimiter < 0:
                raise NotSops(f"line {self._at} has a key that is not closed")
            return line[len(quote) : end].strip(), line[delimiter + 1 :]
        delimiter = _delimiter(line, 0)
        if delimiter <= 0:
            raise NotSops(f"line {self._at} does not have the form name = value")
        return line[:delimiter].strip(), line[delimiter + 1 :]

    def _value(self, rest: str) -> str:
        line = rest.lstrip()
        if not line:
            return ""
        quote = _LONG if line.startswith(_LONG) and len(line) > 3 else "`" if line[0] == "`" else ""
        if quote:
            end = line.rfind(quote, len(quote))
            return line[len(quote) : end] if end >= 0 else self._long_value(line[len(quote) :], quote)
        line = line.strip()
        if line.endswith("\\"):
            return self._continued(line[:-1])
        at = _comment_start(line)
        if at >= 0:
            self._comment.append(line[at:])
            line = line[:at].strip()
        if len(line) > 1 and line[0] in "'\"" and line.find(line[0], 1) == len(line) - 1:
            return line[1:-1]
        return line

    def _long_value(self, value: str, quote: str) -> str:
        parts = [value]
        first = self._at
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            end = line.rfind(quote)
            if end >= 0 and not line[end + len(quote) :].strip().endswith("\\"):
                self._trailing(line[end:])
                return "\n".join([*parts, line[:end]])
            parts.append(line)
        raise NotSops(f"line {first} has a value that is not closed")

    def _continued(self, value: str) -> str:
        while self._at < len(self._lines):
            line = self._lines[self._at].strip()
            self._at += 1
            value += line
            if not line or not value.endswith("\\"):
                break
            value = value[:-1]
        return value


def _comment_start(text: str) -> int:
    return min((at for at in (text.find("#"), text.find(";")) if at >= 0), default=-1)


def _delimiter(text: str, start: int) -> int:
    return min((at for at in (text.find("=", start), text.find(":", start)) if at >= 0), default=-1)


def emit(branch: Branch) -> bytes:
    """Write a plain text; raises :class:`NotSops` for anything except sections of scalars."""
    sections = [entry for entry in branch if not isinstance(entry[0], SopsComment)]
    out: list[str] = []
    for number, (name, section) in enumerate(sections):
        if not isinstance(section, Branch):
            raise NotSops(f"the value of {name!r} is not a section, which INI requires")
        entries = list(section)
        if entries and isinstance(entries[0][0], SopsComment):
            out.append(_comment(entries.pop(0)[0], strip=False))
        headless = number == 0 and name.upper() == _DEFAULT
        if not headless:
            out.append(f"[{name}]\n")
        elif not any(not isinstance(entry[0], SopsComment) for entry in entries):
            continue
        out.extend(_entries(entries))
        if number < len(sections) - 1:
            out.append("\n")
    return "".join(out).encode("utf-8", "surrogateescape")


def _entries(entries: list[tuple[str, object]]) -> list[str]:
    lines: list[str] = []
    # Alignment counts bytes, and has separate rules for quotes.
    width = max((_width(name) for name, _ in entries if not isinstance(name, SopsComment)), default=0)
    for name, value in entries:
        if isinstance(name, SopsComment):
            if lines and name:
                lines[-1] = _comment(name, strip=True) + lines[-1]
            continue
        if isinstance(value, list):
            raise NotSops(f"the value of {name!r} is nested, which INI cannot hold")
        shown = f"`{name}`" if _needs_backticks(name) else f'"""{name}"""' if "`" in name else name
        padding = " " * (width - len(shown.encode("utf-8", "surrogateescape")))
        lines.append(f"{shown}{padding} = {_quoted(scalar_text(value))}\n")
    return lines


def _needs_backticks(name: str) -> bool:
    return any(sign in name for sign in '"=:')


def _width(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape")) + (
        2 if _needs_backticks(name) else 6 if "`" in name else 0
    )


def _quoted(value: str) -> str:
    if "\n" in value or "`" in value:
        return f"{_LONG}{value}{_LONG}"
    if "#" in value or ";" in value:
        return f"`{value}`"
    return f'"{value}"' if value.strip() != value else value


def _comment(text: str, *, strip: bool) -> str:
    lines = []
    for line in text.split("\n"):
        if line[:1] in ("#", ";"):
            lines.append(f"{line[0]} {line[1:].strip()}\n")
        else:
            lines.append(f"; {line.strip() if strip else line}\n")
    return "".join(lines)
