#!/usr/bin/env python3
"""Reports phrases that this project does not use, with what to write instead: part of make lint.

    hack/prose.py                      # documents, comments of deploy/, examples/, .github/ and the Makefile
    hack/prose.py --python             # also docstrings, comments and strings of the Python code
    hack/prose.py README.md operator   # these files, and all files in these folders

prose.yaml in the same folder has the phrases. Each report is file:line:column, the words, and the advice. Exit status:
0 nothing found, 1 something found, 2 invalid usage.

Code and quotations are not our prose. In Markdown, the checker skips code blocks, inline code, link targets and text in
double quotes; in Python and in comments, it skips inline code and the braces of f-strings. Everywhere it skips what is
between <!-- prose: off --> and <!-- prose: on -->, or # prose: off and # prose: on.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
STYLE = Path(__file__).with_name("prose.yaml")
CODE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Replaces each character that is not prose: neither a word nor white space, so that no phrase extends across it."""

_GAP = r"(?:[ \t]+|[ \t]*\n[ \t]*)"
"""What separates two words of a phrase: blanks, or the end of a line, but not the end of a paragraph."""
_MARKDOWN_CODE = (
    re.compile(r"^([ \t]*)(```+|~~~+).*?(?:^\1\2[ \t]*$|\Z)", re.MULTILINE | re.DOTALL),
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL),
    re.compile(r"(?<=\])\([^()\s]*(?: \"[^\"]*\")?\)"),
    re.compile(r"https?://[^\s)>]+"),
    re.compile(r"\"[^\"\n]+\""),
)
_OFF = re.compile(r"(?P<mark><!--|#) prose: off\b.*?(?:(?P=mark) prose: on\b|\Z)", re.DOTALL)
_HEADING = re.compile(r"^(#+ .*)\n", re.MULTILINE)
_COMMENT = re.compile(r"^(?P<before>(?:[^#\n]*\s)?)#+(?P<text>(?:[ \t!].*)?)$", re.MULTILINE)
_INLINE_CODE = re.compile(r":[a-z:]+:`[^`]+`|``.+?``|`[^`\n]+`", re.DOTALL)
_REPLACED = re.compile(r"\{[^{}]*\}")
_OPENING = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quotes>\"\"\"|'''|\"|')")


def _token_types(*names: str) -> frozenset[int]:
    return frozenset(getattr(tokenize, name) for name in names if hasattr(tokenize, name))


_MIDDLES = _token_types("FSTRING_MIDDLE", "TSTRING_MIDDLE")
"""The text in strings with replacement fields, which Python 3.12 and newer split into several tokens."""
_DELIMITERS = _token_types("FSTRING_START", "FSTRING_END", "TSTRING_START", "TSTRING_END")


Reader = Callable[[str], str]
"""Returns a text of the same length in which :data:`CODE` replaces everything that is not prose."""


class StyleError(Exception):
    """The file of phrases is malformed."""


class Rule(NamedTuple):
    """Phrases to avoid."""

    pattern: re.Pattern[str]
    write: str
    """What to write instead."""
    why: str


class Style(NamedTuple):
    """The content of prose.yaml."""

    rules: tuple[Rule, ...]
    allowed: re.Pattern[str] | None
    """Texts in which no phrase counts."""


class Finding(NamedTuple):
    """A phrase at an offset of a text."""

    offset: int
    words: str
    rule: Rule


def load(text: str) -> Style:
    """The style in prose.yaml's form.

    ``phrases`` is a list of mappings with ``find`` (a regular expression that matches whole words in any letter case; a
    blank in it matches any white space within a paragraph), ``write`` and ``why``. ``allowed`` is a list of texts.
    Raises :class:`StyleError`.
    """
    try:
        style = yaml.safe_load(text)
        rules = tuple(_rule(each) for each in style["phrases"])
        allowed = [str(each) for each in style.get("allowed") or ()]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise StyleError(f"not a list of phrases: {error!r}") from error
    return Style(rules, _compiled("|".join(map(re.escape, allowed)).replace("\\ ", " ")) if allowed else None)


def _rule(entry: dict[str, Any]) -> Rule:
    try:
        pattern = _compiled(entry["find"])
    except re.error as error:
        raise StyleError(f"{entry['find']}: {error}") from error
    return Rule(pattern, entry["write"], entry["why"])


def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{expression.replace(' ', _GAP)})(?!\w)", re.IGNORECASE)


def markdown(text: str) -> str:
    """A Markdown text of the same length whose code is masked with :data:`CODE`."""
    for pattern in _MARKDOWN_CODE:
        text = pattern.sub(lambda match: _hidden(match[0]), text)
    return _HEADING.sub(lambda match: match[1] + CODE, text)


def comments(text: str) -> str:
    """The comments behind ``#`` of a YAML file, Makefile or Dockerfile; everything else is masked."""
    out, end = [], 0
    for match in _COMMENT.finditer(text):
        signs = " " * (match.start("text") - match.end("before"))
        out += [_between(text[end : match.end("before")]), signs, _without_code(match["text"])]
        end = match.end()
    return "".join([*out, _hidden(text[end:])])


def python(text: str) -> str:
    """The comments and string literals of Python code; everything else is masked. Raises ``tokenize.TokenError``."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    out, end = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        first, last = (starts[line - 1] + column for line, column in (token.start, token.end))
        words = _words_of(token.type, text[first:last])
        if words is not None and first >= end:
            out += [_between(text[end:first]), words]
            end = last
    return "".join([*out, _hidden(text[end:])])


def _words_of(kind: int, source: str) -> str | None:
    """The words of a token without its delimiters, in a text of the same length; None if it cannot have any."""
    if kind == tokenize.COMMENT:
        return " " + _without_code(source[1:])
    if kind in _MIDDLES:
        return _without_code(source)
    if kind in _DELIMITERS:
        return " " * len(source)
    opening = _OPENING.match(source) if kind == tokenize.STRING else None
    if opening is None:
        return None
    size = len(opening["quotes"])
    body = source[opening.end() : -size]
    if "f" in opening["prefix"].lower():
        body = _REPLACED.sub(lambda match: _hidden(match[0]), body)
    return " " * opening.end() + _without_code(body) + " " * size


def _without_code(text: str) -> str:
    return _INLINE_CODE.sub(lambda match: _hidden(match[0]), text)


def _between(text: str) -> str:
    """What is between two comments or strings: phrases extend across white space only."""
    return text if text.isspace() else _hidden(text)


def _hidden(text: str) -> str:
    return CODE * len(text)


def findings(prose: str, style: Style) -> list[Finding]:
    """The phrases in what :func:`markdown`, :func:`comments` or :func:`python` returned, in order."""
    allowed = [match.span() for match in style.allowed.finditer(prose)] if style.allowed else []
    found = [
        Finding(match.start(), " ".join(match[0].split()), rule)
        for rule in style.rules
        for match in rule.pattern.finditer(prose)
        if not any(start <= match.start() and match.end() <= end for start, end in allowed)
    ]
    return sorted(found, key=lambda finding: finding.offset)


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset; both count from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def masked(text: str, read: Reader) -> str:
    """The prose that ``read`` finds in a text, without what is switched off."""
    prose = read(text)
    for match in _OFF.finditer(text):
        prose = prose[: match.start()] + _hidden(match[0]) + prose[match.end() :]
    return prose


READERS: dict[str, Reader] = {
    ".md": markdown,
    ".py": python,
    ".yaml": comments,
    ".yml": comments,
    "Makefile": comments,
    "Dockerfile": comments,
}
"""How the prose of a file is found, by the suffix or the name of the file."""


def reader(path: Path) -> Reader | None:
    """None for a file of a kind that has no prose for us."""
    return READERS.get(path.suffix) or READERS.get(path.name)


def default_files(code: bool) -> list[Path]:
    """The files of the repository that make lint checks; ``code``: Python too."""
    patterns = ["*.md", "Makefile", "deploy/*.yaml", "deploy/Dockerfile", "examples/*.yaml", ".github/*.yml"]
    return _listed(patterns + (["operator/*.py", "hack/*.py", "tests/*.py"] if code else []))


def _listed(patterns: list[str]) -> list[Path]:
    """The files that Git knows, or would add, by its patterns."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = (ROOT / name for name in sorted(set(listed.split("\0"))) if name)
    return [path for path in paths if path.is_file()]


def main(arguments: list[str] | None = None) -> int:
    """Check the files and print what is found; the exit status."""
    parser = argparse.ArgumentParser(
        prog="hack/prose.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="store_true", help="also the Python code, unless paths are named")
    parser.add_argument("--count", action="store_true", help="print only how often each phrase occurs")
    parser.add_argument("files", nargs="*", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    style = load(STYLE.read_text())
    files = _named(options.files) if options.files else default_files(options.python)
    counts: Counter[str] = Counter()
    for path in files:
        read = reader(path)
        if read is None:
            parser.error(f"{path}: not one of {', '.join(READERS)}")
        text = path.read_text()
        for finding in findings(masked(text, read), style):
            counts[finding.rule.write] += 1
            if not options.count:
                line, column = position(text, finding.offset)
                print(f"{_shown(path)}:{line}:{column}: {finding.words}: {_advice(finding.rule)}")
    if options.count:
        for write, count in counts.most_common():
            print(f"{count:6} {write}")
    return 1 if counts else 0


def _named(paths: list[Path]) -> list[Path]:
    """These files, and those in these folders of the repository that have prose."""
    files = [path for path in paths if not path.is_dir()]
    folders = [str(path.resolve()) for path in paths if path.is_dir()]
    return files + ([path for path in _listed(folders) if reader(path)] if folders else [])


def _shown(path: Path) -> Path:
    absolute = path.resolve()
    return absolute.relative_to(ROOT) if absolute.is_relative_to(ROOT) else path


def _advice(rule: Rule) -> str:
    return f"write {rule.write} ({rule.why})"


if __name__ == "__main__":
    sys.exit(main())
