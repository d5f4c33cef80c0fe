"""Whatever JSON an ERP invents, the answer is a verdict and never a crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.incoming import KNOWN, KNOWN_OF_VARIATION
from tests.api.erp import Erp
from tests.make import make_parent, make_product, make_seller, make_variation

pytestmark = pytest.mark.django_db

numbers = st.integers() | st.floats() | st.integers().map(str) | st.floats().map(str)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=30)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
pair = st.fixed_dictionaries(
    {}, optional={"key": scalars, "value": scalars, "code": scalars, "name": scalars}
)
value = scalars | anything | st.lists(pair, max_size=3)
variation = st.dictionaries(
    st.sampled_from(sorted(KNOWN_OF_VARIATION)) | st.text(max_size=5), value, max_size=6
)
product = st.dictionaries(
    st.sampled_from(sorted(KNOWN)) | st.text(max_size=5),
    value | st.lists(variation, max_size=2),
    max_size=8,
)
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def erp() -> Erp:
    erp = Erp(make_seller("Ana"))
    make_product(erp.seller, "A")
    make_variation(make_parent(erp.seller, "P"), "V")
    return erp


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@SETTINGS
@given(product)
def test_of_products(erp: Erp, said: dict[str, Any]) -> None:
    for method, path, body in (
        ("POST", "/products", {"product": {"name": "X", **said}}),
        ("PUT", "/products/A", {"product": said}),
        ("PUT", "/bulk/products", {"products": [said, {"sku": "A", **said}, said]}),
    ):
        assert erp.send(method, path, encoded(body)).status_code in {200, 201, 204, 400, 422}, body


@SETTINGS
@given(variation)
def test_of_variations_stock_and_prices(erp: Erp, said: dict[str, Any]) -> None:
    for method, path, body in (
        ("POST", "/products/P/variations", {"variation": said}),
        ("PUT", "/variations/V", {"variation": said}),
        ("PUT", "/variations/A", {"variation": said}),
        ("PUT", "/bulk/stock", {"items": [{"sku": "A", **said}, said]}),
        ("PUT", "/bulk/prices", {"items": [{"sku": "V", **said}, said]}),
        ("POST", "/categories", {"category": said}),
        ("POST", "/attributes", {"attribute": said}),
    ):
        assert erp.send(method, path, encoded(body)).status_code in {200, 201, 204, 400, 422}, body


@SETTINGS
@given(st.text(min_size=1, max_size=40), st.binary(max_size=60))
def test_of_addresses_and_bodies(erp: Erp, text: str, body: bytes) -> None:
    from urllib.parse import quote

    name = quote(text.encode(errors="replace"), safe="")
    for path in (f"/products/{name}", f"/variations/{name}", f"/categories/{name}", f"/attributes/{name}"):
        assert erp.get(path).status_code in {200, 404}
        assert erp.put(path, body).status_code in {204, 400, 404, 415, 422}
    for query in (
        f"?sku={name}",
        f"?name={name}",
        f"?filters[qty_from]={name}",
        f"?cursor={name}",
        f"?page={name}",
    ):
        assert erp.get(f"/products{query}").status_code in {200, 400}
