"""Logging of ``headgate run``: one line for each record, as JSON (Flux's keys) or for humans."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger import json

LEVELS = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "settings",
    "k8s_ref",
    "k8s_skip",
}

_THIRD_PARTIES = (
    *("aiohttp", "git", "urllib3", "kubernetes", "asyncio", "kopf", "requests"),
    *("azure", "boto3", "botocore", "google", "hvac", "msal"),
)


class JsonFormatter(json.JsonFormatter):
    """``{"level", "ts", "logger", "msg", ...}``; the fields of ``extra`` become further keys."""

    def __init__(self) -> None:
        super().__init__(
            [], reserved_attrs=_STANDARD, json_default=str, rename_fields={"exc_info": "stacktrace"}
        )

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Put Flux's keys first."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data |= {
            "level": record.levelname.lower(),
            "ts": moment.replace("+00:00", "Z"),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        super().add_fields(log_data, record, message_dict)


class Routine(logging.Filter):
    """Lowers what Kopf logs about a request that it repeats, from errors to information.

    API servers answer 429 with "storage is (re)initializing" to watches of new definitions, and 503 during their start:
    Kopf retries these, and nobody has to act.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("kopf") and record.levelno == logging.ERROR:
            message = record.getMessage()
            if "failed; will retry" in message or "storage is (re)initializing" in message:
                record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
                return logging.getLogger().isEnabledFor(logging.INFO)
        return True


def configure(level: str, encoding: str) -> None:
    """Send all log records of ``level`` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if encoding == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    # Limit libraries to warnings; their debug output may contain headers, and responses with keys.
    handler.addFilter(Routine())
    for name in _THIRD_PARTIES:
        logging.getLogger(name).setLevel(logging.WARNING)
