"""Whether two URLs name one repository. Pure.

One repository has many addresses: ``https://github.com/org/repo``, ``git@github.com:org/repo.git``,
``ssh://git@github.com:22/org/repo``. Scheme, user, port, a final ``.git`` and upper case do not count.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

__all__ = ["repository_key"]

_SCP = re.compile(r"(?:[^@/\s]+@)?(\[[^\]\s]+\]|[^:/\s@]+):(?!//)(.*)")


def repository_key(url: str) -> str:
    """Return what equal repositories have in common; "" for a text that is neither a URL nor a path.

    >>> repository_key("git@github.com:Org/repo.git") == repository_key("https://x:y@github.com/org/repo/")
    True
    >>> repository_key("/srv/git/fleet.git/"), repository_key("file:///srv/git/fleet")
    ('/srv/git/fleet', '/srv/git/fleet')
    """
    text = url.strip()
    if "://" in text:
        try:
            parts = urlsplit(text)
            host = "" if parts.scheme.lower() == "file" else (parts.hostname or "")
        except ValueError:
            return ""
        path = unquote(parts.path)
    elif (short := _SCP.fullmatch(text)) is not None:
        host, path = short[1].strip("[]"), short[2]
    else:
        host, path = "", text
    path = "/".join(part for part in path.split("/") if part not in ("", ".")).removesuffix(".git")
    return f"{host.lower()}/{path.lower()}" if path else ""
