"""Reads server-sent events as a browser does."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import aiohttp

from tests.support.pages import PATIENCE


@dataclass
class Message:
    event: str
    data: str
    id: str = ""


@dataclass
class Reader:
    """Reads events as a browser does."""

    answer: aiohttp.ClientResponse
    retry: int = 0

    async def next(self) -> Message:
        event, data, id = "", list[str](), ""
        async with asyncio.timeout(PATIENCE):
            while line := (await self.answer.content.readline()).decode():
                line = line.rstrip("\n")
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if line == "" and data:
                    return Message(event, "\n".join(data), id)
                if name == "event":
                    event = value
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    id = value
                elif name == "retry":
                    self.retry = int(value)
        raise EOFError

    async def morph(self) -> Message:
        while (found := await self.next()).event != "morph":
            pass
        return found

    async def state(self) -> dict[str, object]:
        while (found := await self.next()).event != "state":
            pass
        return dict(json.loads(found.data))

    async def rest(self) -> None:
        """Read on; raises EOFError at the end."""
        while True:
            await self.next()
