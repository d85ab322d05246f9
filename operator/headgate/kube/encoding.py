"""Values as JSON bytes: fast for values that Kubernetes accepts, correct for those that it refuses."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from headgate.kube.errors import BadRequest

_NOT_IN_YAML = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xef\xbf[\xbe\xbf]")


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """JSON in UTF-8. Raises :class:`BadRequest` for a value that has no JSON form."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:
        # Integers beyond 64 bits, lone surrogates: leave the error to the API server.
        try:
            return json.dumps(value, sort_keys=sort_keys, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise BadRequest(f"this cannot be written as JSON: {error}") from error


def encode_for_apply(value: Any) -> bytes:
    """JSON with the same meaning as YAML, because the server parses an apply as YAML.

    YAML refuses some characters that JSON accepts, and treats U+0085 as a line break; these are escaped.
    """
    body = encode(value)
    if _NOT_IN_YAML.search(body) is None:
        return body
    return _NOT_IN_YAML.sub(lambda m: b"\\u%04x" % ord(m.group().decode()), body)
