"""/categories and /attributes."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Attribute, Category
from tests.api.erp import Erp
from tests.make import make_category, make_product, make_seller

pytestmark = pytest.mark.django_db


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana"))


@pytest.mark.parametrize(
    "body",
    [
        {"category": {"code": "C1", "name": "Casa > Sala"}},
        {"category": [{"code": "C1", "name": "Casa > Sala"}]},
    ],
)
def test_a_category_lives(erp: Erp, body: Any) -> None:
    answer = erp.post("/categories", body)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (201, b"", "application/json")
    assert erp.get("/categories").json() == [{"code": "C1", "name": "Casa > Sala"}]
    assert erp.put("/categories/C1", {"category": {"name": "Casa"}}).status_code == 204
    assert erp.get("/categories/C1").json() == {"code": "C1", "name": "Casa"}
    assert erp.delete("/categories/C1").status_code == 204
    assert erp.get("/categories/C1").status_code == 404


def test_a_category_in_use_stays(erp: Erp) -> None:
    make_category(erp.seller, "C1")
    make_product(erp.seller, category_codes=["C1"])
    assert erp.delete("/categories/C1").status_code == 422
    assert Category.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"category": {"name": "Casa"}}, 400, "code"),
        ({"category": {"code": "C1"}}, 400, "name"),
        ({"category": {"code": "C1", "name": "  "}}, 422, "name"),
        ({"category": {"code": "c" * 256, "name": "Casa"}}, 422, "code"),
        ({"category": {"code": "C\u0000", "name": "Casa"}}, 422, "NUL"),
        ({"category": [{"code": "A", "name": "A"}, {"code": "B", "name": "B"}]}, 400, "category"),
        ({}, 400, "category"),
    ],
)
def test_a_bad_category_is_refused(erp: Erp, body: Any, status: int, named: str) -> None:
    answer = erp.post("/categories", body)
    assert answer.status_code == status
    assert named in answer.json()["error"]
    assert not Category.objects.exists()


def test_an_attribute_lives(erp: Erp) -> None:
    body = {"attribute": {"name": "cor", "label": "Cor", "options": ["Azul", 42]}}
    assert erp.post("/attributes", body).status_code == 201
    assert erp.get("/attributes/").json() == [{"name": "cor", "label": "Cor", "options": ["Azul", "42"]}]
    assert erp.put("/attributes/cor", {"attribute": {"label": "Cor principal"}}).status_code == 204
    assert erp.get("/attributes/cor").json() == {
        "name": "cor",
        "label": "Cor principal",
        "options": ["Azul", "42"],
    }
    assert erp.post("/attributes", {"attribute": {"name": "cor", "label": "Tom"}}).status_code == 201
    assert Attribute.objects.get().label == "Tom"


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"attribute": {"label": "Cor"}}, 400, "name"),
        ({"attribute": {"name": "cor", "options": "Azul"}}, 422, "options"),
        ({"attribute": {"name": "cor", "label": {"pt": "Cor"}}}, 422, "label"),
        ({"name": "cor"}, 400, "attribute"),
    ],
)
def test_a_bad_attribute_is_refused(erp: Erp, body: Any, status: int, named: str) -> None:
    answer = erp.post("/attributes", body)
    assert answer.status_code == status
    assert named in answer.json()["error"]


def test_the_unknown_and_the_foreign_are_404(erp: Erp) -> None:
    make_category(erp.seller, "C1")
    Attribute.objects.create(seller=erp.seller, name="cor")
    stranger = Erp(make_seller("Beto"))
    for answer in (
        erp.get("/categories/NONE"),
        erp.put("/categories/NONE", {"category": {"name": "X"}}),
        erp.delete("/categories/NONE"),
        erp.get("/attributes/NONE"),
        erp.put("/attributes/NONE", {"attribute": {"label": "X"}}),
        stranger.get("/categories/C1"),
        stranger.put("/categories/C1", {"category": {"name": "X"}}),
        stranger.delete("/categories/C1"),
        stranger.get("/attributes/cor"),
        stranger.put("/attributes/cor", {"attribute": {"label": "X"}}),
    ):
        assert answer.status_code == 404
    assert stranger.get("/categories").json() == []
    assert stranger.get("/attributes").json() == []
