"""What is logged at which level."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import pytest

from headgate.api import ObjectKey
from headgate.cli.logs import JsonFormatter, Routine
from headgate.reconcile.core.controller import Controller, Outcome
from headgate.reconcile.core.queue import Priority, Trigger, WorkQueue
from headgate.subject import Subject, current_subject, reconciling
from tests.support.fluxlogs import flux_logs

LATER = "Request attempt #1/9 failed; will retry: GET https://h/apis -> APIServerError('storage is (re)initializing')"


@pytest.mark.parametrize(
    ("name", "message", "level"),
    [
        ("kopf._cogs.clients.api", LATER, logging.INFO),
        ("kopf._cogs.clients.watching", "429: storage is (re)initializing", logging.INFO),
        (
            "kopf._cogs.clients.watching",
            "Request attempt #4/4 failed; escalating: GET x -> 403",
            logging.INFO,
        ),
        ("kopf._core.reactor.observation", "Request attempt #9/9 failed; escalating: GET x", logging.ERROR),
        (
            "kopf._core.reactor",
            "Event processing has failed with an unrecoverable error for x.",
            logging.ERROR,
        ),
        ("headgate.source", "storage is (re)initializing", logging.ERROR),
    ],
)
def test_what_is_asked_again_is_not_an_error(name: str, message: str, level: int) -> None:
    record = logging.LogRecord(name, logging.ERROR, "", 1, message, None, None)
    Routine().filter(record)
    assert (record.levelno, record.levelname) == (level, logging.getLevelName(level))


def test_it_is_not_logged_where_only_errors_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.ERROR)
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]
    record = logging.LogRecord("kopf.api", logging.ERROR, "", 1, LATER, None, None)
    assert not Routine().filter(record)


def test_a_line_has_the_keys_of_flux_and_then_what_was_passed_besides() -> None:
    record = logging.LogRecord("headgate.web", logging.WARNING, "", 1, "%d refused", (3,), None)
    record.created, record.namespace, record.k8s_ref = 1_700_000_000.1, "café", {"uid": "x"}
    assert JsonFormatter().format(record) == (
        '{"level": "warning", "ts": "2023-11-14T22:13:20.100Z", "logger": "headgate.web", "msg": "3 refused", '
        '"namespace": "caf\\u00e9"}'
    )


def test_a_line_has_the_trace_of_an_error_and_any_value_as_text() -> None:
    try:
        raise ValueError("secret plans")
    except ValueError:
        record = logging.LogRecord("headgate", logging.ERROR, "", 1, "failed", None, sys.exc_info())
    record.place = ValueError
    line = json.loads(JsonFormatter().format(record))
    assert {"level", "ts", "logger", "msg", "place", "stacktrace"} == set(line)
    assert line["place"] == "<class 'ValueError'>"
    assert line["stacktrace"].startswith("Traceback")
    assert line["stacktrace"].endswith("secret plans")


WEB = Subject("kustomization", "Kustomization", "team-a", "web")


def line(message: str, level: int = logging.INFO, subject: Subject | None = WEB) -> str:
    record = logging.LogRecord("headgate.kustomization", level, "", 1, message, None, None)
    record.created = 1_700_000_000.1
    with reconciling(subject):
        return JsonFormatter().format(record)


def test_a_line_names_the_object_that_is_being_reconciled() -> None:
    assert json.loads(line("applied")) == {
        "level": "info",
        "ts": "2023-11-14T22:13:20.100Z",
        "logger": "headgate.kustomization",
        "msg": "applied",
        "controller": "kustomization",
        "controllerGroup": "kustomize.toolkit.fluxcd.io",
        "controllerKind": "Kustomization",
        "namespace": "team-a",
        "name": "web",
    }


@pytest.mark.parametrize(
    ("kind", "group"),
    [("GitRepository", "source.toolkit.fluxcd.io"), ("Receiver", "notification.toolkit.fluxcd.io")],
)
def test_every_kind_has_its_api_group(kind: str, group: str) -> None:
    found = json.loads(line("done", subject=Subject(kind.lower(), kind, "team-a", "x")))
    assert (found["controllerKind"], found["controllerGroup"]) == (kind, group)


def test_flux_logs_prints_and_filters_the_lines() -> None:
    source = Subject("gitrepository", "GitRepository", "flux-system", "fleet")
    lines = [
        line("headgate 1.0 on the cluster", subject=None),
        line("team-a/web: Applied revision: main@sha1:1"),
        "a line of a library",
        line("flux-system/fleet: cannot fetch", logging.ERROR, source),
    ]
    web = (
        "2023-11-14T22:13:20.100Z info Kustomization/web.team-a - team-a/web: Applied revision: main@sha1:1 "
    )
    fleet = (
        "2023-11-14T22:13:20.100Z error GitRepository/fleet.flux-system - flux-system/fleet: cannot fetch "
    )
    start = "2023-11-14T22:13:20.100Z info  - headgate 1.0 on the cluster "
    assert flux_logs(lines, all_namespaces=True) == [start, web, fleet]
    assert flux_logs(lines) == [fleet]
    assert flux_logs(lines, namespace="team-a") == [web]
    assert flux_logs(lines, all_namespaces=True, kind="kustomization") == [web]
    assert flux_logs(lines, all_namespaces=True, name="fleet") == [fleet]
    assert flux_logs(lines, all_namespaces=True, level="error") == [fleet]


@pytest.mark.parametrize("text", ["x" * 1_000_000, "é" * 40_000, "\U0001f600" * 40_000, "\n" * 80_000])
def test_no_line_is_so_long_that_flux_logs_stops(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        record = logging.LogRecord("headgate", logging.ERROR, "", 1, f"web: {text}", None, sys.exc_info())
    record.revision = text
    with reconciling(WEB):
        long = JsonFormatter().format(record)
    assert len(flux_logs([long, line("next")], all_namespaces=True)) == 2
    assert json.loads(long)["msg"].startswith("web: ")


async def test_a_controller_says_what_it_reconciles_and_only_while_it_does() -> None:
    seen: list[Subject | None] = []
    queue: WorkQueue[ObjectKey] = WorkQueue(1)
    queue.add(ObjectKey("team-a", "web"), Trigger(Priority.CHANGED, "test"))
    done = asyncio.Event()

    async def reconcile(key: ObjectKey, triggers: tuple[Trigger, ...]) -> Outcome:
        async def below() -> None:
            seen.append(current_subject())

        await asyncio.create_task(below())
        done.set()
        return Outcome()

    running = asyncio.create_task(Controller("kustomization", queue, reconcile, kind="Kustomization").run())
    async with asyncio.timeout(60):
        await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert seen == [WEB]
    assert current_subject() is None
