"""The API's description is complete, and its examples do not lie."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import polib
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from hub.api.examples import NOWHERE
from tests.api.document import Operation, faults, operation, operations, resolved
from tests.api.erp import Erp
from tests.api.example_seller import make_example_seller
from tests.orders.make import nfe_xml
from tests.processes import PROJECT

pytestmark = pytest.mark.django_db

DONE = ("200", "201", "202", "204")
SAID_ELSEWHERE = (
    "Variação possui alguma associação. Remova as associações e tente novamente.",
    "Região de entrega não atendida",
    "Não foi possível satisfazer a requisição do cabeçalho Accept.",
)
"""Sentences the code has in Portuguese, and one of DRF's."""


@pytest.fixture
def erp() -> Erp:
    return Erp(make_example_seller())


every = pytest.mark.parametrize("one", operations(), ids=str)


@every
def test_an_operation_is_described_whole(one: Operation) -> None:
    assert one.said["tags"]
    assert one.said.get("summary") or one.said["description"]
    assert "X-Request-Id" in {each["name"] for each in one.parameters("header")}
    assert all(each.get("description") or each["schema"].get("enum") for each in one.parameters("query"))
    assert all("example" in each for each in one.parameters("path"))
    assert bool(one.bodies) == ("requestBody" in one.said)
    for status, answer in one.answers():
        assert "X-Request-Id" in answer["headers"], status
        json = answer.get("content", {}).get("application/json")
        assert json is None or "example" in json, status
        if status >= "400":
            assert json, status


@every
def test_an_operation_states_its_limit(one: Operation) -> None:
    statuses = dict(one.answers())
    if str(one) == "auth":
        # Whoever asks for a token has not said yet for whom.
        assert "429" not in statuses
        return
    limit = one.said["x-rate-limit"]
    group = one.path.split("/")[1]
    table = settings.HUB_RATE_TABLE
    assert limit["calls"] == table.get(f"{one.method} {group}", table.get(group, table["others"]))
    assert "Retry-After" in statuses["429"]["headers"]
    assert all("X-RateLimit-Remaining" in statuses[done]["headers"] for done in DONE if done in statuses)


@every
def test_examples_of_answers_have_the_described_shape(one: Operation) -> None:
    for status, answer in one.answers():
        for content in answer.get("content", {}).values():
            if "example" in content:
                assert faults(content["schema"], content["example"]) == [], status


@every
def test_examples_of_bodies_have_the_described_shape(one: Operation) -> None:
    if one.bodies:
        (content, *_others) = one.said["requestBody"]["content"].values()
        for title, body in one.bodies.items():
            assert faults(content["schema"], body) == [], title


def test_errors_are_told_in_the_apis_own_portuguese() -> None:
    catalogue = polib.pofile(str(Path(settings.LOCALE_PATHS[0]) / "pt_BR/LC_MESSAGES/django.po"))
    # A translation that is little more than its parameters would fit any sentence.
    told = [entry.msgstr for entry in catalogue if len(re.sub(r"%\(\w+\)s", "", entry.msgstr)) > 10]
    patterns = [re.sub(r"%\\\((\w+)\\\)s", ".+", re.escape(text)) for text in (*told, *SAID_ELSEWHERE)]
    known = re.compile("|".join(patterns))
    for one in operations():
        for status, answer in one.answers():
            if status >= "400":
                sentence = answer["content"]["application/json"]["example"]["error"]
                assert known.fullmatch(sentence), (str(one), status, sentence)


def test_a_hub_set_to_other_answers_describes_those() -> None:
    written = subprocess.run(
        [sys.executable, "manage.py", "spectacular", "--format", "openapi-json"],
        cwd=PROJECT,
        env={**os.environ, "HUB_STEP_STATUS": "invoice=204"},
        capture_output=True,
        check=True,
    )
    answers = {
        path: {status for status in methods["post"]["responses"] if status in DONE}
        for path, methods in json.loads(written.stdout)["paths"].items()
        if "post" in methods
    }
    assert answers["/orders/{code}/invoice"] == {"204"}
    assert answers["/orders/{code}/shipments"] == {"201"}


def test_no_example_is_left_over() -> None:
    statuses = {str(one): set(one.said["responses"]) for one in operations()}
    for module in PACKAGES:
        for name, example in import_module(f"{module}.examples").EXAMPLES.items():
            assert {str(status) for status in example.errors} <= statuses[name], name


PACKAGES = (
    "hub.homologation",
    "catalog.api",
    "marketplaces.api",
    "marketplaces.callbacks",
    "orders",
    "orders.freight",
    "orders.shipping",
)


NOT_IN_THIS_ACCOUNT = {
    # The key of an account cannot be known beforehand; a test of its own sends a real one.
    ("auth", "An account"),
}
"""Bodies that this seller cannot send as they stand."""


def calls() -> list[Any]:
    found = [(one, title, body) for one in operations() for title, body in (one.bodies or {"": None}).items()]
    return [
        pytest.param(one, body, id=f"{one}-{title.replace(' ', '_')}" if title else str(one))
        for one, title, body in found
        if (str(one), title) not in NOT_IN_THIS_ACCOUNT
    ]


@pytest.mark.parametrize(("one", "body"), calls())
def test_an_example_can_be_sent_and_is_answered_as_described(erp: Erp, one: Operation, body: Any) -> None:
    query = "&".join(
        f"{each['name']}={each['example']}" for each in one.parameters("query") if "example" in each
    )
    answer = erp.send(one.method, f"{one.address()}?{query}", body)
    check(one, answer)
    assert str(answer.status_code) in DONE, answer.content


def of_one_thing() -> tuple[Operation, ...]:
    return tuple(one for one in operations() if one.parameters("path"))


NOT_THERE = {"loads_get": "99", "loads_items": "99"}
"""Addresses that take numbers only."""


@pytest.mark.parametrize("one", of_one_thing(), ids=str)
def test_what_is_not_there_is_told_as_in_the_example(erp: Erp, one: Operation) -> None:
    nobodys = NOT_THERE.get(str(one), NOWHERE)
    body = next(iter(one.bodies.values()), None)
    answer = erp.send(
        one.method, one.address(**{each["name"]: nobodys for each in one.parameters("path")}), body
    )
    assert answer.status_code == 404, answer.content
    assert answer.json() == dict(one.answers())["404"]["content"]["application/json"]["example"]


@pytest.mark.parametrize("kind", ["application/pdf", "application/zip"])
@pytest.mark.parametrize("name", ["shipments_view", "orders_shipment_labels"])
def test_labels_come_as_described(erp: Erp, name: str, kind: str) -> None:
    one = operation(name)
    answer = erp.get(f"{one.address()}?plp_id=14", Accept=kind)
    if kind in dict(one.answers())["200"]["content"]:
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    else:
        assert answer.status_code == 406
    check(one, answer)


def test_an_invoice_can_be_sent_as_the_described_form(erp: Erp) -> None:
    one = operation("orders_invoice")
    form = resolved(one.said["requestBody"]["content"]["multipart/form-data"]["schema"])
    said = {"file": SimpleUploadedFile("nfe.xml", nfe_xml(1001).encode(), "text/xml"), "volume_qty": "1"}
    said |= {"status": "order_invoiced", "issue_date": "2026-03-02T11:45:00-03:00"}
    assert said.keys() == form["properties"].keys()
    answer = Client().post(one.address(), said, headers=erp.headers)
    assert answer.status_code == 201, answer.content
    check(one, answer)


def test_a_token_is_given_as_described(erp: Erp) -> None:
    one = operation("auth")
    (body,) = one.bodies.values()
    mine = {"user_email": erp.headers["X-User-Email"], "api_key": erp.headers["X-Api-Key"]}
    assert body.keys() == mine.keys()
    answer = erp.post("/auth", mine)
    assert answer.status_code == 200
    check(one, answer)


def check(one: Operation, answer: Any) -> None:
    """Compare an answer with what is described for its status."""
    described = dict(one.answers()).get(str(answer.status_code))
    assert described, (answer.status_code, answer.content)
    content = described.get("content", {})
    if not content:
        assert not answer.content
        return
    kind = answer["Content-Type"].partition(";")[0]
    if kind == "application/json":
        assert faults(content[kind]["schema"], answer.json()) == []
    else:
        assert kind in content
    for name, header in described["headers"].items():
        if name in answer.headers and resolved(header)["schema"]["type"] == "integer":
            assert answer.headers[name].isdigit()
