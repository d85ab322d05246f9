"""Secret values of a test, in all forms in which they could leak."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Iterator
from urllib.parse import quote


class Values:
    """The secret values in use, by what they are."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}
        self.git: set[str] = set()
        """Those that a Git command has to be given."""

    def new(self, name: str, *, git: bool = False) -> str:
        """A value that occurs nowhere else."""
        return self.add(name, f"{name}-{secrets.token_hex(12)}", git=git)

    def add(self, name: str, value: str, *, git: bool = False) -> str:
        """A value that was made elsewhere."""
        self.all[name] = value
        if git:
            self.git.add(name)
        return value

    def found_in(self, content: bytes, *, but: Iterable[str] = ()) -> list[str]:
        """The names of those that a content holds, in any of their forms."""
        wanted = set(self.all).difference(but)
        return sorted(name for name in wanted if any(form in content for form in forms(self.all[name])))


def forms(value: str) -> Iterator[bytes]:
    """A value itself, and inside of quotes, URLs and base64, wherever in a longer text it stands there."""
    yield value.encode()
    yield json.dumps(value)[1:-1].encode()
    yield quote(value, safe="").encode()
    for before in range(3):
        # The characters at its ends share their bits with those around it.
        encoded = base64.b64encode(b"\0" * before + value.encode()).rstrip(b"=")
        yield encoded[(0, 2, 3)[before] : -1]
