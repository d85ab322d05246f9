"""Attempts of GitRepositories: what somebody requested, and what becomes stale meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.names import GIT_REPOSITORY
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.source.requests import SourceRequests

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
    requests = SourceRequests(store)
    assert requests.take_request(KEY) is None
    requests.request(KEY)
    assert requests.take_request(KEY) is not None
    assert requests.take_request(KEY) is None


@pytest.mark.parametrize(
    ("change", "cancels"),
    [
        ({}, False),
        ({"annotations": {"a": "b"}}, False),
        ({"annotations": {"promotion.headgate.dev/hold": ""}}, True),
        ({"annotations": {"promotion.headgate.dev/windows": "[]"}}, True),
        ({"generation": 2}, True),
        ({"uid": "other"}, True),
        ({"deletionTimestamp": "now"}, True),
    ],
)
def test_a_request_cancels_the_reconcile_of_a_changed_object(
    store: Store, change: Obj, cancels: bool
) -> None:
    requests = SourceRequests(store)
    with requests.begun(KEY, source(1)) as cancellation:
        store.put_source(source(2, **change))
        requests.request(KEY)
        assert cancellation.cancelled is cancels


def test_a_request_cancels_the_reconcile_of_a_deleted_object_and_no_ended_one(store: Store) -> None:
    requests = SourceRequests(store)
    with requests.begun(KEY, source(1)) as ended:
        pass
    with requests.begun(KEY, source(1)) as cancellation:
        store.drop_source(SourceKey(GIT_REPOSITORY, KEY.namespace, KEY.name))
        requests.request(KEY)
    assert cancellation.cancelled
    assert not ended.cancelled
