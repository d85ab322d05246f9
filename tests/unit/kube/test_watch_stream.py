"""The bytes of a watch become events, however they are cut."""

from collections.abc import AsyncIterator
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.kube import Gone, Unreachable, WatchEvent
from headgate.kube.watch import watch


def line(type: str, name: str, version: int) -> bytes:
    obj = {"metadata": {"name": name, "resourceVersion": str(version)}}
    return orjson.dumps({"type": type, "object": obj}) + b"\n"


async def decoded(pieces: list[bytes]) -> list[WatchEvent]:
    async def source() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [event async for event in watch(source())]


WHOLE = (
    line("ADDED", "a", 1) + line("MODIFIED", "ä€😀", 2) + line("BOOKMARK", "", 30) + line("DELETED", "a", 31)
)


@given(st.sets(st.integers(0, len(WHOLE))))
async def test_cut_anywhere(cuts: set[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    events = await decoded([WHOLE[a:b] for a, b in pairwise(edges)])
    assert [(e.type, e.resource_version) for e in events] == [
        ("ADDED", "1"),
        ("MODIFIED", "2"),
        ("BOOKMARK", "30"),
        ("DELETED", "31"),
    ]
    assert events[1].object["metadata"]["name"] == "ä€😀"


async def test_an_error_event_is_raised() -> None:
    expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    with pytest.raises(Gone, match="too old"):
        await decoded([line("ADDED", "a", 1), orjson.dumps({"type": "ERROR", "object": expired}) + b"\n"])


async def test_garbage_is_a_broken_connection() -> None:
    with pytest.raises(Unreachable):
        await decoded([b'{"type": "ADD\n'])


async def test_an_unfinished_line_is_not_an_event() -> None:
    assert len(await decoded([line("ADDED", "a", 1), b'{"type": "MODIF'])) == 1
