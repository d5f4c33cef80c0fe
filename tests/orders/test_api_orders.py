"""The order API as ERPs call it: every endpoint happy, bad, foreign and unknown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from hub.models import Seller
from marketplaces.models import Connection
from orders import schema, services
from orders.models import Notice, Order, QueueEntry
from tests.orders import make

pytestmark = pytest.mark.django_db

TEST_ORDER: dict[str, Any] = {
    "order": {
        "channel": "loja-de-pecas",
        "items": [{"id": "CAMISA-P", "qty": 2}],
        "customer": {"name": "Bruno santos", "email": "exemplo@skyhub.com.br", "phones": ["21 3722-3902"]},
        "billing_address": {
            "street": "Rua Fidencio Ramos",
            "number": 302,
            "post_code": "04551101",
            "detail": "foo",
        },
        "shipping_address": {"street": "Rua Sacadura Cabral", "number": "130", "postcode": "20081262"},
        "shipping_method": "Correios PAC",
        "estimated_delivery": "2017-02-11",
        "shipping_cost": 15.32,
        "interest": 3.54,
        "discount": 0,
    }
}


def url(code: str, step: str = "") -> str:
    return f"/orders/{quote(code)}{step}"


@pytest.fixture
def order(ana: Seller, connection: Connection) -> Order:
    """An approved order of Ana's, its code with a blank and a hyphen."""
    imported = services.import_order(connection, make.remote_order("P-77-01", "APPROVED"))
    assert imported.order.code == "Lojas Sandbox-P-77-01"
    return imported.order


def post(client: APIClient, path: str, body: Any = None) -> Any:
    return client.post(path, body, format="json")


def invoice_body(number: int = 1, **extra: Any) -> dict[str, Any]:
    return {"status": "order_invoiced", "invoice": {"key": make.nfe_key(number), **extra}}


def test_a_test_order_appears_in_the_queue_with_catalogue_names_and_prices(erp: APIClient) -> None:
    answer = post(erp, "/orders", TEST_ORDER)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer["Content-Type"].startswith("application/json")

    taken = erp.get("/queues/orders")
    assert taken.status_code == 200
    data = taken.json()
    assert data["code"] == f"loja-de-pecas-{data['import_info']['remote_code']}"
    assert data["channel"] == "loja-de-pecas"
    assert data["status"] == {
        "code": "book_product",
        "label": "Pagamento Pendente (SkyHub)",
        "type": "NEW",
    }
    item = data["items"][0]
    assert (item["id"], item["product_id"], item["qty"]) == ("CAMISA-P", "CAMISA", 2)
    assert (item["name"], item["original_price"], item["special_price"]) == ("Produto CAMISA", 55.22, 50.1)
    assert data["total_ordered"] == pytest.approx(2 * 50.1 + 15.32 + 3.54)
    assert data["estimated_delivery"] == "2017-02-10T22:00:00-02:00"
    assert data["billing_address"]["postcode"] is None
    assert data["billing_address"]["full_name"] == "Bruno santos"
    assert (data["billing_address"]["number"], data["billing_address"]["detail"]) == ("302", "foo")
    assert data["shipping_address"]["postcode"] == "20081262"
    assert data["approved_date"] == data["shipped_date"] == ""
    assert data["sync_status"] == "NOT_SYNCED"


NO_SOURCE = ("promotions", "coupon")
"""Parts of SkyHub's order that no marketplace of the hub tells: described, and empty."""


def test_every_field_of_the_order_is_described_and_every_described_field_is_there(
    erp: APIClient, order: Order
) -> None:
    post(erp, url(order.code, "/invoice"), invoice_body())
    post(erp, url(order.code, "/shipments"), {"shipment": {"code": "1", "items": [{"sku": "S1", "qty": 1}]}})
    data = erp.get(url(order.code)).json()

    def compare(found: Any, described: Any, path: str) -> None:
        fields = described.get_fields()
        assert set(found) == set(fields), path
        for name, field in fields.items():
            inner = getattr(field, "child", field)
            if name in NO_SOURCE:
                assert not found[name]
            elif hasattr(inner, "get_fields"):
                values = found[name] if isinstance(found[name], list) else [found[name]]
                assert values, f"{path}.{name} is empty, so nothing was compared"
                for value in values:
                    compare(value, inner, f"{path}.{name}")

    compare(data, schema.OrderSchema(), "order")


def test_times_carry_the_offset_of_brasilia_and_amounts_are_numbers(erp: APIClient, order: Order) -> None:
    data = erp.get(url(order.code)).json()
    assert data["placed_at"] == "2026-03-02T10:30:00-03:00"
    assert data["approved_date"] == "2026-03-02T10:30:00-03:00"
    assert data["total_ordered"] == 110.2
    assert data["payments"][0]["method"] == "CREDIT_CARD"
    assert data["payments"][0]["value"] == 110.2
    assert data["import_info"] == {
        "ss_name": "Lojas Sandbox",
        "remote_id": "P-77-01",
        "remote_code": "P-77-01",
    }


def test_an_order_goes_all_the_way(erp: APIClient, order: Order) -> None:
    assert (
        post(erp, url(order.code, "/invoice"), invoice_body(issue_date="2026-03-02T14:00:00-03:00")).content
        == b""
    )
    shipped = {
        "status": "order_shipped",
        "shipment": {
            "code": "PACOTE-1",
            "items": [{"sku": "S1", "qty": 2}],
            "track": {"code": "BR1", "carrier": "Correios", "method": "SEDEX", "url": "correios.com.br"},
        },
    }
    assert post(erp, url(order.code, "/shipments"), shipped).status_code == 201
    problem = {
        "shipment_exception": {"occurrence_date": "2026-03-05T10:00:00-03:00", "observation": "Ausente"}
    }
    assert post(erp, url(order.code, "/shipment_exception"), problem).status_code == 201
    assert erp.get(url(order.code)).json()["status"]["type"] == "SHIPMENT_EXCEPTION"
    delivered = {"status": "complete", "delivered_date": "12/03/2026"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: make.PLACED + timedelta(days=30))
        assert post(erp, url(order.code, "/delivery"), delivered).status_code == 201
    data = erp.get(url(order.code)).json()
    assert data["status"]["type"] == "DELIVERED"
    assert data["delivered_date"] == "2026-03-12T00:00:00-03:00"
    assert data["invoices"][0]["key"] == make.nfe_key()
    assert data["invoices"][0]["issue_date"] == "2026-03-02T14:00:00-03:00"
    assert data["shipments"][0]["tracks"] == [
        {"code": "BR1", "carrier": "Correios", "method": "SEDEX", "url": "correios.com.br"}
    ]
    assert data["shipments"][0]["items"] == [{"sku": "S1", "qty": 2}]


def test_what_a_step_answers_can_be_set_for_each_of_them(erp: APIClient, order: Order, settings: Any) -> None:
    settings.HUB_STEP_STATUS = {**settings.HUB_STEP_STATUS, "invoice": 204}
    assert post(erp, url(order.code, "/invoice"), invoice_body()).status_code == 204
    assert post(erp, url(order.code, "/shipments"), {"status": "order_shipped"}).status_code == 201


def test_repeating_every_step_changes_nothing(erp: APIClient, order: Order) -> None:
    steps = [
        ("/invoice", invoice_body()),
        ("/shipments", {"shipment": {"code": "1", "track": {"code": "BR1"}}}),
        ("/delivery", {}),
    ]
    for step, body in steps:
        for _again in range(3):
            assert post(erp, url(order.code, step), body).status_code == 201
    order.refresh_from_db()
    assert (order.invoices.count(), order.shipments.count()) == (1, 1)
    assert sorted(order.notices.values_list("action", flat=True)) == ["delivery", "invoice", "shipment"]


@pytest.mark.parametrize("body", ["[]", "null", "", "{}"])
def test_php_s_empty_bodies_are_fine_where_no_data_are_needed(
    erp: APIClient, order: Order, body: str
) -> None:
    answer = erp.post(url(order.code, "/cancel"), body, content_type="application/json")
    assert answer.status_code == 201
    assert erp.get(url(order.code)).json()["status"]["type"] == "CANCELED"


def test_items_beside_the_shipment_are_understood(erp: APIClient, order: Order) -> None:
    post(erp, url(order.code, "/invoice"), invoice_body())
    body = {"items": [{"sku": "S1", "qty": 1}], "shipment": {"code": "1"}, "status": "order_shipped"}
    assert post(erp, url(order.code, "/shipments"), body).status_code == 201
    assert erp.get(url(order.code)).json()["shipments"][0]["items"] == [{"sku": "S1", "qty": 1}]


def test_a_custom_status_moves_the_order_as_its_type_says(erp: APIClient, order: Order) -> None:
    made = post(erp, "/statuses", {"status": {"code": "11", "label": "Faturado ERP", "type": "INVOICED"}})
    assert made.status_code == 201
    body = {"status": "11", "invoice": {"key": make.nfe_key()}}
    assert post(erp, url(order.code, "/invoice"), body).status_code == 201
    assert erp.get(url(order.code)).json()["status"] == {
        "code": "11",
        "label": "Faturado ERP",
        "type": "INVOICED",
    }


@pytest.mark.parametrize(
    ("step", "body", "status", "word"),
    [
        ("/invoice", {}, 422, "invoice.key"),
        ("/invoice", {"invoice": {"issue_date": "2026-01-01"}}, 400, "invoice.key"),
        ("/invoice", {"invoice": {"key": "123"}}, 422, "44"),
        ("/invoice", {"invoice": "x"}, 422, "invoice"),
        ("/invoice", invoice_body(volume_qty=99), 422, "99"),
        ("/invoice", invoice_body(issue_date="ontem"), 422, "issue_date"),
        ("/invoice", invoice_body(issue_date="2100-01-02T00:00:00-03:00"), 422, "31/12/2099"),
        ("/invoice", invoice_body(issue_date="1999-12-31"), 422, "01/01/2000"),
        ("/invoice", {**invoice_body(), "status": "nope"}, 422, "nope"),
        ("/invoice", {**invoice_body(), "status": "complete"}, 422, "complete"),
        ("/shipments", {}, 422, ""),
        ("/shipments", {"shipment": {"code": "1", "track": {"code": "B"}}}, 422, "Lojas Sandbox-P-77-01"),
        ("/shipments", {"shipment": {"items": [{"sku": "S1", "qty": 0}]}}, 422, "qty"),
        ("/shipments", {"shipment": {"track": {"url": "http://x/" + "y" * 200}}}, 422, "200"),
        ("/delivery", {}, 422, "APPROVED"),
        ("/delivery", {"delivered_date": "31/02/2026"}, 422, "delivered_date"),
        ("/delivery", {"delivered_date": "31/12/2999"}, 422, "delivered_date"),
        ("/delivery", {"delivered_date": f"{'9' * 30}/01/2026"}, 422, "delivered_date"),
        ("/shipment_exception", {}, 422, "APPROVED"),
        ("/cancel", {"status": "order_shipped"}, 422, "SHIPPED"),
        ("/cancel", [1], 400, ""),
        ("/approval", {}, 403, ""),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_changes(
    erp: APIClient, order: Order, step: str, body: Any, status: int, word: str
) -> None:
    answer = post(erp, url(order.code, step), body)
    assert answer.status_code == status, answer.content
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)
    assert word in answer.json()["error"]
    order.refresh_from_db()
    assert order.status_type == "APPROVED"
    assert not Notice.objects.exists()
    assert not order.invoices.exists()


STEPS = ["/approval", "/invoice", "/shipments", "/delivery", "/cancel", "/shipment_exception"]


@pytest.mark.parametrize("step", STEPS)
def test_a_stranger_s_order_does_not_exist(stranger: APIClient, order: Order, step: str) -> None:
    answer = post(stranger, url(order.code, step), invoice_body() if step == "/invoice" else {"status": ""})
    assert answer.status_code == 404
    order.refresh_from_db()
    assert order.status_type == "APPROVED"


def test_a_stranger_sees_and_takes_nothing(stranger: APIClient, order: Order) -> None:
    assert stranger.get(url(order.code)).status_code == 404
    assert stranger.get("/orders").json() == {"total": 0, "orders": []}
    assert stranger.get("/queues/orders").status_code == 204
    assert stranger.delete(f"/queues/orders/{quote(order.code)}").status_code == 404
    assert stranger.put(url(order.code, "/exported"), {"exported": True}, format="json").status_code == 404
    assert QueueEntry.objects.get().acknowledged_version == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/orders"),
        ("post", "/orders"),
        ("get", "/orders/X-1"),
        *(("post", f"/orders/X-1{step}") for step in STEPS),
        ("put", "/orders/X-1/exported"),
        ("get", "/queues/orders"),
        ("delete", "/queues/orders/X-1"),
        ("post", "/queues/orders/lease"),
        ("post", "/queues/orders/acknowledge"),
        ("get", "/statuses"),
        ("post", "/statuses"),
        ("put", "/statuses/x"),
        ("delete", "/statuses/x"),
        ("get", "/status_types"),
        ("get", "/sale_systems"),
    ],
)
def test_without_credentials_every_door_is_shut(method: str, path: str, db: None) -> None:
    answer = getattr(APIClient(), method)(path)
    assert answer.status_code == 401
    assert isinstance(answer.json()["error"], str)


def test_only_test_accounts_make_and_approve_orders(ana: Seller, erp: APIClient) -> None:
    Seller.objects.filter(pk=ana.pk).update(is_test=False)
    assert post(erp, "/orders", TEST_ORDER).status_code == 403
    assert not Order.objects.exists()


def test_the_order_steps_of_a_published_homologation_run(erp: APIClient) -> None:
    """What gpupo/submarino-sdk's runner (2019) sends, with the answers it demands."""
    order = {**TEST_ORDER["order"], "items": [{"id": "S1", "qty": 1}]}

    def taken() -> str:
        answer = erp.get("/queues/orders")
        if answer.status_code == 204:
            return ""
        code = answer.json()["code"]
        assert erp.delete(f"/queues/orders/{code}").status_code == 204
        return str(code)

    track = {
        "code": "BR1321830198302DR",
        "carrier": "Correios",
        "method": "SEDEX",
        "url": "www.correios.com.br",
    }
    failure = {"occurrence_date": "2019-05-21T03:53:00-03:00", "observation": "Cliente não estava presente"}
    for key in ("9" * 44, "41193879763884333781553313005110611273247541"):
        assert post(erp, "/orders", {"order": order}).status_code == 201
        code = taken()
        shipment = {"code": code, "items": [{"sku": "S1", "qty": 1}], "track": track}
        for step, body in [
            ("approval", {"status": "payment_received"}),
            ("invoice", {"status": "order_invoiced", "invoice": {"key": key}}),
            ("shipments", {"status": "order_shipped", "shipment": shipment}),
            ("shipment_exception", {"status": "shipment_exception", "shipment_exception": failure}),
            ("delivery", {"status": "complete"}),
        ]:
            answer = post(erp, f"/orders/{code}/{step}", body)
            assert answer.status_code == 201, (step, answer.content)
            assert taken() == (code if step == "approval" else "")
        assert erp.get(f"/orders/{code}").json()["invoices"][0]["key"] == key


def test_a_slip_in_a_real_key_is_told_on_a_test_order_too(erp: APIClient) -> None:
    post(erp, "/orders", TEST_ORDER)
    code = erp.get("/queues/orders").json()["code"]
    post(erp, url(code, "/approval"))
    slipped = make.nfe_key()[:-1] + str((int(make.nfe_key()[-1]) + 1) % 10)
    assert post(erp, url(code, "/invoice"), {"invoice": {"key": slipped}}).status_code == 422


def test_a_placeholder_key_is_no_invoice_for_a_marketplace(erp: APIClient, order: Order) -> None:
    assert post(erp, url(order.code, "/invoice"), {"invoice": {"key": "9" * 44}}).status_code == 422


def test_an_approved_test_order_comes_to_the_queue_again(erp: APIClient) -> None:
    post(erp, "/orders/", TEST_ORDER)
    code = erp.get("/queues/orders").json()["code"]
    erp.delete(f"/queues/orders/{code}")
    assert erp.get("/queues/orders").status_code == 204
    assert post(erp, url(code, "/approval"), {"status": "payment_received"}).status_code == 201
    again = erp.get("/queues/orders").json()
    assert (again["code"], again["status"]["type"]) == (code, "APPROVED")


def test_a_test_order_needs_a_channel_items_and_known_skus(erp: APIClient) -> None:
    def refusal(**changes: Any) -> tuple[int, str]:
        answer = post(erp, "/orders", {"order": {**TEST_ORDER["order"], **changes}})
        return answer.status_code, answer.json()["error"]

    assert refusal(items=[{"id": "NADA", "qty": 1}])[0] == 422
    assert "NADA" in refusal(items=[{"id": "NADA", "qty": 1}])[1]
    assert refusal(channel="")[0] == 400
    assert refusal(items=[])[0] == 400
    assert refusal(items=[{"id": "S1", "qty": 0}])[0] == 422
    assert refusal(items=[{"id": "S1", "qty": 1, "special_price": "12,90"}])[0] == 422
    assert refusal(status="nope")[0] == 422
    assert not Order.objects.exists()


def test_explicit_zero_prices_stay_zero(erp: APIClient) -> None:
    items = [{"id": "S1", "qty": 1, "special_price": 0}]
    free = {**TEST_ORDER["order"], "items": items, "shipping_cost": 0, "interest": 0}
    post(erp, "/orders", {"order": free})
    data = erp.get("/queues/orders").json()
    assert (data["items"][0]["original_price"], data["items"][0]["special_price"]) == (55.22, 0)
    assert data["total_ordered"] == 0


def test_the_list_filters_by_status_channel_sync_status_and_days(
    erp: APIClient, connection: Connection
) -> None:
    for number, status in enumerate(("NEW", "APPROVED", "CANCELED")):
        placed = make.PLACED + timedelta(days=number)
        services.import_order(connection, make.remote_order(f"P{number}", status, placed_at=placed))

    def codes(query: str) -> list[str]:
        answer = erp.get(f"/orders?{query}")
        assert answer.status_code == 200, answer.content
        assert answer.json()["total"] == len(answer.json()["orders"])
        return [one["import_info"]["remote_code"] for one in answer.json()["orders"]]

    assert codes("") == ["P2", "P1", "P0"]
    assert codes("filters[statuses][]=payment_received") == ["P1"]
    assert codes(
        "filters%5Bstatuses%5D%5B0%5D=payment_received&filters%5Bstatuses%5D%5B1%5D=book_product"
    ) == [
        "P1",
        "P0",
    ]
    assert codes("filters[sale_system]=Lojas%20Sandbox") == ["P2", "P1", "P0"]
    assert codes("filters[sale_system]=Outra") == []
    assert codes("filters[start_date]=03/03/2026&filters[end_date]=03/03/2026") == ["P1"]
    assert codes("filters[start_date]=2026-03-03T00:00:00-03:00") == ["P2", "P1"]
    assert codes("filters[sync_status][]=NOT_SYNCED&filters[start_date]=") == ["P2", "P1", "P0"]
    assert codes("filters[sync_status][]=SYNCED") == []
    assert erp.get("/orders?filters[sync_status][]=WHAT").status_code == 422
    assert erp.get("/orders?filters[start_date]=amanhã").status_code == 422
    everything = "filters[start_date]=1970-01-01&filters[end_date]=31/12/2999"
    assert codes(everything) == ["P2", "P1", "P0"]


def test_pages_are_cut_at_a_hundred_and_deep_ones_refused(erp: APIClient, connection: Connection) -> None:
    services.import_orders(connection, [make.remote_order(f"P{number}") for number in range(103)])
    first = erp.get("/orders?per_page=500").json()
    assert (first["total"], len(first["orders"])) == (103, 100)
    assert len(erp.get("/orders?page=2").json()["orders"]) == 3
    assert erp.get("/orders?page=101&per_page=100").status_code == 400
    assert erp.get("/orders?page=0").status_code == 400


def test_listing_a_hundred_orders_takes_a_handful_of_queries(
    erp: APIClient, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    services.import_orders(connection, [make.remote_order(f"P{number}") for number in range(100)])
    with django_assert_max_num_queries(12):
        assert len(erp.get("/orders").json()["orders"]) == 100


def test_the_queue_is_drained_by_get_and_delete(erp: APIClient, connection: Connection) -> None:
    services.import_orders(connection, [make.remote_order(f"P{number}") for number in range(3)])
    seen = []
    while (answer := erp.get("/queues/orders")).status_code == 200:
        seen.append(answer.json()["import_info"]["remote_code"])
        removed = erp.delete(f"/queues/orders/{quote(answer.json()['code'])}")
        assert (removed.status_code, removed.content) == (204, b"")
        assert removed["Content-Type"]
    assert answer.status_code == 204
    assert answer["Content-Type"]
    assert seen == ["P0", "P1", "P2"]
    assert {one["sync_status"] for one in erp.get("/orders").json()["orders"]} == {"SYNCED"}


def test_deleting_nothing_or_the_unknown_is_a_clean_error(erp: APIClient) -> None:
    for path, status in (("/queues/orders/", 405), ("/queues/orders/Nada-1", 404)):
        answer = erp.delete(path)
        assert answer.status_code == status
        assert isinstance(answer.json()["error"], str)


def test_a_head_takes_no_order_out_of_the_queue(erp: APIClient, order: Order) -> None:
    assert erp.head("/queues/orders").status_code == 405
    assert erp.get("/queues/orders").json()["code"] == order.code


def test_bb_s_array_body_on_delete_is_ignored(erp: APIClient, order: Order) -> None:
    answer = erp.delete(f"/queues/orders/{quote(order.code)}", "[]", content_type="application/json")
    assert answer.status_code == 204


def test_exported_acknowledges_and_takes_back(erp: APIClient, order: Order) -> None:
    assert erp.put(url(order.code, "/exported"), {"exported": True}, format="json").status_code == 204
    assert erp.get("/queues/orders").status_code == 204
    assert erp.get(url(order.code)).json()["sync_status"] == "SYNCED"
    assert erp.put(url(order.code, "/exported"), {"exported": False}, format="json").status_code == 204
    assert erp.get("/queues/orders").json()["code"] == order.code


def test_orders_are_leased_and_acknowledged_in_batches(erp: APIClient, connection: Connection) -> None:
    services.import_orders(connection, [make.remote_order(f"P{number}") for number in range(5)])
    leased = post(erp, "/queues/orders/lease", {"limit": 3}).json()["orders"]
    assert [one["import_info"]["remote_code"] for one in leased] == ["P0", "P1", "P2"]
    assert len(post(erp, "/queues/orders/lease").json()["orders"]) == 2
    codes = [one["code"] for one in leased]
    answer = post(erp, "/queues/orders/acknowledge", {"codes": [*codes, "Nada-1"]})
    assert (answer.status_code, answer.json()) == (200, {"unknown": ["Nada-1"], "late": []})
    assert Order.objects.filter(sync_status="SYNCED").count() == 3
    assert post(erp, "/queues/orders/lease", {"limit": 1000}).status_code == 422


def nfe_file(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("nota.xml", text.encode(), content_type="text/xml")


def test_an_invoice_may_come_as_xml(erp: APIClient, order: Order) -> None:
    xml = make.nfe_xml(7)
    form = {"file": nfe_file(xml), "status": "order_invoiced", "volume_qty": "2", "issue_date": "2026-03-02"}
    answer = erp.post(url(order.code, "/invoice"), form, format="multipart")
    assert answer.status_code == 201, answer.content
    data = erp.get(url(order.code)).json()
    assert data["status"]["type"] == "INVOICED"
    assert [(one["key"], one["volume_qty"]) for one in data["invoices"]] == [(make.nfe_key(7), 2)]
    assert Notice.objects.get().payload["xml"] == xml


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"status": "order_invoiced"}, 400),
        ({"file": "no file"}, 400),
        ({"file": nfe_file("<xml/>")}, 422),
        ({"file": nfe_file("<chNFe>" + "9" * 44 + "</chNFe>")}, 422),
        ({"file": nfe_file("x" * 1024 * 1025)}, 422),
    ],
)
def test_a_form_without_a_real_nfe_is_refused(
    erp: APIClient, order: Order, form: dict[str, Any], status: int
) -> None:
    answer = erp.post(url(order.code, "/invoice"), form, format="multipart")
    assert answer.status_code == status, answer.content
    assert isinstance(answer.json()["error"], str)
    assert not order.invoices.exists()


def test_an_empty_invoice_is_asked_for_its_key_whatever_its_content_type(
    erp: APIClient, order: Order
) -> None:
    """curl and PHP call an empty body a form."""
    answer = erp.post(url(order.code, "/invoice"), b"", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 422
    assert "invoice.key" in answer.json()["error"]


def test_only_the_invoice_may_come_as_a_form(erp: APIClient, order: Order) -> None:
    assert erp.post(url(order.code, "/cancel"), {"status": ""}, format="multipart").status_code == 415


def test_statuses_are_listed_added_changed_and_removed(erp: APIClient, order: Order) -> None:
    standard = erp.get("/statuses").json()
    assert {"code": "order_canceled", "label": "Cancelado (SkyHub)", "type": "CANCELED"} in standard
    assert len(standard) == 7
    assert (
        post(erp, "/statuses", {"status": {"code": "4", "label": "Pago", "type": "APPROVED"}}).status_code
        == 201
    )
    assert erp.put("/statuses/4", {"status": {"label": "Pago!"}}, format="json").status_code == 204
    assert {"code": "4", "label": "Pago!", "type": "APPROVED"} in erp.get("/statuses/").json()
    for method, path, body, status in [
        ("post", "/statuses", {"status": {"code": "4", "label": "x", "type": "APPROVED"}}, 422),
        ("post", "/statuses", {"status": {"code": "5", "label": "x", "type": "CANCELLED"}}, 422),
        ("post", "/statuses", {}, 400),
        ("put", "/statuses/nope", {"status": {"label": "x"}}, 404),
        ("delete", "/statuses/order_canceled", None, 422),
        ("delete", "/statuses/nope", None, 404),
        ("delete", "/statuses/4", None, 204),
        ("delete", "/statuses/4", None, 404),
    ]:
        assert getattr(erp, method)(path, body, format="json").status_code == status, (method, path)
    assert len(erp.get("/statuses").json()) == 7


def test_a_status_code_with_a_slash_can_be_changed_and_removed(erp: APIClient) -> None:
    said = {"code": "pago/retirar", "label": "Pago", "type": "APPROVED"}
    assert post(erp, "/statuses", {"status": said}).status_code == 201
    assert erp.put("/statuses/pago%2Fretirar", {"status": {"label": "x"}}, format="json").status_code == 204
    assert {**said, "label": "x"} in erp.get("/statuses").json()
    assert erp.delete("/statuses/pago%2Fretirar/").status_code == 204


def test_types_and_channels_are_lists_of_texts(erp: APIClient, stranger: APIClient, order: Order) -> None:
    assert {"NEW", "APPROVED", "CANCELED", "SHIPMENT_EXCEPTION"} <= set(erp.get("/status_types").json())
    assert erp.get("/sale_systems").json() == ["Lojas Sandbox"]
    assert stranger.get("/sale_systems").json() == []


def test_bad_bodies_are_client_errors(erp: APIClient, order: Order) -> None:
    path = url(order.code, "/invoice")
    assert erp.post(path, b"{", content_type="application/json").status_code == 400
    assert (
        erp.post(
            path, '{"status": "fatu\xe7"}'.encode("latin-1"), content_type="application/json"
        ).status_code
        == 415
    )
    assert erp.post(path, '{"status": "\\u0000"}', content_type="application/json").status_code == 422
