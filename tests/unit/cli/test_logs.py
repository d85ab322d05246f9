"""What is logged at which level."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from headgate.cli.logs import JsonFormatter, Routine

LATER = "Request attempt #1/9 failed; will retry: GET https://h/apis -> APIServerError('storage is (re)initializing')"


@pytest.mark.parametrize(
    ("name", "message", "level"),
    [
        ("kopf._cogs.clients.api", LATER, logging.INFO),
        ("kopf._cogs.clients.watching", "429: storage is (re)initializing", logging.INFO),
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
