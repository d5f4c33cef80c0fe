"""The life of a load and every reason to be refused."""

from __future__ import annotations

from typing import Any

import pytest

from marketplaces.simulators.sandbox.taxonomy import Taxonomy
from tests.simulators.lab import Seller, gtin, headphone, mug


def test_a_load_is_accepted_processed_and_done_as_time_goes_by(ana: Seller) -> None:
    accepted = ana.call("POST", "/v1/loads", {"items": [mug("M1")]})
    assert (accepted.status_code, accepted.json()["status"]) == (202, "accepted")
    path = f"/v1/loads/{accepted.json()['load_id']}"
    assert ana.call("GET", path).json()["status"] == "accepted"
    assert ana.read("M1")["state"] == "absent"
    ana.clock.advance(0.6)
    assert ana.call("GET", path).json()["status"] == "processing"
    ana.clock.advance(1.5)
    done = ana.call("GET", path).json()
    assert (done["status"], done["results"][0]["status"]) == ("done", "cataloguing")
    assert ana.read("M1")["state"] == "cataloguing"
    ana.clock.advance(2)
    assert ana.call("GET", path).json()["results"][0]["status"] == "published"
    assert ana.read("M1")["state"] == "live"


def test_a_load_is_its_own_accounts_affair(ana: Seller, beto: Seller) -> None:
    load = ana.call("POST", "/v1/loads", {"items": [mug("M1")]}).json()["load_id"]
    assert beto.call("GET", f"/v1/loads/{load}").status_code == 404


def test_sending_an_item_again_replaces_the_listing(ana: Seller) -> None:
    first = ana.publish(mug("M1"))["M1"]
    again = ana.load(mug("M1", title="Caneca azul", price="21.00"))["M1"]
    assert (again["status"], again["listing_id"]) == ("published", first["listing_id"])
    shown = ana.sim.listing(ana.id, "M1")
    assert (shown["title"], shown["price"], shown["creations"], shown["submissions"]) == (
        "Caneca azul",
        "21.00",
        1,
        2,
    )
    assert ana.sim.stats()["listings_created_twice"] == 0


def test_a_value_set_after_a_load_came_in_outlives_it(ana: Seller) -> None:
    ana.publish(mug("M1"))
    load = ana.call("POST", "/v1/loads", {"items": [mug("M1", price="10.00", quantity=1)]}).json()
    ana.clock.advance(0.1)
    ana.call("PUT", "/v1/prices", {"items": [{"sku": "M1", "price": "12.00"}]})
    ana.clock.advance(load["poll_after_seconds"])
    assert (ana.read("M1")["price"], ana.read("M1")["quantity"]) == ("12.00", 1)
    assert [entry["value"] for entry in ana.sim.log(ana.id, "M1", "price")] == ["19.90", "12.00"]


def test_a_refusal_leaves_what_is_on_sale_as_it_was(ana: Seller) -> None:
    ana.publish(mug("M1"))
    assert ana.codes(mug("M1", title="")) == ["SBX-TITLE-REQUIRED"]
    assert ana.read("M1")["state"] == "live"
    assert ana.read("M1")["errors"][0]["code"] == "SBX-TITLE-REQUIRED"
    ana.load(mug("M1"))
    assert ana.read("M1")["errors"] == []


def test_a_refused_item_can_be_published_later(ana: Seller) -> None:
    assert ana.codes(mug("M1", title=""))
    assert ana.read("M1")["state"] == "rejected"
    ana.publish(mug("M1"))
    assert (ana.read("M1")["state"], ana.sim.listing(ana.id, "M1")["creations"]) == ("live", 1)


def test_a_withdrawn_listing_comes_back_under_the_same_id(ana: Seller) -> None:
    first = ana.publish(mug("M1"))["M1"]["listing_id"]
    ana.call("POST", "/v1/listings/withdraw", {"skus": ["M1"]})
    assert ana.read("M1")["state"] == "withdrawn"
    assert ana.publish(mug("M1"))["M1"]["listing_id"] == first
    assert ana.read("M1")["state"] == "live"


def test_all_errors_come_at_once(ana: Seller) -> None:
    codes = ana.codes(
        headphone(
            "H1",
            title="Ré",
            description="",
            brand="",
            gtin="789",
            attributes={"cor": "Verde"},
            images=[],
            weight_kg=None,
            price="0",
            quantity=-1,
        )
    )
    assert codes == [
        "SBX-TITLE-SHORT",
        "SBX-DESCRIPTION-REQUIRED",
        "SBX-BRAND-REQUIRED",
        "SBX-GTIN-LENGTH",
        "SBX-ATTR-VALUE",
        "SBX-ATTR-REQUIRED",
        "SBX-IMAGE-MIN",
        "SBX-DIMENSION-REQUIRED",
        "SBX-PRICE-REQUIRED",
        "SBX-QUANTITY-RANGE",
    ]


def attributes(**more: str) -> dict[str, Any]:
    return {"attributes": {"cor": "Preto", "modelo": "PH-1", **more}}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"title": "Fone " + "x" * 56}, "SBX-TITLE-LONG", "title"),
        ({"title": "Fone réplica do original"}, "SBX-TITLE-FORBIDDEN", "title"),
        ({"title": "Fone PRIMEIRA-LINHA"}, "SBX-TITLE-FORBIDDEN", "title"),
        ({"description": "curto"}, "SBX-DESCRIPTION-SHORT", "description"),
        ({"description": "x" * 2001}, "SBX-DESCRIPTION-LONG", "description"),
        ({"brand": "  "}, "SBX-BRAND-REQUIRED", "brand"),
        ({"brand": "ROLEX"}, "SBX-BRAND-BLOCKED", "brand"),
        ({"gtin": ""}, "SBX-GTIN-REQUIRED", "gtin"),
        ({"gtin": "12345678901"}, "SBX-GTIN-LENGTH", "gtin"),
        ({"gtin": "7894900027014"}, "SBX-GTIN-DIGIT", "gtin"),
        ({"ncm": "8518"}, "SBX-NCM-FORMAT", "ncm"),
        ({"category_id": ""}, "SBX-CATEGORY-REQUIRED", "category_id"),
        ({"category_id": "SBX-9"}, "SBX-CATEGORY-UNKNOWN", "category_id"),
        ({"category_id": "SBX-1000"}, "SBX-CATEGORY-LEAF", "category_id"),
        (attributes(cor=""), "SBX-ATTR-REQUIRED", "attributes.cor"),
        (attributes(cor="Roxo"), "SBX-ATTR-VALUE", "attributes.cor"),
        (attributes(modelo="x"), "SBX-ATTR-SHORT", "attributes.modelo"),
        (attributes(modelo="x" * 21), "SBX-ATTR-LONG", "attributes.modelo"),
        (attributes(canais="dois"), "SBX-ATTR-NUMBER", "attributes.canais"),
        (attributes(canais="9"), "SBX-ATTR-RANGE", "attributes.canais"),
        (attributes(potencia="10 HP"), "SBX-ATTR-UNIT", "attributes.potencia"),
        (attributes(potencia="501 W"), "SBX-ATTR-RANGE", "attributes.potencia"),
        (attributes(bluetooth="talvez"), "SBX-ATTR-VALUE", "attributes.bluetooth"),
        ({"images": []}, "SBX-IMAGE-MIN", "images"),
        ({"images": ["https://a.b/1.jpg"] * 4}, "SBX-IMAGE-MAX", "images"),
        ({"images": ["ftp://a.b/1.jpg"]}, "SBX-IMAGE-URL", "images"),
        ({"images": ["https://a.b/1 2.jpg"]}, "SBX-IMAGE-URL", "images"),
        ({"images": ["https://a.b/1.gif"]}, "SBX-IMAGE-TYPE", "images"),
        ({"weight_kg": 0}, "SBX-DIMENSION-REQUIRED", "weight_kg"),
        ({"weight_kg": 500}, "SBX-DIMENSION-RANGE", "weight_kg"),
        ({"length_cm": None}, "SBX-DIMENSION-REQUIRED", "length_cm"),
        ({"price": "0.99", "list_price": None}, "SBX-PRICE-MIN", "price"),
        ({"price": "100000.01", "list_price": None}, "SBX-PRICE-OUTLIER", "price"),
        ({"price": "10.999", "list_price": None}, "SBX-PRICE-FORMAT", "price"),
        ({"price": "20", "list_price": "19.99"}, "SBX-PRICE-LIST", "list_price"),
        ({"quantity": 1_000_000}, "SBX-QUANTITY-RANGE", "quantity"),
        ({"sku": "H" * 101}, "SBX-SKU-LONG", "sku"),
    ],
)
def test_each_rule_refuses_with_its_code_and_names_the_field(
    ana: Seller, changes: dict[str, Any], code: str, field: str
) -> None:
    item = {**headphone("H1"), **changes}
    errors = ana.load(item)[item["sku"]]["errors"]
    assert [(error["code"], error["field"]) for error in errors] == [(code, field)]
    assert field.removeprefix("attributes.") in errors[0]["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        attributes(cor="preto", potencia="1,5 kW", canais="2", bluetooth="Sim"),
        attributes(potencia="10W", bluetooth="false"),
        attributes(unheard_of="dropped"),
        {"images": ["http://a.b/1.JPEG?x=1", "https://a.b/picture", "https://a.b/2.webp"]},
        {"ncm": "8518.30.00"},
        {"gtin": gtin("1789123456789"), "price": 1, "list_price": 1.5},
    ],
)
def test_what_the_rules_allow_goes_on_sale(ana: Seller, changes: dict[str, Any]) -> None:
    ana.publish(headphone("H1", **changes))


def test_another_shops_barcode_is_taken_and_can_be_associated(ana: Seller, beto: Seller) -> None:
    code = gtin("789100000000")
    ana.publish(headphone("H1", gtin=code))
    assert beto.codes(headphone("B1", gtin=code)) == ["SBX-GTIN-TAKEN"]
    query = {"queries": [{"sku": "B1", "gtin": code, "title": ""}]}
    (found,) = beto.call("POST", "/v1/catalogue/search", query).json()["results"]
    assert (found["matched_by"], found["candidates"][0]["gtin"]) == ("gtin", code)
    entry = found["candidates"][0]["catalogue_id"]
    beto.publish({"sku": "B1", "catalogue_id": entry, "price": "99.90", "quantity": 2})
    shown = beto.sim.listing(beto.id, "B1")
    assert (shown["title"], shown["price"], shown["catalogue_id"]) == ("Fone de ouvido H1", "99.90", entry)


def test_the_barcode_is_free_once_the_other_listing_is_gone(ana: Seller, beto: Seller) -> None:
    code = gtin("789100000000")
    ana.publish(headphone("H1", gtin=code))
    ana.call("POST", "/v1/listings/withdraw", {"skus": ["H1"]})
    beto.publish(headphone("B1", gtin=code))


def test_an_unknown_catalogue_entry_cannot_be_associated(ana: Seller) -> None:
    for entry in ("SBX-C99999", "nonsense", "SBX-C-1", "SBX-C٣"):
        item = {"sku": "M1", "catalogue_id": entry, "price": "9.90", "quantity": 2}
        assert ana.codes(item) == ["SBX-CATALOGUE-UNKNOWN"]


def test_the_same_title_is_refused_unless_it_is_a_variation(ana: Seller, beto: Seller) -> None:
    ana.publish(mug("M1", title="Caneca Azul"))
    assert ana.codes(mug("M2", title="CANECA  azul!")) == ["SBX-TITLE-DUPLICATE"]
    ana.publish(mug("M3", title="Caneca azul", parent_sku="M1"))
    beto.publish(mug("M2", title="Caneca azul"))
    results = ana.load(mug("N1", title="Caneca nova"), mug("N2", title="Caneca nova"))
    assert [results[sku]["status"] for sku in ("N1", "N2")] == ["cataloguing", "rejected"]


def test_the_well_known_products_are_in_the_catalogue_by_title_too(ana: Seller) -> None:
    titles = ("Coca Cola original refrigerante 2L", "guarana ANTARCTICA refrigerante 2 l", "Trator", "")
    queries = [{"sku": str(place), "title": title} for place, title in enumerate(titles)]
    found = ana.call("POST", "/v1/catalogue/search", {"queries": queries}).json()["results"]
    best = [result["candidates"][0]["title"] if result["candidates"] else None for result in found]
    assert best == ["Refrigerante Coca-Cola Original 2 L", "Refrigerante Guaraná Antarctica 2 L", None, None]
    assert [result["matched_by"] for result in found] == ["title", "title", None, None]


def test_the_catalogue_shows_a_product_only_once_it_is_on_sale(ana: Seller) -> None:
    ana.load(mug("M1"))
    query = {"queries": [{"sku": "x", "title": "Caneca M1"}]}
    assert ana.call("POST", "/v1/catalogue/search", query).json()["results"][0]["candidates"] == []
    ana.clock.advance(2)
    assert ana.call("POST", "/v1/catalogue/search", query).json()["results"][0]["candidates"]


def test_the_shipped_taxonomy_can_be_sold_in() -> None:
    taxonomy = Taxonomy()
    leaves = [node for node in taxonomy.tree if node["leaf"]]
    ids = {node["id"] for node in taxonomy.tree}
    assert len(leaves) > 50
    assert all(node["parent_id"] in ids for node in taxonomy.tree if node["parent_id"])
    for node in leaves:
        schema = taxonomy.schema(node["id"])
        assert schema is not None
        kinds = {rule["type"] for rule in schema["attributes"]}
        assert kinds <= {"text", "number", "list", "boolean", "measure"}
        assert all(rule.get("allowed") for rule in schema["attributes"] if rule["type"] == "list")
        assert all(rule.get("units") for rule in schema["attributes"] if rule["type"] == "measure")
