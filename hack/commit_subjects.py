#!/usr/bin/env python3
"""Checks that the subjects of commits fit in one line of ``git log``.

    hack/commit_subjects.py FILE                   # the message in FILE, as Git's commit-msg hook passes it
    hack/commit_subjects.py --range main..HEAD     # every commit of the range but merges

Exits with 1 when a subject is empty or too long.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

LIMIT = 72
"""The longest subject, in characters: what ``git log`` shows in 80 columns, indented by four on either side."""

_AUTOSQUASH = ("fixup! ", "squash! ", "amend! ")


def subject(message: str) -> str:
    """Return the first paragraph of a commit message in one line, as Git does, without the comments of an editor."""
    lines = [line.strip() for line in message.splitlines() if not line.startswith("#")]
    while lines and not lines[0]:
        del lines[0]
    end = lines.index("") if "" in lines else len(lines)
    return " ".join(lines[:end])


def problem(text: str) -> str | None:
    """Return what is wrong with a subject, or None.

    The prefixes that ``git rebase --autosquash`` removes do not count.
    """
    counted = text
    for prefix in _AUTOSQUASH:
        counted = counted.removeprefix(prefix)
    if not counted:
        return "the subject is empty"
    if len(counted) > LIMIT:
        return f"the subject has {len(counted)} characters, the limit is {LIMIT}: {text}"
    return None


def main(arguments: list[str] | None = None) -> int:
    """Print one line for each bad subject. Return 1 if there is one, 2 if Git cannot read the range."""
    parser = argparse.ArgumentParser(
        prog="hack/commit_subjects.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("file", nargs="?", type=Path, metavar="FILE")
    which.add_argument("--range", metavar="A..B", help="a range of commits")
    options = parser.parse_args(arguments)
    if options.file is not None:
        texts = [("", subject(options.file.read_text(encoding="utf-8")))]
    else:
        log = subprocess.run(
            ["git", "log", "--no-merges", "--format=%h%x09%s", options.range, "--"],
            capture_output=True,
            text=True,
            check=False,
        )
        if log.returncode != 0:
            print(log.stderr.strip(), file=sys.stderr)
            return 2
        lines = (line.partition("\t") for line in log.stdout.splitlines())
        texts = [(f"{commit}: ", text) for commit, _, text in lines]
    problems = [f"{at}{found}" for at, text in texts if (found := problem(text)) is not None]
    for each in problems:
        print(each, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
