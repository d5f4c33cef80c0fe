"""The 43 cases of the homologation as a developer's test script: what is called, and what must come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tests.homologation.integration import Integration
from tests.orders.make import nfe_key

Case = Callable[[Integration], None]
CASES: dict[int, Case] = {}
CATEGORY = {"code": "CALC", "name": "Calçados > Feminino > Sapatilhas"}
HIDE_SECONDS = 3
"""What the server under test is set to."""
CONNECTED, REFUSED = "PANELA-BOA", "PANELA-RUIM"
"""A product on sale at the sandbox, and one the sandbox has something against."""


def case(number: int) -> Callable[[Case], Case]:
    """Register a case under its number."""

    def register(function: Case) -> Case:
        CASES[number] = function
        return function

    return register


def product(sku: str, **fields: Any) -> dict[str, Any]:
    """A product with photo and category."""
    return {
        "product": {
            "sku": sku,
            "name": f"Sapatilha {sku}",
            "status": "enabled",
            "qty": 10,
            "price": 55.22,
            "promotional_price": 50.1,
            "categories": [CATEGORY],
            "images": [f"https://img.example.com/{sku}.jpg"],
            **fields,
        }
    }


def varied(sku: str, *values: dict[str, str], **fields: Any) -> dict[str, Any]:
    """A product with one variation for each set of values."""
    body = product(sku, variation_attributes=list(values[0]), **fields)
    body["product"].pop("qty")
    body["product"]["variations"] = [
        {
            "sku": f"{sku}-{place}",
            "qty": 10,
            "specifications": [{"key": key, "value": value} for key, value in one.items()],
        }
        for place, one in enumerate(values, 1)
    ]
    return body


def answered(answer: Any, status: int) -> Any:
    """The answer, its status checked."""
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.text}"
    assert answer.headers["Content-Type"]
    return answer


def refused(answer: Any, status: int) -> str:
    """The sentence of an error answer."""
    said = answered(answer, status).json()
    assert list(said) == ["error"]
    assert isinstance(said["error"], str)
    assert said["error"]
    return str(said["error"])


# --- products --------------------------------------------------------------------------------


@case(1)
def simple(erp: Integration) -> None:
    answered(erp.post("/products", product("H1")), 201)
    assert erp.get("/products/H1").json()["images"] == ["https://img.example.com/H1.jpg"]


@case(2)
def one_variation(erp: Integration) -> None:
    answered(erp.post("/products", varied("H2", {"Cor": "Azul"})), 201)
    assert [one["sku"] for one in erp.get("/products/H2").json()["variations"]] == ["H2-1"]


@case(3)
def several_variations(erp: Integration) -> None:
    answered(erp.post("/products", varied("H3", {"Cor": "Azul"}, {"Cor": "Preto"})), 201)
    assert len(erp.get("/products/H3").json()["variations"]) == 2


@case(4)
def price_per_variation(erp: Integration) -> None:
    body = varied("H4", {"Cor": "Azul"}, {"Cor": "Preto"})
    for place, one in enumerate(body["product"]["variations"]):
        one["specifications"].append({"key": "promotional_price", "value": f"4{place}.90"})
    answered(erp.post("/products", body), 201)
    shown = erp.get("/variations/H4-2").json()["variation"]
    assert {"key": "promotional_price", "value": "41.90"} in shown["specifications"]


@case(5)
def by_size(erp: Integration) -> None:
    answered(erp.post("/products", varied("H5", {"Tamanho": "35"}, {"Tamanho": "36"})), 201)


@case(6)
def by_colour(erp: Integration) -> None:
    answered(erp.post("/products", varied("H6", {"Cor": "Azul"}, {"Cor": "Preto"})), 201)


@case(7)
def by_colour_and_size(erp: Integration) -> None:
    values = [{"Cor": "Azul", "Tamanho": "35"}, {"Cor": "Preto", "Tamanho": "36"}]
    answered(erp.post("/products", varied("H7", *values)), 201)
    assert erp.get("/products/H7").json()["variation_attributes"] == ["Cor", "Tamanho"]


@case(8)
def by_voltage(erp: Integration) -> None:
    answered(erp.post("/products", varied("H8", {"Voltagem": "110 V"}, {"Voltagem": "220 V"})), 201)


@case(9)
def crossdocking(erp: Integration) -> None:
    body = product("H9", specifications=[{"key": "CrossDocking", "value": "2"}])
    answered(erp.post("/products", body), 201)


@case(10)
def subcategory(erp: Integration) -> None:
    answered(erp.post("/products", product("H10")), 201)
    (shown,) = erp.get("/products/H10").json()["categories"]
    assert shown["name"].count(">") == 2


@case(11)
def stock(erp: Integration) -> None:
    erp.post("/products", product("H11"))
    assert erp.get("/products/H11").json()["qty"] == 10
    answered(erp.put("/products/H11", {"product": {"qty": 3}}), 204)
    assert erp.get("/products/H11").json()["qty"] == 3


@case(12)
def price(erp: Integration) -> None:
    erp.post("/products", product("H12"))
    answered(erp.put("/products/H12", {"product": {"price": 60, "promotional_price": 49.9}}), 204)
    assert erp.get("/products/H12").json()["promotional_price"] == 49.9


@case(13)
def switched_on(erp: Integration) -> None:
    erp.post("/products", product("H13", status="disabled"))
    answered(erp.put("/products/H13", {"product": {"status": "enabled"}}), 204)
    assert erp.get("/products/H13").json()["status"] == "enabled"


@case(14)
def switched_off(erp: Integration) -> None:
    erp.post("/products", product("H14"))
    answered(erp.put("/products/H14", {"product": {"status": "disabled"}}), 204)
    assert erp.get("/products/H14").json()["status"] == "disabled"


@case(15)
def deletion(erp: Integration) -> None:
    erp.post("/products", product("H15"))
    answered(erp.delete("/products/H15"), 204)
    refused(erp.get("/products/H15"), 404)


# --- orders ----------------------------------------------------------------------------------


def bought(erp: Integration, sku: str, qty: int) -> None:
    (line,) = erp.order(sku, qty)["items"]
    assert (line["id"], line["qty"], line["special_price"]) == (sku, qty, 50.1)
    assert line["product_id"] == sku.partition("-")[0]


@case(16)
def one_simple(erp: Integration) -> None:
    erp.post("/products", product("H16"))
    bought(erp, "H16", 1)


@case(17)
def several_simple(erp: Integration) -> None:
    erp.post("/products", product("H17"))
    bought(erp, "H17", 3)


@case(18)
def one_of_a_variation(erp: Integration) -> None:
    erp.post("/products", varied("H18", {"Cor": "Azul"}, {"Cor": "Preto"}))
    bought(erp, "H18-2", 1)


@case(19)
def several_of_a_variation(erp: Integration) -> None:
    erp.post("/products", varied("H19", {"Cor": "Azul"}))
    bought(erp, "H19-1", 2)


def ordered(erp: Integration, number: int, *, until: str, **fields: Any) -> str:
    """A test order that has come as far as a step; returns its code."""
    sku = f"H{number}"
    erp.post("/products", product(sku))
    code = str(erp.order(sku, **fields)["code"])
    steps: dict[str, Any] = {
        "approval": {"status": "payment_received"},
        "invoice": {"status": "order_invoiced", "invoice": {"key": nfe_key(number)}},
        "shipments": {
            "status": "order_shipped",
            "shipment": {
                "code": f"P{number}",
                "items": [{"sku": sku, "qty": 1}],
                "track": {"code": "BR123", "carrier": "Correios", "method": "PAC", "url": ""},
            },
        },
    }
    for name, body in steps.items() if until else ():
        answered(erp.step(code, name, body), 201)
        if name == until:
            break
    return code


def shown_status(erp: Integration, code: str) -> str:
    return str(answered(erp.get(f"/orders/{quote(code)}"), 200).json()["status"]["type"])


@case(20)
def invoice(erp: Integration) -> None:
    code = ordered(erp, 20, until="invoice")
    shown = erp.get(f"/orders/{quote(code)}").json()
    assert shown["status"]["type"] == "INVOICED"
    assert [one["key"] for one in shown["invoices"]] == [nfe_key(20)]


@case(21)
def shipment(erp: Integration) -> None:
    assert shown_status(erp, ordered(erp, 21, until="shipments")) == "SHIPPED"


@case(22)
def delivery(erp: Integration) -> None:
    code = ordered(erp, 22, until="shipments")
    answered(erp.step(code, "delivery", {"status": "complete", "delivered_date": "12/09/2026"}), 201)
    assert shown_status(erp, code) == "DELIVERED"


@case(23)
def cancellation(erp: Integration) -> None:
    code = ordered(erp, 23, until="approval")
    answered(erp.step(code, "cancel", []), 201)
    assert shown_status(erp, code) == "CANCELED"


@case(24)
def failed_delivery(erp: Integration) -> None:
    code = ordered(erp, 24, until="shipments")
    body = {"shipment_exception": {"occurrence_date": "2026-11-20T10:00:00-03:00", "observation": "Ausente"}}
    answered(erp.step(code, "shipment_exception", body), 201)
    assert shown_status(erp, code) == "SHIPMENT_EXCEPTION"


@case(25)
def drained(erp: Integration) -> None:
    erp.post("/products", product("H25"))
    list(erp.queue())
    for _number in range(3):
        erp.post("/orders", {"order": {"channel": "Fila", "items": [{"id": "H25", "qty": 1}]}})
    assert len(list(erp.queue())) == 3
    answered(erp.get("/queues/orders"), 204)


def grouped(erp: Integration, number: int, carrier: str) -> str:
    """An approved order in a list of its carrier; returns its remote code."""
    kind = f"b2wentrega{carrier.lower()}"
    code = ordered(erp, number, until="approval", shipping_calculation_type=kind)
    remote = code.rpartition("-")[2]
    listed = answered(erp.get("/shipments/b2w/to_group?offset=1"), 200).json()["orders"]
    assert {"code": remote, "shipping": carrier}.items() <= next(
        one for one in listed if one["code"] == remote
    ).items()
    made = answered(erp.post("/shipments/b2w", {"order_remote_codes": [remote]}), 201).json()["message"]
    plp = "".join(filter(str.isdigit, made))
    shown = answered(erp.get(f"/shipments/b2w/view?plp_id={plp}", Accept="application/json"), 200).json()
    assert str(shown["plp"]["id"]) == plp
    return remote


@case(26)
def correios(erp: Integration) -> None:
    grouped(erp, 26, "CORREIOS")


@case(27)
def direct(erp: Integration) -> None:
    grouped(erp, 27, "DIRECT")


@case(28)
def collection(erp: Integration) -> None:
    remote = grouped(erp, 28, "DIRECT")
    waiting = answered(erp.get("/shipments/b2w/collectables?requested=false&offset=1"), 200).json()["orders"]
    assert remote in [one["code"] for one in waiting]
    answered(erp.post("/shipments/b2w/confirm_collection", {"order_codes": [remote]}), 201)
    asked = erp.get("/shipments/b2w/collectables?requested=true").json()["orders"]
    assert remote in [one["code"] for one in asked]


# --- what is refused -------------------------------------------------------------------------


@case(29)
def turned_away(erp: Integration) -> None:
    for change in (
        {"X_User_Email": None},
        {"X_Api_Key": None},
        {"X_User_Email": "ninguem@example.com"},
        {"X_Api_Key": "nobody-owns-this-key"},
    ):
        refused(erp.get("/products", **change), 401)


@case(30)
def not_utf8(erp: Integration) -> None:
    body = b'{"product": {"sku": "H30", "name": "Cal\xe7ado"}}'
    refused(erp.post("/products", body, Content_Type="application/json;charset=UTF-8"), 415)


@case(31)
def not_json(erp: Integration) -> None:
    refused(erp.post("/products", b'{"product": {"sku": "H31", '), 400)


@case(32)
def a_field_is_missing(erp: Integration) -> None:
    assert "sku" in refused(erp.post("/products", {"product": {"name": "Sem SKU"}}), 400)
    assert "name" in refused(erp.post("/products", {"product": {"sku": "H32"}}), 400)


@case(33)
def unknown_status(erp: Integration) -> None:
    code = ordered(erp, 33, until="approval")
    refused(erp.step(code, "invoice", {"status": "faturado?", "invoice": {"key": nfe_key(33)}}), 422)


@case(34)
def out_of_turn(erp: Integration) -> None:
    code = ordered(erp, 34, until="")
    refused(erp.step(code, "delivery", {"status": "complete"}), 422)
    assert shown_status(erp, code) == "NEW"


@case(35)
def too_deep(erp: Integration) -> None:
    refused(erp.get("/products?page=101&per_page=100"), 400)


@case(36)
def too_many_rows(erp: Integration) -> None:
    assert len(answered(erp.get("/products?per_page=500"), 200).json()["products"]) <= 100


@case(37)
def walked(erp: Integration) -> None:
    many = [product(f"H37-{place}")["product"] for place in range(30)]
    answered(erp.put("/bulk/products", {"products": many}), 200)
    seen: list[str] = []
    path: str | None = "/products"
    while path:
        page = answered(erp.get(path), 200).json()
        seen += [one["sku"] for one in page["products"]]
        path = page["next"].removeprefix(erp.base) if page["next"] else None
    assert len(seen) == len(set(seen)) == page["total"] > 25


@case(38)
def too_many_calls(erp: Integration) -> None:
    for _attempt in range(20):
        answers = [erp.send("GET", "/products/H1", wait=False) for _call in range(12)]
        if late := [one for one in answers if one.status_code == 429]:
            refused(late[0], 429)
            assert late[0].headers["Retry-After"] == "1"
            time.sleep(float(late[0].headers["Retry-After"]))
            assert erp.get("/products/H1").status_code in (200, 404)
            return
    raise AssertionError("this machine never made twelve calls within a second")


@case(39)
def comes_again(erp: Integration) -> None:
    list(erp.queue())
    erp.post("/products", product("H39"))
    erp.post("/orders", {"order": {"channel": "Volta", "items": [{"id": "H39", "qty": 1}]}})
    first = answered(erp.get("/queues/orders"), 200).json()["code"]
    answered(erp.get("/queues/orders"), 204)
    time.sleep(HIDE_SECONDS + 0.5)
    assert answered(erp.get("/queues/orders"), 200).json()["code"] == first
    answered(erp.delete(f"/queues/orders/{quote(first)}"), 204)
    time.sleep(HIDE_SECONDS + 0.5)
    answered(erp.get("/queues/orders"), 204)


@case(40)
def two_consumers(erp: Integration) -> None:
    erp.post("/products", product("H40"))
    for _number in range(2):
        erp.post("/orders", {"order": {"channel": "Dois", "items": [{"id": "H40", "qty": 1}]}})
    codes = [answered(erp.get("/queues/orders"), 200).json()["code"] for _consumer in range(2)]
    assert len(set(codes)) == 2
    for code in codes:
        answered(erp.delete(f"/queues/orders/{quote(code)}"), 204)


@case(41)
def on_sale(erp: Integration) -> None:
    said = refused(erp.delete(f"/products/{CONNECTED}", Accept_Language="pt-BR"), 422)
    assert said == "Variação possui alguma associação. Remova as associações e tente novamente."


@case(42)
def production(erp: Integration) -> None:
    body = {"order": {"channel": "Teste", "items": [{"id": "H1", "qty": 1}]}}
    refused(erp.post("/orders", body, X_Hub_Rehearse="production"), 403)


@case(43)
def catalogue_errors(erp: Integration) -> None:
    def errors() -> list[tuple[str, str, str]]:
        found = answered(erp.get("/sync_errors/products"), 200).json()["data"]
        return [
            (row["entity_id"], category["error_category_code"], error["error_code"])
            for row in found
            for category in row["categories"]
            for error in category["errors"]
        ]

    mine = [one for one in errors() if one[0] == REFUSED]
    assert mine
    names = ("entity_id", "error_category_code", "error_code")
    body = {"errors": [dict(zip(names, one, strict=True)) for one in mine]}
    answered(erp.send("PATCH", "/sync_errors/products", body), 204)
    assert not [one for one in errors() if one[0] == REFUSED]
