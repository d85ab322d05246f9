"""Places of the event loop: bounded, shared between namespaces, and free again whatever happens."""

from __future__ import annotations

import asyncio

from headgate.fairness.places import FairPlaces


async def test_namespaces_share_the_places() -> None:
    places, gate = FairPlaces(8, 2), asyncio.Event()
    held: list[str] = []

    async def work(namespace: str) -> None:
        async with places.taken(namespace):
            held.append(namespace)
            await gate.wait()

    tasks = [asyncio.create_task(work("greedy")) for _ in range(20)]
    await asyncio.sleep(0)
    assert held == ["greedy"] * 2
    tasks += [asyncio.create_task(work("other"))]
    await asyncio.sleep(0)
    assert held == ["greedy", "greedy", "other"]
    gate.set()
    await asyncio.gather(*tasks)
    assert len(held) == 21


async def test_who_is_called_off_takes_no_place() -> None:
    """While it waits, and also in the moment in which a place is handed to it."""
    places, gate = FairPlaces(1, 1), asyncio.Event()
    held: list[int] = []

    async def work(number: int) -> None:
        async with places.taken("team"):
            held.append(number)
            await gate.wait()

    tasks = [asyncio.create_task(work(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    tasks[2].cancel()
    tasks[0].cancel()
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert held == [0, 3]
    async with asyncio.timeout(60), places.taken("team"):
        pass
