"""The program's own log: JSON on demand, the call's number on every line, no secret on any."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from hub import correlation, env, logs
from hub.supervisor import ChildSpec, Supervisor


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What a logger of its own writes, in the format named."""
    form = getattr(request, "param", "json")
    made = logs.configuration(form, "INFO")
    shape = dict(made["formatters"][form])
    cls = {"hub.logs.JsonLine": logs.JsonLine, "hub.logs.Line": logs.Line}[shape.pop("()")]
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(logs.CallNumber())
    if form == "text":
        handler.setFormatter(cls(shape["format"]))
    else:
        handler.setFormatter(cls(**shape))
    logger = logging.getLogger("tests.written")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield out
    logger.removeHandler(handler)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


log = logging.getLogger("tests.written")


def test_a_json_line_has_the_time_the_level_and_the_calls_number(written: io.StringIO) -> None:
    with correlation.under("call-7"):
        log.info("ação feita", extra={"lane": "stock", "causes": ["a", "b"]})
    log.warning("nobody asked")
    first, second = lines(written)
    assert (first["message"], first["level"], first["logger"]) == ("ação feita", "INFO", "tests.written")
    assert (first["request_id"], first["lane"], first["causes"]) == ("call-7", "stock", ["a", "b"])
    assert first["time"]
    assert second["request_id"] == "-"


def test_a_trace_stays_one_line(written: io.StringIO) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("it broke")
    (line,) = lines(written)
    assert "ValueError" in line["exc_info"]


@pytest.mark.parametrize("written", ["json", "text"], indirect=True)
def test_no_line_tells_a_secret(written: io.StringIO) -> None:
    log.info("calling with token=abc-secret-1 and {'password': 'abc-secret-2'}")
    log.info("answer", extra={"said": '{"api_key": "abc-secret-3"}', "list": ["authorization: abc-secret-4"]})
    try:
        raise ValueError("client_secret=abc-secret-5")
    except ValueError:
        log.exception("it broke")
    assert written.getvalue().count("\n") >= 3
    assert "abc-secret" not in written.getvalue()


@pytest.mark.parametrize("written", ["json", "text"], indirect=True)
def test_no_line_tells_an_address_that_lets_in_whoever_has_it(written: io.StringIO) -> None:
    log.warning("Forbidden (CSRF cookie not set.): %s", "/invitation/s3cr3t-inv1tation/")
    log.warning(
        "Not Found: %s", "/password/MQ/ck7x2a-5ecret0fthelink/", extra={"path": "/invitation/s3cr3t-inv/"}
    )
    said = written.getvalue()
    assert "Forbidden" in said
    assert "s3cr3t" not in said
    assert "5ecret" not in said


@pytest.mark.django_db
def test_a_line_per_call_names_the_endpoint_and_never_the_address(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="hub.calls")
    client.get("/password/Mg/reset-token-1/?token=reset-token-2", headers={"X-Request-Id": "call-8"})
    (record,) = [one for one in caplog.records if one.name == "hub.calls"]
    assert record.endpoint == "/password/{uidb64}/{token}"  # type: ignore[attr-defined]
    assert "reset-token" not in repr(record.__dict__)


def test_a_call_leaves_its_number_to_nobody_else(client: Client) -> None:
    client.get("/healthz", headers={"X-Request-Id": "call-9"})
    assert correlation.current() == ""


def test_the_supervisor_writes_json_too() -> None:
    out = io.StringIO()
    supervisor = Supervisor([ChildSpec("web", ["true"])], out=out, as_json=True)
    supervisor.say('{"message": "a line of a child"}', "web")
    supervisor.say("a word of another program", "workers")
    assert lines(out) == [
        {"process": "web", "message": "a line of a child"},
        {"process": "workers", "message": "a word of another program"},
    ]


def test_an_unknown_format_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LOG_FORMAT", "xml")
    with pytest.raises(ImproperlyConfigured, match="HUB_LOG_FORMAT"):
        env.choice("HUB_LOG_FORMAT", "text", ("text", "json"))
