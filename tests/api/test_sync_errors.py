"""/sync_errors: what is wrong with products and orders, in SkyHub's form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from catalog.models import Variation
from marketplaces import states
from marketplaces.contract import Facet, Issue, IssueKind
from marketplaces.models import Connection, Listing
from marketplaces.models import Issue as StoredIssue
from marketplaces.simulators.sandbox import SandboxSimulator
from orders import outbound, repeats, services
from orders.models import Notice
from tests.api.erp import Erp
from tests.api.test_conventions import error_of
from tests.make import make_product, make_seller
from tests.marketplaces.shop import FAST, Shop, change_product, open_shop
from tests.orders.make import invoice_note, make_connection, remote_order

pytestmark = pytest.mark.django_db

LINK, PRODUCTION, ORDERS = "link_sandbox_products", "sandbox_products_production", "sync_order_skyhub_to_mtkp"


@pytest.fixture
def erp(db: None) -> Erp:
    return Erp(make_seller("Ana"))


@pytest.fixture
def connection(erp: Erp) -> Connection:
    return make_connection(erp.seller)


@pytest.fixture
def stranger(db: None) -> Erp:
    return Erp(make_seller("Beto"))


@pytest.fixture
def sandbox() -> Iterator[SandboxSimulator]:
    with SandboxSimulator(settings=FAST) as simulator:
        yield simulator


def refuse(connection: Connection, sku: str, *issues: Issue, facet: Facet = Facet.CONTENT) -> None:
    """Let our check or the marketplace refuse a SKU, which is made where there is none."""
    found = Variation.objects.filter(seller_id=connection.seller_id, sku=sku).first()
    variation = found or make_product(connection.seller, sku).variations.get()
    listing, _made = Listing.objects.get_or_create(
        seller_id=connection.seller_id, connection=connection, variation=variation
    )
    refusal = states.Refusal(listing.pk, None, 1, issues)
    states.open_issues(connection.seller_id, connection.pk, facet, StoredIssue.Origin.MARKETPLACE, [refusal])


def refuse_notice(connection: Connection, remote_id: str, words: str = "Nota fora do prazo") -> Notice:
    """Let the marketplace refuse an order's invoice, through the code that does it in a lane."""
    order = services.import_order(connection, remote_order(remote_id, "APPROVED")).order
    services.invoice(connection.seller, order.code, invoice=invoice_note())
    notice = Notice.objects.get(order=order)
    outbound._refused(notice, outbound.Refused(words))
    return notice


def ignore(erp: Erp, what: str, *entries: dict[str, Any]) -> Any:
    return erp.send("PATCH", f"/sync_errors/{what}", {"errors": list(entries)})


BRAND = Issue(IssueKind.REQUIRED, "brand")
BARCODE = Issue(IssueKind.GTIN_INVALID, "ean", "SBX-301", "EAN não confere", {"value": "789"})


@pytest.mark.django_db(transaction=True)
def test_a_refused_product_is_told_ignored_and_told_again(sandbox: SandboxSimulator) -> None:
    shop: Shop = open_shop(sandbox, "Ana")
    erp = Erp(shop.seller)
    wrong = shop.sell("PAN-2", brand="", ean="7891234567890")
    shop.connect()

    page = erp.get("/sync_errors/products").json()
    assert page["errors_qty"] == 1
    (entity,) = page["data"]
    assert (entity["entity_id"], entity["sku"]) == ("PAN-2", "PAN-2")
    (category,) = entity["categories"]
    assert category["error_category_code"] == LINK
    told = {one["error_code"]: one for one in category["errors"]}
    assert set(told) == {"empty_brand", "invalid_ean"}
    assert "7891234567890" in told["invalid_ean"]["message"]
    assert datetime.fromisoformat(told["empty_brand"]["last_occurrence"]).utcoffset() is not None

    gone = {"entity_id": "PAN-2", "error_category_code": LINK, "error_code": "empty_brand"}
    assert ignore(erp, "products", gone).status_code == 204
    (entity,) = erp.get("/sync_errors/products").json()["data"]
    assert [one["error_code"] for one in entity["categories"][0]["errors"]] == ["invalid_ean"]
    ignore(erp, "products", {"entity_id": "PAN-2", "error_category_code": LINK})
    assert erp.get("/sync_errors/products").json() == {"errors_qty": 0, "data": []}

    change_product(wrong, name="Panela de pressão nova 4,5 litros")
    shop.send_again()
    (entity,) = erp.get("/sync_errors/products").json()["data"]
    assert len(entity["categories"][0]["errors"]) == 2


def test_the_marketplaces_own_code_and_words_are_told(erp: Erp, connection: Connection) -> None:
    refuse(connection, "A", BARCODE)
    refuse(
        connection, "A", Issue(IssueKind.PRICE_SUSPICIOUS, "price", "SBX-9", "Muito alto"), facet=Facet.PRICE
    )
    (entity,) = erp.get("/sync_errors/products").json()["data"]
    told = {one["error_category_code"]: one["errors"] for one in entity["categories"]}
    assert set(told) == {LINK, PRODUCTION}
    assert told[LINK][0]["error_code"] == "SBX-301"
    assert told[LINK][0]["message"].endswith(": EAN não confere")
    assert told[PRODUCTION][0]["error_code"] == "SBX-9"


@pytest.mark.parametrize(
    ("query", "skus"),
    [
        ("", ["A", "B"]),
        ("entity_id=B", ["B"]),
        ("entity_id=NONE", []),
        ("entity_id=%00", ["A", "B"]),
        (f"error_category_code={LINK}", ["A"]),
        (f"error_category_code={PRODUCTION}", ["B"]),
        ("error_category_code=link_other_products", []),
        (f"error_category_code={ORDERS}", []),
        ("offset=1", ["B"]),
        ("offset=50", []),
    ],
)
def test_products_are_narrowed_by_category_and_sku(
    erp: Erp, connection: Connection, query: str, skus: list[str]
) -> None:
    refuse(connection, "A", BRAND)
    refuse(connection, "B", Issue(IssueKind.OTHER, code="X", message="no"), facet=Facet.STOCK)
    page = erp.get(f"/sync_errors/products?{query}").json()
    assert [one["entity_id"] for one in page["data"]] == skus
    assert page["errors_qty"] == len(skus)


def test_a_page_has_fifty_products_and_the_last_one_fewer(erp: Erp, connection: Connection) -> None:
    for number in range(53):
        refuse(connection, f"S{number:02d}", BRAND, BARCODE)
    first = erp.get("/sync_errors/products?offset=0").json()
    second = erp.get("/sync_errors/products?offset=50").json()
    assert (first["errors_qty"], second["errors_qty"]) == (50, 3)
    skus = [one["entity_id"] for one in first["data"] + second["data"]]
    assert skus == [f"S{number:02d}" for number in range(53)]


@pytest.mark.parametrize("what", ["products", "orders"])
@pytest.mark.parametrize("offset", ["x", "-1", "1.5", "10000", "9" * 30, "²"])
def test_a_bad_offset_is_a_400(erp: Erp, what: str, offset: str) -> None:
    error_of(erp.get(f"/sync_errors/{what}?offset={offset}"), 400)


def test_a_refused_notice_is_told_ignored_and_told_again(erp: Erp, connection: Connection) -> None:
    notice = refuse_notice(connection, "P-1")
    code = notice.order.code
    page = erp.get("/sync_errors/orders").json()
    (entity,) = page["data"]
    assert (page["errors_qty"], entity["entity_id"]) == (1, code)
    (category,) = entity["categories"]
    assert category["error_category_code"] == ORDERS
    (error,) = category["errors"]
    assert error["error_code"] == "invoice_refused"
    assert "Nota fora do prazo" in error["message"]
    assert error["last_occurrence"]
    assert erp.get(f"/sync_errors/orders?entity_id={code}").json()["errors_qty"] == 1
    assert erp.get("/sync_errors/orders?entity_id=P-1").json()["errors_qty"] == 0
    assert erp.get(f"/sync_errors/orders?error_category_code={LINK}").json()["errors_qty"] == 0

    assert ignore(erp, "orders", {"entity_id": code, "error_category_code": ORDERS}).status_code == 204
    assert erp.get("/sync_errors/orders").json()["data"] == []

    repeats.tell_again(erp.seller, notice.pk)
    outbound._refused(Notice.objects.get(), outbound.Refused("Ainda não"))
    (entity,) = erp.get("/sync_errors/orders").json()["data"]
    assert entity["categories"][0]["errors"][0]["message"].endswith("Ainda não")


def test_categories_name_each_kind_of_error_with_its_way_out(erp: Erp, connection: Connection) -> None:
    refuse(
        connection, "A", Issue(IssueKind.NOT_ALLOWED, "brand", params={"value": "x", "allowed": ["<b>", "c"]})
    )
    refuse(
        connection, "B", Issue(IssueKind.NOT_ALLOWED, "brand", params={"value": "y", "allowed": ["<b>", "c"]})
    )
    found = erp.get("/sync_errors/categories").json()
    assert [(one["code"], one["entity_type"]) for one in found] == [
        (LINK, "products"),
        (PRODUCTION, "products"),
        (ORDERS, "orders"),
    ]
    (kind,) = found[0]["error_types"]
    assert kind["code"] == "not_allowed_brand"
    assert kind["name"]
    assert kind["solution"].startswith("<p>")
    assert "&lt;b&gt;" in kind["solution"]
    assert found[1]["error_types"] == []
    assert "invoice_refused" in {one["code"] for one in found[2]["error_types"]}
    for one in found:
        assert erp.get(f"/sync_errors/categories/{one['code']}").json() == one


def test_every_error_told_is_among_the_kinds_of_its_category(erp: Erp, connection: Connection) -> None:
    refuse(connection, "A", *(Issue(kind, "name", params={"limit": 3, "value": 4}) for kind in IssueKind))
    kinds = {one["code"] for one in erp.get(f"/sync_errors/categories/{LINK}").json()["error_types"]}
    (entity,) = erp.get("/sync_errors/products").json()["data"]
    codes = [one["error_code"] for one in entity["categories"][0]["errors"]]
    assert set(codes) == kinds
    assert len(codes) == len(set(codes)) == len(IssueKind)
    assert {"empty_name", "ean_null", "invalid_ean"} <= kinds


@pytest.mark.parametrize("code", ["link_other_products", "x", "%00"])
def test_an_unknown_category_is_a_404(erp: Erp, connection: Connection, code: str) -> None:
    error_of(erp.get(f"/sync_errors/categories/{code}"), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"errors": []}, 400),
        ({"errors": "A"}, 422),
        ({"errors": ["A"]}, 422),
        ({"errors": [{"entity_id": "A"}]}, 422),
        ({"errors": [{"error_category_code": LINK}]}, 422),
        ({"errors": [{"entity_id": {}, "error_category_code": LINK}]}, 422),
        ({"errors": [{"entity_id": "A", "error_category_code": "none"}]}, 422),
        ({"errors": [{"entity_id": "A", "error_category_code": LINK, "error_code": 1.5}]}, 422),
        (b"{", 400),
    ],
)
@pytest.mark.parametrize("what", ["products", "orders"])
def test_a_bad_request_to_ignore_hides_nothing(
    erp: Erp, connection: Connection, what: str, body: Any, status: int
) -> None:
    refuse(connection, "A", BRAND)
    error_of(erp.send("PATCH", f"/sync_errors/{what}", body), status)
    assert erp.get("/sync_errors/products").json()["errors_qty"] == 1


def test_ignoring_what_is_not_open_any_more_is_no_error(erp: Erp, connection: Connection) -> None:
    refuse(connection, "A", BRAND)
    for gone in ("NONE", "A"):
        entry = {"entity_id": gone, "error_category_code": LINK, "error_code": "other"}
        assert ignore(erp, "products", entry).status_code == 204
    assert ignore(erp, "orders", {"entity_id": "X-1", "error_category_code": ORDERS}).status_code == 204
    assert erp.get("/sync_errors/products").json()["errors_qty"] == 1


def test_a_stranger_sees_and_hides_nothing(erp: Erp, connection: Connection, stranger: Erp) -> None:
    refuse(connection, "A", BRAND)
    code = refuse_notice(connection, "P-1").order.code
    make_connection(stranger.seller)
    assert stranger.get("/sync_errors/products").json()["data"] == []
    assert stranger.get("/sync_errors/orders").json()["data"] == []
    assert stranger.get(f"/sync_errors/categories/{LINK}").json()["error_types"] == []
    ignore(stranger, "products", {"entity_id": "A", "error_category_code": LINK})
    ignore(stranger, "orders", {"entity_id": code, "error_category_code": ORDERS})
    assert erp.get("/sync_errors/products").json()["errors_qty"] == 1
    assert erp.get("/sync_errors/orders").json()["errors_qty"] == 1
