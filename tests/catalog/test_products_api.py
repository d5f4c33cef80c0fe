"""/products as SkyHub's clients use it."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Product, Variation
from tests.api.erp import Erp
from tests.make import make_seller

pytestmark = pytest.mark.django_db

LAMP = {
    "sku": "LAMP",
    "name": "Luminária de mesa",
    "description": "<p>LED</p>",
    "status": "enabled",
    "qty": 7,
    "price": 120.0,
    "promotional_price": 99.9,
    "cost": 60,
    "weight": 1.25,
    "height": 40,
    "width": 20,
    "length": 20,
    "brand": "Lumi",
    "ean": "7891000315507",
    "nbm": "94052000",
    "crossdocking": 2,
    "categories": [{"code": "C1", "name": "Casa > Iluminação"}],
    "images": ["https://img.example.com/lamp.jpg"],
    "specifications": [{"key": "Voltagem", "value": "Bivolt"}],
}


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana"))


def test_a_posted_product_is_read_back_as_it_was_sent(erp: Erp) -> None:
    answer = erp.post("/products", {"product": LAMP})
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer["Content-Type"] == "application/json"

    assert erp.get("/products/LAMP").json() == {
        **LAMP,
        "removed": False,
        "condition_type": None,
        "variations": [],
        "variation_attributes": [],
        "associations": [],
    }
