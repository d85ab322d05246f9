"""Logging of ``headgate run``: one line for each record, as JSON (Flux's keys) or for humans."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger import json

from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP, NOTIFICATION_GROUP, SOURCE_GROUP
from headgate.subject import current_subject

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


LONGEST_LINE = 60_000
"""Limit in characters for a line of JSON: ``flux logs`` stops at the first one with 64 KiB or more."""
_LONGEST_TEXT = 1_500
"""What stays of each text of a longer line, in characters; escaped, one takes up to 12."""
_GROUPS = {KUSTOMIZATION: KUSTOMIZE_GROUP, "Receiver": NOTIFICATION_GROUP}


class JsonFormatter(json.JsonFormatter):
    """``{"level", "ts", "logger", "msg", ...}``; the fields of ``extra`` become further keys.

    A line about an object that is being reconciled names it with the keys by which ``flux logs`` filters.
    """

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
        subject = current_subject()
        if subject is not None:
            log_data |= {
                "controller": subject.controller,
                "controllerGroup": _GROUPS.get(subject.kind, SOURCE_GROUP),
                "controllerKind": subject.kind,
                "namespace": subject.namespace,
                "name": subject.name,
            }
        super().add_fields(log_data, record, message_dict)

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the line, with shorter texts if it is too long."""
        line = str(super().jsonify_log_record(log_data))
        if len(line) <= LONGEST_LINE:
            return line
        # The end of a stack trace names the error, the beginning of any other text its subject.
        cut = {
            key: f"…{text[-_LONGEST_TEXT:]}" if key == "stacktrace" else f"{text[:_LONGEST_TEXT]}…"
            for key, text in ((key, str(value)) for key, value in log_data.items())
            if len(text) > _LONGEST_TEXT
        }
        return str(super().jsonify_log_record(log_data | cut))


_WATCHES = "kopf._cogs.clients.watching"


class Routine(logging.Filter):
    """Lowers what Kopf logs about a request that it repeats, from errors to information.

    API servers answer 429 with "storage is (re)initializing" to watches of new definitions, and 503 during their start:
    Kopf retries these, and nobody has to act. What its watches give up, :mod:`headgate.watching` reports and retries.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("kopf") and record.levelno == logging.ERROR:
            message = record.getMessage()
            routine = "failed; will retry" in message or "storage is (re)initializing" in message
            if routine or record.name == _WATCHES:
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
