"""The program's own log: every line knows the call it belongs to, and no line tells a secret."""

from __future__ import annotations

import json
import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from hub import correlation
from hub.api.masking import without_secrets


class CallNumber(logging.Filter):
    """Adds the number of the call being answered; a dash where none is."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = correlation.current() or "-"
        return True


class Line(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class JsonLine(JsonFormatter):
    """A line for programs (HUB_LOG_FORMAT=json): one JSON object."""

    def process_log_record(self, log_record: dict[str, Any]) -> dict[str, Any]:
        """Mask what any of the values tells."""
        return {name: _masked(value) for name, value in super().process_log_record(log_record).items()}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, (list, tuple)):
        return [_masked(one) for one in value]
    return value


def named(line: str, process: str) -> str:
    """Say in a JSON line which process wrote it; what is no JSON (another program's word) becomes it."""
    if line.startswith("{") and line.endswith("}"):
        return f'{{"process": {json.dumps(process)}, {line[1:]}'
    return json.dumps({"process": process, "message": line}, ensure_ascii=False)


def configuration(form: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING; in JSON every call and every conversation has a line of its own."""
    spoken = level if form == "json" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"number": {"()": "hub.logs.CallNumber"}},
        "formatters": {
            "text": {"()": "hub.logs.Line", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
            "json": {
                "()": "hub.logs.JsonLine",
                "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s",
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
                "json_ensure_ascii": False,
            },
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["number"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "hub.calls": {"level": spoken},
            "marketplaces.conversations": {"level": spoken},
            "django-q": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            # A filter nobody offers is answered with 400; a trace for each would let anybody fill the log.
            "django.security.DisallowedModelAdminLookup": {"level": "CRITICAL"},
        },
    }
