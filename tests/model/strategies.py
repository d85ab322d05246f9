"""Hypothesis strategies for stories."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.model.border import CHANGING, IN_DOUBT, MISHAPS, SORTS
from tests.model.git import ITEMS, ONE, TWO
from tests.model.story import (
    KUSTOMIZATIONS,
    Commit,
    Create,
    Cut,
    Delete,
    Restart,
    Set,
    Step,
    Story,
    Touch,
    Trouble,
)

LONGEST = 12
"""Steps of a story after its beginning."""

_names = st.sampled_from(KUSTOMIZATIONS)
_items = st.sampled_from(sorted(ITEMS))
_places = st.lists(st.tuples(_names, _items), max_size=4, unique=True).map(tuple)
_moves = st.sampled_from([(name, v) for name in ("things", "thing") for v in ITEMS[name].versions])
_targets = st.sampled_from(("", "", ONE, TWO))

_beginnings = st.lists(st.tuples(_names, _items), min_size=3, max_size=12, unique=True).map(tuple)

commits = st.builds(
    Commit,
    put=_places,
    drop=_places,
    edit=st.lists(_items, max_size=1).map(tuple),
    move=st.lists(_moves, max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
)
evolutions = st.builds(
    Commit,
    drop=_places,
    move=st.lists(_moves, min_size=1, max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
)
retirements = st.builds(
    Commit,
    drop=st.lists(st.tuples(_names, st.just("thing")), max_size=3, unique=True).map(tuple),
    move=st.sampled_from(ITEMS["things"].versions).map(lambda served: (("things", served),)),
)
"""A definition serves other versions than those that objects are recorded in, which may go from Git by that."""
creations = st.builds(
    Create,
    _names,
    prune=st.sampled_from((True, True, True, False)),
    target_namespace=_targets,
    deletion_policy=st.sampled_from(("MirrorPrune", "MirrorPrune", "Delete", "WaitForTermination", "Orphan")),
    wait=st.sampled_from((False, False, True)),
)
changes = st.one_of(
    st.builds(Set, _names, st.just("suspend"), st.booleans()),
    st.builds(Set, _names, st.just("targetNamespace"), st.sampled_from((ONE, TWO))),
    st.builds(Set, _names, st.just("prune"), st.sampled_from((True, True, False))),
)
_times = st.sampled_from((1, 3, 8))
troubles = st.one_of(
    st.builds(Trouble, st.sampled_from(SORTS), st.integers(1, 6), st.sampled_from(MISHAPS), _times),
    st.builds(Trouble, st.sampled_from(CHANGING), st.integers(1, 6), st.sampled_from(MISHAPS), _times),
    st.builds(Trouble, st.sampled_from(CHANGING), st.integers(1, 4), st.sampled_from(IN_DOUBT), _times),
)
_steps: st.SearchStrategy[Step] = st.one_of(
    commits,
    commits,
    evolutions,
    retirements,
    troubles,
    troubles,
    creations,
    changes,
    st.builds(Delete, _names),
    st.builds(Touch, _items, st.sampled_from(("delete", "edit", "hold"))),
    st.builds(Restart, st.booleans(), st.sampled_from((0.0, 3.0, 30.0))),
    st.builds(Cut, st.booleans()),
)
_pauses = st.sampled_from((5.0, 5.0, 0.0, 0.02, 0.1, 0.5, 2.0, 40.0))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A story that begins with some Kustomizations and what they render."""
    begin: list[tuple[Step, float]] = [
        (draw(creations_of(name)), 0.0) for name in KUSTOMIZATIONS[: draw(st.integers(1, 3))]
    ]
    custom = draw(st.sampled_from(((), ("things", "thing"), ("globes", "globe"))))
    put = (*draw(_beginnings), *((draw(_names), item) for item in custom))
    begin.append((Commit(tuple(dict.fromkeys(put))), draw(_pauses)))
    rest = draw(st.lists(st.tuples(_steps, _pauses), min_size=1, max_size=LONGEST))
    return Story((*begin, *rest), draw(st.integers(0, 1000)))


def creations_of(name: str) -> st.SearchStrategy[Create]:
    """One that prunes, mostly."""
    return st.builds(
        Create, st.just(name), target_namespace=_targets, wait=st.sampled_from((False, False, True))
    )
