"""A few workers, many namespaces: nobody's keys, however many or urgent, keep those of others waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headgate.api import ObjectKey
from headgate.fairness.order import FairOrder
from headgate.reconcile.core.queue import MOST_TRIGGERS, Depth, Priority, Trigger, WorkQueue
from tests.support.queues import waiting_triggers


def put(order: FairOrder[str], *keys: str, urgency: int = 1) -> None:
    """Keys are named namespace/name."""
    for key in keys:
        order.put(key, key.partition("/")[0], urgency)


def served(order: FairOrder[str], count: int) -> list[str]:
    """The next keys, each worked off at once."""
    out = []
    for _ in range(count):
        key = order.take()
        if key is not None:
            out.append(key)
            order.release(key.partition("/")[0])
    return out


def test_namespaces_take_turns() -> None:
    order: FairOrder[str] = FairOrder(4, 8)
    put(order, *(f"a/{i}" for i in range(5_000)))
    put(order, "b/0", "b/1", "c/0")
    assert served(order, 6) == ["a/0", "b/0", "c/0", "a/1", "b/1", "a/2"]


def test_within_a_namespace_the_most_urgent_and_the_oldest_go_first() -> None:
    order: FairOrder[str] = FairOrder(4, 8)
    put(order, "a/0", "a/1", urgency=3)
    put(order, "a/2", urgency=2)
    put(order, "a/1", urgency=0)
    order.drop("a/3")
    assert served(order, 9) == ["a/1", "a/2", "a/0"]


def test_a_namespace_alone_has_all_workers_until_there_is_another() -> None:
    order: FairOrder[str] = FairOrder(4, 4)
    put(order, *(f"a/{i}" for i in range(9)))
    assert [order.take() for _ in range(5)] == ["a/0", "a/1", "a/2", "a/3", None]
    put(order, "b/0")
    assert order.take() is None
    order.release("a")
    assert order.take() == "b/0"
    order.release("b")
    # From now on one worker is kept for whoever has none.
    assert order.take() is None
    order.release("a")
    assert order.take() == "a/4"
    assert order.take() is None
    put(order, "c/0")
    assert order.take() == "c/0"


def test_urgency_counts_up_to_a_fair_share() -> None:
    order: FairOrder[str] = FairOrder(4, 8)
    put(order, *(f"a/{i}" for i in range(100)), urgency=0)
    put(order, *(f"b/{i}" for i in range(100)), urgency=3)
    taken = [key for _ in range(8) if (key := order.take())]
    assert [key[0] for key in taken].count("a") == 4
    # The last is kept for whoever has none.
    assert [key[0] for key in taken].count("b") == 3
    assert taken[0][0] == "a"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "take", "release", "drop"]),
            st.sampled_from("abcd"),
            st.integers(0, 9),
            st.integers(0, 3),
        ),
        max_size=200,
    ),
    st.integers(1, 5),
)
def test_nothing_is_lost_and_no_worker_idles_for_nothing(
    steps: list[tuple[str, str, int, int]], workers: int
) -> None:
    order: FairOrder[str] = FairOrder(4, workers)
    waiting: dict[str, int] = {}
    busy: list[str] = []
    known: set[str] = set()
    for what, namespace, name, urgency in steps:
        key = f"{namespace}/{name}"
        if what == "put" and key not in busy:
            put(order, key, urgency=urgency)
            waiting[key] = urgency
            known.add(namespace)
        elif what == "drop":
            order.drop(key)
            waiting.pop(key, None)
        elif what == "release" and busy:
            order.release(busy.pop(0)[0])
        elif what == "take":
            taken = order.take()
            free = workers - len(busy)
            if taken is None:
                held = {b[0] for b in busy}
                last = free == 1 and len(known) > 1
                assert not waiting or free == 0 or (last and {k[0] for k in waiting} <= held)
                continue
            assert free > 0
            assert waiting[taken] == min(u for k, u in waiting.items() if k[0] == taken[0])
            del waiting[taken]
            busy.append(taken)


async def test_a_queue_serves_namespaces_fairly_and_goes_on_when_a_worker_is_free() -> None:
    queue: WorkQueue[ObjectKey] = WorkQueue(2)
    changed = Trigger(Priority.CHANGED, "test")
    for name in "abc":
        queue.add(ObjectKey("many", name), changed)
    queue.add(ObjectKey("few", "a"), changed)
    assert [(await queue.get())[0] for _ in range(2)] == [ObjectKey("many", "a"), ObjectKey("few", "a")]
    queue.done(ObjectKey("few", "a"))
    queue.done(ObjectKey("many", "a"))
    assert (await queue.get())[0] == ObjectKey("many", "b")


async def test_what_happened_to_a_key_is_remembered_up_to_a_bound() -> None:
    queue: WorkQueue[ObjectKey] = WorkQueue()
    key = ObjectKey("ns", "apps")
    for i in range(5_000):
        queue.add(key, Trigger(Priority.CHANGED, f"drift of {i}"))
    queue.add(key, Trigger(Priority.REQUESTED, "requested", depth=Depth.VERIFY))
    triggers = waiting_triggers(queue, key)
    assert len(triggers) <= MOST_TRIGGERS + 2
    assert max(t.depth for t in triggers) is Depth.VERIFY
    assert min(t.priority for t in triggers) is Priority.REQUESTED


def test_no_namespace_has_more_than_the_most() -> None:
    order: FairOrder[str] = FairOrder(4, 8, most=2)
    for n in range(5):
        order.put(f"a{n}", "a", 0)
    assert [order.take() for _ in range(3)] == ["a0", "a1", None]
    order.put("b0", "b", 3)
    assert order.take() == "b0"
    order.release("a")
    assert order.take() == "a2"
