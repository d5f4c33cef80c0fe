"""/shipments/b2w and shipping labels: what the marketplace's carrier takes."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest

from marketplaces.models import Connection
from orders import services
from orders.models import Order, OrderEvent
from orders.shipping.models import Plp
from tests.api.erp import Erp
from tests.api.test_conventions import error_of
from tests.make import make_product, make_seller
from tests.orders.make import invoice_note, make_connection, remote_order

pytestmark = pytest.mark.django_db

BASE = "/shipments/b2w"
PDF, ZIP = "application/pdf", "application/zip"
SANTOS = {
    "full_name": "Bia Lima",
    "street": "Rua da Conceição",
    "number": 10,
    "neighborhood": "Gonzaga",
    "city": "Santos",
    "region": "SP",
    "postcode": "11060000",
}


@pytest.fixture
def erp() -> Erp:
    seller = make_seller("Loja da Ana", is_test=True)
    make_product(seller, "A", weight="0.500")
    return Erp(seller)


@pytest.fixture
def stranger() -> Erp:
    return Erp(make_seller("Beto", is_test=True))


def order(erp: Erp, carrier: str = "correios", *, qty: int = 2, approve: bool = True) -> str:
    """Make a test order over the API and approve it; returns its remote code."""
    body = {
        "channel": "Lojas Americanas",
        "items": [{"id": "A", "qty": qty, "special_price": 10}],
        "customer": {"name": "Bia Lima", "phones": ["13 99999-0000"]},
        "shipping_address": SANTOS,
        "shipping_method": "SEDEX",
        "shipping_calculation_type": f"b2wentrega{carrier}" if carrier else None,
    }
    assert erp.post("/orders", {"order": body}).status_code == 201
    made = Order.objects.latest("id")
    if approve:
        step(erp, made, "approval")
    return made.remote_id


def step(erp: Erp, made: Order, name: str, body: Any = None) -> None:
    answer = erp.post(f"/orders/{quote(made.code)}/{name}", body or {})
    assert answer.status_code == 201, answer.content


def invoice(erp: Erp, code: str, **said: Any) -> None:
    made = Order.objects.get(remote_id=code)
    step(erp, made, "invoice", {"invoice": {"key": invoice_note().key, **said}})


def group(erp: Erp, *codes: Any) -> Any:
    return erp.post(f"{BASE}/", {"order_remote_codes": list(codes)})


def grouped(erp: Erp, *codes: str) -> int:
    """Group orders; the number is read out of the sentence, as clients do it."""
    answer = group(erp, *codes)
    assert answer.status_code == 201, answer.content
    found = re.fullmatch(r"Plp (\d+) agrupada com sucesso\.", answer.json()["message"])
    assert found
    return int(found[1])


def codes_at(erp: Erp, path: str) -> list[str]:
    answer = erp.get(f"{BASE}{path}")
    assert answer.status_code == 200, answer.content
    return [one["code"] for one in answer.json()["orders"]]


# --- grouping -----------------------------------------------------------------------------------


def test_a_correios_order_is_grouped_shown_and_printed(erp: Erp) -> None:
    code = order(erp)
    (waiting,) = erp.get(f"{BASE}/to_group?offset=1").json()["orders"]
    assert waiting == {"code": code, "customer": "Bia Lima", "value": 20.0, "shipping": "CORREIOS"}

    number = grouped(erp, code)
    assert codes_at(erp, "/to_group") == []
    (plp,) = erp.get(BASE).json()["plp"]
    assert plp == {
        "id": number,
        "expiration_date": plp["expiration_date"],
        "printed": False,
        "type": "CORREIOS",
        "orders": [{"code": code, "customer": "Bia Lima", "value": 20.0}],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", plp["expiration_date"])

    paper = erp.get(f"{BASE}/view?plp_id={number}", Accept=PDF)
    assert (paper.status_code, paper["Content-Type"]) == (200, PDF)
    assert paper.content.startswith(b"%PDF-")
    assert paper.content.count(b"/Type /Page\n") == 1
    assert erp.get(BASE).json()["plp"][0]["printed"] is True


def test_the_document_has_skyhubs_names_and_types(erp: Erp) -> None:
    erp.post(
        "/stores", {"store": {"code": "98", "name": "CD", "address": {"city": "Itu", "phone": "1133034077"}}}
    )
    code = order(erp)
    invoice(erp, code, volume_qty=2)
    number = grouped(erp, code)
    for accept in ("application/json", "*/*"):
        data = erp.get(f"{BASE}/view?plp_id={number}", Accept=accept).json()
        assert data["plp"]["id"] == number
    assert data["plp"]["tpAgrupamento"] == "PLP"
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", data["plp"]["dtEnvio"])
    assert data["plp"]["resumoServicos"] == [
        {"codServico": "CORREIOS", "nomeServico": "Correios", "quantidadeAwbs": 2}
    ]
    (parcel,) = data["docsExternos"]
    assert parcel["docExterno"] == code
    assert (parcel["qtVolumes"], parcel["pesoTotal"], parcel["vlEntrega"]) == (2, 1.0, 20.0)
    assert (parcel["numNotaFiscal"], parcel["serieNotaFiscal"]) == ("1", "1")
    assert parcel["telefoneContato"] == "13 99999-0000"
    assert parcel["telefoneEmbarcador"] == 133034077
    assert parcel["destinatario"]["enderecoLogradouro"] == "Rua da Conceição"
    assert parcel["destinatario"]["enderecoCep"] == "11060000"
    assert (parcel["remetente"]["nome"], parcel["remetente"]["enderecoCidade"]) == ("Loja da Ana", "Itu")
    first, second = parcel["awbs"]
    assert (first["codigoAwb"], first["posicaoVolume"]) == (f"{code}-1", 1)
    assert first["itens"] == [{"descricao": "Produto A", "quantidade": 2, "peso": 0.5}]
    assert (second["posicaoVolume"], second["itens"]) == (2, [])
    paper = erp.get(f"{BASE}/view?plp_id={number}", Accept=PDF)
    assert paper.content.count(b"/Type /Page\n") == 2


def test_an_order_already_grouped_fails_is_taken_out_and_can_be_grouped_again(erp: Erp) -> None:
    first, second = order(erp), order(erp)
    old = grouped(erp, first, second)
    sentence = error_of(group(erp, first), 422)
    assert f"{first} (PLP {old})" in sentence
    assert codes_at(erp, "/to_group") == [first]
    assert [one["code"] for one in erp.get(BASE).json()["plp"][0]["orders"]] == [second]
    new = grouped(erp, first)
    assert new != old
    error_of(group(erp, second), 422)
    assert [one["id"] for one in erp.get(BASE).json()["plp"]] == [new]


def test_a_list_takes_one_carrier_only(erp: Erp) -> None:
    codes = [order(erp), order(erp, "direct")]
    error_of(group(erp, *codes), 422)
    assert not Plp.objects.exists()
    assert grouped(erp, codes[0]) != grouped(erp, codes[1])
    assert {one["type"] for one in erp.get(BASE).json()["plp"]} == {"CORREIOS", "DIRECT"}


def test_a_list_takes_twenty_five_orders(erp: Erp) -> None:
    codes = [order(erp) for _number in range(26)]
    error_of(group(erp, *codes), 422)
    grouped(erp, *codes[:25], codes[0])
    assert codes_at(erp, "/to_group") == [codes[25]]


def test_what_the_seller_ships_and_what_is_not_paid_cannot_be_grouped(erp: Erp) -> None:
    own, unpaid = order(erp, ""), order(erp, approve=False)
    assert codes_at(erp, "/to_group") == []
    error_of(group(erp, own), 422)
    error_of(group(erp, unpaid), 422)
    step(erp, Order.objects.get(remote_id=unpaid), "cancel")
    error_of(group(erp, unpaid), 422)


def test_an_imported_order_of_the_marketplaces_carrier_can_be_grouped(erp: Erp) -> None:
    connection = make_connection(erp.seller)
    carried("SBX-1", connection)
    assert codes_at(erp, "/to_group") == ["SBX-1"]
    grouped(erp, "SBX-1")


def carried(remote_id: str, connection: Connection, status: str = "APPROVED", minutes: int = 0) -> Order:
    """An order the marketplace's carrier takes, as the marketplace tells it."""
    told = remote_order(remote_id, status, minutes=minutes)
    deliveries = tuple(replace(one, carrier_owns_status=True) for one in told.deliveries)
    return services.import_order(connection, replace(told, deliveries=deliveries)).order


def test_a_remote_code_two_marketplaces_share_needs_its_channel(erp: Erp) -> None:
    first, second = (carried("P-1", make_connection(erp.seller, name)) for name in ("Loja 1", "Loja 2"))
    error_of(group(erp, "P-1"), 422)
    grouped(erp, first.code)
    grouped(erp, second.code)


def test_a_page_has_twenty_orders(erp: Erp) -> None:
    connection = make_connection(erp.seller)
    for number in range(22):
        carried(f"P-{number:02d}", connection)
    assert (
        codes_at(erp, "/to_group")
        == codes_at(erp, "/to_group?offset=1")
        == codes_at(erp, "/to_group?offset=0")
    )
    pages = [codes_at(erp, f"/to_group?offset={page}") for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [20, 2, 0]
    assert len({code for page in pages for code in page}) == 22


# --- ungrouping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["body", "query", "path"])
def test_a_list_is_dissolved(erp: Erp, way: str) -> None:
    codes = [order(erp), order(erp)]
    number = grouped(erp, *codes)
    if way == "body":
        answer = erp.delete(BASE, {"plp_id": str(number)})
    elif way == "query":
        answer = erp.delete(f"{BASE}/?plp_id={number}", [])
    else:
        answer = erp.delete(f"{BASE}/{number}")
    assert (answer.status_code, answer.json()["message"]) == (200, f"Plp {number} desagrupada com sucesso.")
    assert codes_at(erp, "/to_group") == codes
    assert erp.get(BASE).json() == {"plp": []}
    assert OrderEvent.objects.filter(note__contains=str(number)).count() == 4


def test_one_order_is_taken_out_of_its_list(erp: Erp) -> None:
    first, second = order(erp), order(erp)
    number = grouped(erp, first, second)
    assert erp.delete(f"{BASE}/{first}").json()["message"] == f"Plp {number} desagrupada com sucesso."
    assert codes_at(erp, "/to_group") == [first]
    assert erp.delete(f"{BASE}/{second}").status_code == 200
    assert not Plp.objects.exists()


def test_a_list_on_its_way_stays_as_it_is(erp: Erp) -> None:
    connection = make_connection(erp.seller)
    carried("P-1", connection)
    number = grouped(erp, "P-1")
    carried("P-1", connection, "SHIPPED", minutes=5)
    error_of(erp.delete(f"{BASE}?plp_id={number}"), 422)
    error_of(erp.delete(f"{BASE}/P-1"), 422)
    error_of(group(erp, "P-1"), 422)
    assert Plp.objects.filter(entries__order__remote_id="P-1").exists()


# --- pick-up ------------------------------------------------------------------------------------


def test_a_pick_up_is_asked_for_once_the_direct_order_is_grouped(erp: Erp) -> None:
    code, posted = order(erp, "direct"), order(erp)
    error_of(erp.post(f"{BASE}/confirm_collection", {"order_codes": [code]}), 422)
    assert codes_at(erp, "/collectables") == []
    grouped(erp, code)
    grouped(erp, posted)
    assert codes_at(erp, "/collectables?requested=false&offset=1") == [code]
    assert codes_at(erp, "/collectables?requested=true") == []

    for _again in range(2):
        answer = erp.post(f"{BASE}/confirm_collection", {"order_codes": [code]})
        assert answer.status_code == 201
    assert codes_at(erp, "/collectables") == []
    assert codes_at(erp, "/collectables?requested=true") == [code]
    assert OrderEvent.objects.filter(order__remote_id=code).count() == 4
    error_of(erp.post(f"{BASE}/confirm_collection", {"order_codes": [posted]}), 422)


# --- labels -------------------------------------------------------------------------------------


def labels(erp: Erp, code: str, accept: str) -> Any:
    path = f"/orders/{quote(Order.objects.get(remote_id=code).code)}/shipment_labels"
    return erp.get(path, Accept=accept)


def test_an_orders_labels_come_as_pdf_json_and_zip(erp: Erp) -> None:
    code = order(erp)
    assert labels(erp, code, PDF).content.startswith(b"%PDF-")
    assert labels(erp, code, "application/json").json()["plp"]["id"] is None
    number = grouped(erp, code)
    data = labels(erp, code, "application/json").json()
    assert (data["plp"]["id"], data["docsExternos"][0]["docExterno"]) == (number, code)
    packed = labels(erp, code, ZIP)
    assert packed["Content-Type"] == ZIP
    with zipfile.ZipFile(BytesIO(packed.content)) as archive:
        assert archive.namelist() == [f"{code}.pdf"]
        assert archive.read(f"{code}.pdf").startswith(b"%PDF-")
    error_of(labels(erp, code, "image/png"), 406)


def test_a_direct_label_waits_for_the_invoice(erp: Erp) -> None:
    code = order(erp, "direct")
    number = grouped(erp, code)
    for paper in (labels(erp, code, PDF), erp.get(f"{BASE}/view?plp_id={number}", Accept=PDF)):
        error_of(paper, 422)
    assert erp.get(f"{BASE}/view?plp_id={number}").status_code == 200
    invoice(erp, code)
    assert labels(erp, code, PDF).status_code == 200
    assert erp.get(f"{BASE}/view?plp_id={number}", Accept=PDF).status_code == 200


def test_an_order_the_seller_ships_or_nobody_paid_has_no_label(erp: Erp) -> None:
    for code in (order(erp, ""), order(erp, approve=False)):
        for accept in (PDF, ZIP, "application/json"):
            error_of(labels(erp, code, accept), 422)


def test_a_label_can_be_printed_whatever_people_write(erp: Erp) -> None:
    code = order(erp)
    made = Order.objects.get(remote_id=code)
    made.customer_name = "李小龍 👍 \n\t Ação " * 12
    made.shipping_address = {"street": "x" * 250, "number": None, "postcode": "çé", "full_name": ""}
    made.remote_id, made.shipping_method = "código/" + "9" * 90, "PAC"
    made.save()
    grouped(erp, made.remote_id)
    for accept in (PDF, ZIP, "application/json"):
        assert labels(erp, made.remote_id, accept).status_code == 200


# --- bad calls, strangers -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/confirm_collection"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        (None, 400),
        ({"order_remote_codes": []}, 400),
        ({"order_codes": 7}, 422),
        ({"order_codes": [{}]}, 422),
        ({"order_codes": ["a\x00"]}, 422),
        ({"order_codes": ["NONE"]}, 404),
        (b"{", 400),
    ],
)
def test_a_bad_call_groups_and_requests_nothing(erp: Erp, path: str, body: Any, status: int) -> None:
    error_of(erp.send("POST", BASE + path, body), status)
    assert not Plp.objects.exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/view", 400),
        ("/view?plp_id=", 400),
        ("/view?plp_id=1", 404),
        ("/view?plp_id=x", 404),
        ("/view?plp_id=²", 404),
        ("/view?plp_id=" + "9" * 40, 404),
        ("/view?plp_id=%00", 422),
        ("/to_group?offset=x", 400),
        ("/to_group?offset=-1", 400),
        ("/to_group?offset=501", 400),
        ("?offset=x", 400),
        ("/collectables?requested=x", 400),
        ("/1", 405),
    ],
)
def test_a_bad_address_is_told(erp: Erp, path: str, status: int) -> None:
    error_of(erp.get(BASE + path), status)
    if status != 405 and path.startswith("/view"):
        error_of(erp.get(BASE + path, Accept=PDF), status)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", None, 400),
        ("", {"plp_id": "1"}, 404),
        ("", {"plp_id": {}}, 400),
        ("", {"plp_id": [1]}, 422),
        ("?plp_id=x", [], 404),
        ("/NONE", None, 404),
        ("/%00", None, 404),
    ],
)
def test_an_unknown_list_cannot_be_dissolved(erp: Erp, path: str, body: Any, status: int) -> None:
    error_of(erp.delete(BASE + path, body), status)


def test_an_unknown_order_has_no_label(erp: Erp) -> None:
    for accept in (PDF, ZIP, "application/json"):
        error_of(erp.get("/orders/NONE-1/shipment_labels", Accept=accept), 404)


def test_a_stranger_sees_groups_and_prints_nothing(erp: Erp, stranger: Erp) -> None:
    code, free = order(erp, "direct"), order(erp)
    number = grouped(erp, code)
    whole = quote(Order.objects.get(remote_id=code).code)
    assert stranger.get(BASE).json() == {"plp": []}
    assert codes_at(stranger, "/to_group") == codes_at(stranger, "/collectables") == []
    error_of(group(stranger, free), 404)
    error_of(stranger.get(f"{BASE}/view?plp_id={number}"), 404)
    error_of(stranger.get(f"/orders/{whole}/shipment_labels", Accept=PDF), 404)
    error_of(stranger.post(f"{BASE}/confirm_collection", {"order_codes": [code]}), 404)
    for path in (f"?plp_id={number}", f"/{number}", f"/{code}"):
        error_of(stranger.delete(BASE + path), 404)
    assert erp.get(BASE).json()["plp"][0]["id"] == number
