"""Attempts of GitRepositories: what somebody requested, and what becomes stale meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.reconcile.core.store import GIT_REPOSITORY, SourceKey, Store
from headgate.reconcile.source.visits import Visits

Obj = dict[str, Any]
KEY = ObjectKey("ns", "source")


def source(version: int, **meta: Any) -> Obj:
    return {
        "kind": GIT_REPOSITORY,
        "metadata": {
            "namespace": KEY.namespace,
            "name": KEY.name,
            "uid": "u",
            "generation": 1,
            "resourceVersion": str(version),
            **meta,
        },
        "spec": {},
    }


@pytest.fixture
def store() -> Store:
    store = Store()
    store.put_source(source(1))
    return store


def test_a_request_is_taken_once(store: Store) -> None:
    visits = Visits(store)
    assert visits.take_request(KEY) is None
    visits.asked_for(KEY)
    assert visits.take_request(KEY) is not None
    assert visits.take_request(KEY) is None


@pytest.mark.parametrize(
    ("change", "cancels"),
    [
        ({}, False),
        ({"annotations": {"a": "b"}}, False),
        ({"generation": 2}, True),
        ({"uid": "other"}, True),
        ({"deletionTimestamp": "now"}, True),
    ],
)
def test_a_visit_of_what_changed_meanwhile_is_cancelled(store: Store, change: Obj, cancels: bool) -> None:
    visits = Visits(store)
    with visits.begun(KEY, source(1)) as cancellation:
        store.put_source(source(2, **change))
        visits.asked_for(KEY)
        assert cancellation.cancelled is cancels


def test_a_visit_of_what_is_gone_is_cancelled_and_none_that_has_ended(store: Store) -> None:
    visits = Visits(store)
    with visits.begun(KEY, source(1)) as ended:
        pass
    with visits.begun(KEY, source(1)) as cancellation:
        store.drop_source(SourceKey(GIT_REPOSITORY, KEY.namespace, KEY.name))
        visits.asked_for(KEY)
    assert cancellation.cancelled
    assert not ended.cancelled
