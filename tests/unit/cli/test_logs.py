"""What is logged at which level."""

from __future__ import annotations

import logging

import pytest

from headgate.cli.logs import Routine

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
def test_what_is_asked_again_is_no_error(name: str, message: str, level: int) -> None:
    record = logging.LogRecord(name, logging.ERROR, "", 1, message, None, None)
    Routine().filter(record)
    assert (record.levelno, record.levelname) == (level, logging.getLevelName(level))


def test_it_is_not_logged_where_only_errors_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.ERROR)
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]
    record = logging.LogRecord("kopf.api", logging.ERROR, "", 1, LATER, None, None)
    assert not Routine().filter(record)
