"""The process that evaluates expressions: reads requests and writes answers; has no access to clusters and keeps no
data.

A frame is its length (four bytes, big-endian) and that much JSON. Requests: ``{"text", "variables"}`` asks whether the
expression is valid, ``{"text", "data"}`` for its value. Answers: ``{"value"}`` (true, false, or null for a value that
is not a boolean; true for a valid expression), ``{"invalid"}`` or ``{"error"}`` with a reason; each has ``cpu``, its
processor time in seconds, and ``grown`` when this process has become so large that the caller should replace it. The
reason of an error is one of :mod:`headgate.cel.reasons`, which reveal nothing of the data.

Expressions are untrusted. The kernel enforces their limits: a request that needs more than :data:`CPU_SECONDS` or
:data:`MEMORY` ends this process, which the caller notices.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from functools import lru_cache
from typing import Any, BinaryIO

import orjson
from cel_expr_python import cel

from headgate.cel.environment import check, parse, words
from headgate.cel.reasons import reason_for

CPU_SECONDS = 0.25
"""Limit in seconds of processor time for one request."""
MEMORY = 256 << 20
"""Limit in bytes in addition to the memory at the start of the process (on Linux; elsewhere only time is limited)."""
LEAST_CPU = 0.0002
"""Minimum seconds to charge for a request, because the caller has costs too."""
GROWTH = 64 << 20
"""Bytes by which the process may grow before ``grown`` is set."""
_USAGE = "/proc/self/statm"


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the end of the input."""
    limit, since = _size() + GROWTH, time.process_time()
    while (frame := _read(requests)) is not None:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        content = _answer(orjson.loads(frame))
        # From one answer to the next, so that no time is lost with a coarse clock.
        used, since = time.process_time() - since, time.process_time()
        content["cpu"] = max(used, LEAST_CPU)
        if _size() > limit:
            content["grown"] = True
        answer = orjson.dumps(content)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(len(answer).to_bytes(4, "big") + answer)
        answers.flush()


def main() -> None:
    """Serve standard input and output with the limits."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.path.exists(_USAGE):
        limit = _size() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    serve(sys.stdin.buffer, sys.stdout.buffer)


def _size() -> int:
    """Bytes of address space; 0 where unknown."""
    if not os.path.exists(_USAGE):
        return 0
    with open(_USAGE, encoding="ascii") as usage:
        return int(usage.read().split()[0]) * resource.getpagesize()


def _read(stream: BinaryIO) -> bytes | None:
    size = stream.read(4)
    return stream.read(int.from_bytes(size, "big")) if len(size) == 4 else None


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    text = request["text"]
    try:
        if "variables" in request:
            if request["variables"]:
                check(text, tuple(request["variables"]))
            _program(text)
            return {"value": True}
        program = _program(text)
    except RuntimeError as error:
        return {"invalid": words(str(error))}
    try:
        value = program.eval(data=request["data"])
    except (RuntimeError, TypeError) as error:
        return {"error": reason_for(text, str(error))}
    kind = value.type()
    if kind == cel.Type.ERROR:
        try:
            return {"error": reason_for(text, str(value.value()))}
        except TypeError:
            # For an optional value, the library fails to convert it to Python.
            return {"value": None}
    return {"value": value.value() if kind == cel.Type.BOOL else None}


@lru_cache(maxsize=1024)
def _program(text: str) -> cel.Expression:
    return parse(text)
