"""Makes a story smaller for as long as the same thing goes wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.model.story import Commit, Create, Step, Story, Trouble


def smallest(story: Story, fails: Callable[[Story], bool], tries: int = 400) -> Story:
    """The smallest story that was found to fail, in so many tries at the most."""
    again = True
    while again and tries > 0:
        again = False
        for smaller in _smaller(story):
            tries -= 1
            if tries <= 0:
                break
            if fails(smaller):
                story, again = smaller, True
                break
    return story


def _smaller(story: Story) -> Iterator[Story]:
    steps = story.steps
    for n in range(len(steps)):
        yield replace(story, steps=steps[:n] + steps[n + 1 :])
    for n, (step, pause) in enumerate(steps):
        for simpler in _simpler(step):
            yield replace(story, steps=(*steps[:n], (simpler, pause), *steps[n + 1 :]))
    for n, (step, pause) in enumerate(steps):
        if pause != 5.0:
            yield replace(story, steps=(*steps[:n], (step, 5.0), *steps[n + 1 :]))
    if story.seed:
        yield replace(story, seed=0)


def _simpler(step: Step) -> Iterator[Step]:
    if isinstance(step, Commit):
        for field in ("put", "drop", "edit", "move"):
            held = getattr(step, field)
            for n in range(len(held)):
                yield replace(step, **{field: held[:n] + held[n + 1 :]})
    elif isinstance(step, Create):
        plain = Create(step.name)
        if step != plain:
            yield plain
        for simpler in (replace(step, wait=False), replace(step, deletion_policy="MirrorPrune")):
            if simpler != step:
                yield simpler
    elif isinstance(step, Trouble) and step.times > 1:
        yield replace(step, times=1)
