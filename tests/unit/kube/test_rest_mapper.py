"""Kinds by discovery: aggregated or per group, asked once, asked again on a miss, learned from CRDs."""

import asyncio
import time
from typing import Any

import pytest

from headgate.kube import ApiError, BadRequest, NoMatch, NotFound, RestMapper, ServedResource, Unavailable
from headgate.kube import mapper as module


def aggregated(*groups: tuple[str, str, str, list[tuple[str, str, str]]]) -> dict[str, Any]:
    """Groups as (group, version, freshness, resources as (plural, kind, scope))."""
    return {
        "kind": "APIGroupDiscoveryList",
        "items": [
            {
                "metadata": {"name": group},
                "versions": [
                    {
                        "version": version,
                        "freshness": freshness,
                        "resources": [
                            {
                                "resource": p,
                                "responseKind": {"kind": k},
                                "scope": s,
                                "verbs": ["get", "patch"],
                            }
                            for p, k, s in resources
                        ],
                    }
                ],
            }
            for group, version, freshness, resources in groups
        ],
    }


class Discovery:
    """Responses by path, and the requested paths."""

    def __init__(self, answers: dict[str, dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, path: str, accept: str) -> dict[str, Any]:
        self.asked.append(path)
        await asyncio.sleep(0)
        if path not in self.answers:
            raise NotFound("the server could not find the requested resource", status=404)
        return self.answers[path]


MODERN = {
    "/api": aggregated(
        ("", "v1", "Current", [("namespaces", "Namespace", "Cluster"), ("pods", "Pod", "Namespaced")])
    ),
    "/apis": aggregated(
        ("apps", "v1", "Current", [("deployments", "Deployment", "Namespaced")]),
        ("metrics.k8s.io", "v1beta1", "Stale", []),
    ),
}
OLD = {
    "/api": {"kind": "APIVersions"},
    "/apis": {"kind": "APIGroupList"},
    "/apis/apps/v1": {
        "resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["get"]},
            {"name": "deployments/scale", "kind": "Scale", "namespaced": True},
        ]
    },
}


async def test_two_requests_tell_everything() -> None:
    discovery = Discovery(MODERN)
    mapper = RestMapper(discovery)
    found = await asyncio.gather(
        mapper.resolve("apps/v1", "Deployment"),
        mapper.resolve("v1", "Pod"),
        mapper.resolve("v1", "Namespace"),
    )
    assert [(r.plural, r.namespaced) for r in found] == [
        ("deployments", True),
        ("pods", True),
        ("namespaces", False),
    ]
    assert sorted(discovery.asked) == ["/api", "/apis"]


async def test_a_server_without_aggregated_discovery_is_asked_per_group() -> None:
    discovery = Discovery(OLD)
    mapper = RestMapper(discovery)
    assert (await mapper.resolve("apps/v1", "Deployment")).plural == "deployments"
    with pytest.raises(NoMatch):
        await mapper.resolve("apps/v1", "Scale")
    with pytest.raises(NoMatch):
        await mapper.resolve("gone/v1", "Thing")
    assert discovery.asked == ["/api", "/apis", "/apis/apps/v1", "/apis/gone/v1"]


async def test_misses_ask_again_but_not_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    discovery = Discovery(dict(MODERN))
    mapper = RestMapper(discovery)
    for _ in range(3):
        with pytest.raises(NoMatch, match=r'^no matches for kind "Widget" in version "example\.test/v1"$'):
            await mapper.resolve("example.test/v1", "Widget")
    assert len(discovery.asked) == 2
    monkeypatch.setattr(module, "REFRESH_AFTER", 0.0)
    discovery.answers["/apis"] = aggregated(
        ("example.test", "v1", "Current", [("widgets", "Widget", "Cluster")])
    )
    assert (await mapper.resolve("example.test/v1", "Widget")).plural == "widgets"


async def test_a_group_whose_server_is_down_is_not_absent() -> None:
    with pytest.raises(Unavailable, match=r"metrics\.k8s\.io/v1beta1"):
        await RestMapper(Discovery(MODERN)).resolve("metrics.k8s.io/v1beta1", "PodMetrics")


async def test_a_crd_teaches_its_kinds() -> None:
    discovery = Discovery(MODERN)
    mapper = RestMapper(discovery)
    mapper.learn(
        {
            "spec": {
                "group": "example.test",
                "scope": "Namespaced",
                "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
            }
        }
    )
    assert (await mapper.resolve("example.test/v1", "Widget")).path("ns", "w") == (
        "/apis/example.test/v1/namespaces/ns/widgets/w"
    )
    assert discovery.asked == []
    assert mapper.known("example.test/v0", "Widget") is None
    mapper.forget("example.test/v1", "Widget")
    with pytest.raises(NoMatch):
        await mapper.resolve("example.test/v1", "Widget")


@pytest.mark.parametrize(
    ("resource", "where", "path"),
    [
        (ServedResource("v1", "Pod", "pods", True), ("ns", "p", ""), "/api/v1/namespaces/ns/pods/p"),
        (
            ServedResource("v1", "Pod", "pods", True),
            ("ns", "p", "status"),
            "/api/v1/namespaces/ns/pods/p/status",
        ),
        (ServedResource("v1", "Pod", "pods", True), ("", "", ""), "/api/v1/pods"),
        (
            ServedResource("a/v1", "C", "cs", False),
            ("ignored", "system:x y", ""),
            "/apis/a/v1/cs/system:x%20y",
        ),
    ],
)
def test_paths(resource: ServedResource, where: tuple[str, str, str], path: str) -> None:
    assert resource.path(*where) == path


@pytest.mark.parametrize("name", ["..", ".", "a/b", "%2e%2e"])
def test_a_name_never_leads_elsewhere(name: str) -> None:
    with pytest.raises(BadRequest):
        ServedResource("v1", "Pod", "pods", True).path("ns", name)


async def served(mapper: RestMapper, group: str, kind: str, version: str) -> str:
    return (await mapper.served(group, kind, version, since=time.monotonic())).api_version


def widgets(*versions: str) -> dict[str, Any]:
    return aggregated(*(("example.test", v, "Current", [("widgets", "Widget", "Cluster")]) for v in versions))


async def test_an_object_is_found_in_whatever_version_is_served() -> None:
    mapper = RestMapper(Discovery({**MODERN, "/apis": widgets("v2", "v1")}))
    assert mapper.is_namespaced("example.test", "Widget") is None
    assert await served(mapper, "example.test", "Widget", "v1") == "example.test/v1"
    assert await served(mapper, "example.test", "Widget", "v1alpha1") == "example.test/v2"
    assert await served(mapper, "", "Pod", "v1") == "v1"
    assert mapper.is_namespaced("example.test", "Widget") is False
    assert mapper.is_namespaced("", "Pod") is True


async def test_a_kind_is_gone_only_by_an_answer_that_is_new_enough() -> None:
    discovery = Discovery({**MODERN, "/apis": widgets()})
    mapper = RestMapper(discovery)
    before = time.monotonic()
    with pytest.raises(NoMatch):
        await mapper.served("example.test", "Widget", "v1", since=before)
    discovery.answers["/apis"] = widgets("v1")
    with pytest.raises(NoMatch):
        await mapper.served("example.test", "Widget", "v1", since=before)
    assert await served(mapper, "example.test", "Widget", "v1") == "example.test/v1"
    del discovery.answers["/apis"]
    with pytest.raises(ApiError):
        await served(mapper, "other.test", "Widget", "v1")


async def test_a_kind_of_a_server_that_is_down_is_not_gone() -> None:
    mapper = RestMapper(Discovery(MODERN))
    with pytest.raises(Unavailable, match=r"metrics\.k8s\.io"):
        await served(mapper, "metrics.k8s.io", "PodMetrics", "v1")


async def test_without_aggregated_discovery_all_versions_of_the_group_are_asked_for() -> None:
    listed = {"versions": [{"groupVersion": "apps/v1"}, {"groupVersion": "apps/v1beta1"}]}
    mapper = RestMapper(Discovery({**OLD, "/apis/apps": listed}))
    assert await served(mapper, "apps", "Deployment", "v1beta1") == "apps/v1"
    with pytest.raises(NoMatch):
        await served(mapper, "gone", "Thing", "v1")


async def test_a_crd_unteaches_what_it_serves_no_more() -> None:
    mapper = RestMapper(Discovery({**MODERN, "/apis": widgets("v2", "v1")}))
    await mapper.resolve("example.test/v1", "Widget")
    names = {"kind": "Widget", "plural": "widgets"}
    versions = [{"name": "v1", "served": False}, {"name": "v2", "served": True}]
    spec = {"group": "example.test", "scope": "Cluster", "names": names, "versions": versions}
    mapper.learn({"spec": spec})
    assert mapper.known("example.test/v1", "Widget") is None
    assert await served(mapper, "example.test", "Widget", "v1") == "example.test/v2"


async def test_one_kind_in_versions_without_end() -> None:
    one = aggregated(("a.b", "v1", "Current", [("as", "A", "Namespaced")]))
    (version,) = one["items"][0]["versions"]
    one["items"][0]["versions"] = [version | {"version": f"v{n}"} for n in range(100_000)]
    with pytest.raises(ApiError, match="more than 10,000 kinds"):
        await RestMapper(Discovery({"/api": aggregated(), "/apis": one})).resolve("a.b/v1", "A")


async def test_versions_without_end_are_not_asked_for_one_by_one() -> None:
    versions = [{"groupVersion": f"a.b/v{n}"} for n in range(10_000)]
    discovery = Discovery({"/api": {}, "/apis": {}, "/apis/a.b": {"versions": versions}})
    with pytest.raises(NoMatch):
        await RestMapper(discovery).served("a.b", "A", "v1", since=time.monotonic())
    assert len(discovery.asked) < 200


async def test_names_that_no_server_has_are_not_kept() -> None:
    long = "A" * 10_000
    answers = {
        "/api": aggregated(),
        "/apis": aggregated(("a.b", "v1", "Current", [("as", long, "Namespaced"), ("bs", "B", "Cluster")])),
    }
    mapper = RestMapper(Discovery(answers))
    assert (await mapper.resolve("a.b/v1", "B")).plural == "bs"
    assert mapper.known("a.b/v1", long) is None


def test_a_definition_teaches_no_kinds_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KINDS", 250)
    mapper = RestMapper(Discovery({}))
    for n in range(10):
        versions = [{"name": f"v{v}"} for v in range(1_000)]
        names = {"kind": f"K{n}", "plural": f"k{n}s"}
        mapper.learn({"spec": {"group": "a.b", "names": names, "versions": versions}})
    assert mapper.known("a.b/v99", "K0") is not None
    assert mapper.known("a.b/v100", "K0") is None
    assert sum(mapper.known(f"a.b/v{v}", f"K{n}") is not None for n in range(10) for v in range(1_000)) == 250
