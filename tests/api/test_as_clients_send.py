"""What published clients put on the wire, byte by byte: old HTTP, odd bodies, odd addresses."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from catalog.models import Product, Variation
from hub.models import Seller
from orders import services
from orders.models import Order
from tests.make import make_api_headers, make_parent, make_product, make_seller, make_variation
from tests.orders.make import make_connection, nfe_key, remote_order

pytestmark = pytest.mark.django_db(transaction=True)
CODE = "/orders/Lojas%20Americanas-1517940500554-01"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """A client that writes its requests itself."""

    address: str
    headers: dict[str, str]

    def send(
        self, method: str, target: str, body: bytes = b"", *more: str, http: str = "1.1", length: bool = True
    ) -> Answer:
        """Send exactly these bytes; there is no Content-Type unless `more` has one."""
        parts = urlsplit(self.address)
        lines = [
            f"{method} {target} HTTP/{http}",
            *(f"{key}: {value}" for key, value in self.headers.items()),
        ]
        lines += [f"Host: {parts.netloc}", "Connection: close"] if http == "1.1" else []
        lines += [f"Content-Length: {len(body)}"] if length and (body or method != "GET") else []
        with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=30) as door:
            door.sendall("\r\n".join([*lines, *more, "", ""]).encode() + body)
            told = b"".join(iter(lambda: door.recv(65_536), b""))
        while True:
            head, _blank, told = told.partition(b"\r\n\r\n")
            first, *rest = head.decode().split("\r\n")
            status = int(first.split()[1])
            if status != 100:
                break
        named = (line.partition(":") for line in rest)
        return Answer(status, {key.lower(): value.strip() for key, _colon, value in named}, told)


@pytest.fixture
def ana(db: None) -> Seller:
    seller = make_seller("Ana", is_test=True)
    make_product(seller, "LAMP", qty=1)
    make_variation(make_parent(seller, "SHIRT"), "SHIRT-P", qty=1)
    connection = make_connection(seller, "Lojas Americanas")
    services.import_order(connection, remote_order("1517940500554-01", "APPROVED", skus=("LAMP",)))
    return seller


@pytest.fixture
def wire(address: str, ana: Seller) -> Wire:
    return Wire(address, make_api_headers(ana))


def qty(sku: str) -> int:
    return Variation.objects.get(sku=sku).qty


def test_http_1_0_without_a_host(wire: Wire) -> None:
    assert wire.send("PUT", "/products/LAMP", b'{"product":{"qty":7}}', http="1.0").status == 204
    assert qty("LAMP") == 7
    listed = wire.send("GET", "/products?per_page=1", http="1.0")
    assert (listed.status, listed.headers["content-type"]) == (200, JSON)
    # The next page's address leads back to us, though the client never said who we are.
    following = urlsplit(listed.json["next"])
    assert f"{following.scheme}://{following.netloc}" == wire.address
    page = wire.send("GET", f"{following.path}?{following.query}", http="1.0").json
    assert [one["sku"] for one in page["products"]] == ["SHIRT"]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json;charset=UTF-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ],
)
def test_json_under_any_content_type_or_none(wire: Wire, content_type: str) -> None:
    more = [f"Content-Type: {content_type}"] if content_type else []
    answer = wire.send("PUT", "/variations/SHIRT-P/", b'{"variation":{"qty":"3.0"}}', *more)
    assert (answer.status, answer.headers["content-type"], answer.body) == (204, JSON, b"")
    assert qty("SHIRT-P") == 3


def test_a_body_in_chunks_and_one_that_waits_to_be_asked_for(wire: Wire) -> None:
    body = b'{"product": {"qty": 6}}'
    chunks = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    answer = wire.send("PUT", "/products/LAMP", chunks, "Transfer-Encoding: chunked", length=False)
    assert (answer.status, qty("LAMP")) == (204, 6)
    # PHP's curl sends this header with every longer body.
    assert (
        wire.send("PUT", "/products/LAMP", b'{"product": {"qty": 5}}', "Expect: 100-continue").status == 204
    )
    assert qty("LAMP") == 5


@pytest.mark.parametrize(
    "name", ["X-User-Token", "x-api-key", "X-API-KEY"], ids=["old name", "small", "capitals"]
)
def test_headers_go_by_their_old_names_and_any_case(wire: Wire, name: str) -> None:
    said = {key: value for key, value in wire.headers.items() if key != "X-Api-Key"}
    wire.headers, secret = said, wire.headers["X-Api-Key"]
    assert wire.send("GET", "/products").status == 401
    assert wire.send("GET", "/products", b"", f"{name}: {secret}").status == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"[ ]\n"])
def test_empty_bodies_of_every_language_on_steps_and_deletes(wire: Wire, body: bytes) -> None:
    assert wire.send("DELETE", CODE.replace("/orders", "/queues/orders"), body).status == 204
    answer = wire.send("POST", f"{CODE}/cancel", body)
    assert (answer.status, answer.headers["content-type"], answer.body) == (201, JSON, b"")
    assert Order.objects.get().status_type == "CANCELED"
    assert wire.send("DELETE", "/products/LAMP", body).status == 204


def test_the_php_sdk_s_shipment_has_its_items_beside_it(wire: Wire) -> None:
    said = {"status": "order_invoiced", "invoice": {"key": nfe_key()}}
    assert wire.send("POST", f"{CODE}/invoice", json.dumps(said).encode()).status == 201
    shipment = {
        "shipment": {
            "code": "1",
            "track": {"code": "BR1", "carrier": "Correios", "method": "PAC", "url": ""},
        },
        "items": [{"sku": "LAMP", "qty": "1"}],
        "status": "order_shipped",
    }
    assert wire.send("POST", f"{CODE}/shipments", json.dumps(shipment).encode()).status == 201
    shown = wire.send("GET", CODE).json
    assert (shown["status"]["type"], shown["shipments"][0]["items"]) == (
        "SHIPPED",
        [{"sku": "LAMP", "qty": 1}],
    )


def test_a_post_of_what_is_known_updates_it(wire: Wire) -> None:
    said = {"product": {"sku": "LAMP", "name": "Luminária", "qty": 9, "price": "55.22", "images": []}}
    assert wire.send("POST", "/products/", json.dumps(said).encode()).status == 201
    assert (Product.objects.get(sku="LAMP").name, qty("LAMP")) == ("Luminária", 9)


@pytest.mark.parametrize(
    "target",
    [
        CODE,
        f"{CODE}/",
        "/orders?filters[statuses][]=payment_received&filters[sale_system]=Lojas%20Americanas",
        "/orders/?filters[statuses][0]=payment_received&filters[sale_system]=Lojas+Americanas",
        "/orders?filters%5Bstatuses%5D%5B0%5D=payment_received&filters%5Bstart_date%5D=01%2F03%2F2026",
        "/orders?filters[start_date]=02/03/2026&filters[end_date]=02/03/2026&page=1&per_page=30",
        "/queues/orders/",
    ],
)
def test_addresses_as_clients_write_them(wire: Wire, target: str) -> None:
    answer = wire.send("GET", target)
    assert answer.status == 200
    found = answer.json.get("orders", [answer.json])
    assert [one["code"] for one in found] == ["Lojas Americanas-1517940500554-01"]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/products//urls", 200),
        ("GET", "/products?filters[qty_from]=&filters[status]=enabled&cursor=", 200),
        ("DELETE", "/queues/orders/", 405),
        ("HEAD", "/queues/orders", 405),
        ("HEAD", "/products", 200),
        ("OPTIONS", "/products", 200),
        ("GET", "/orders?page=101&per_page=100", 400),
        ("GET", "/products/%E7", 404),
        ("GET", f"/orders/{quote('Ação-1')}", 404),
        ("POST", "/fulfillment/b2w/delivery", 404),
        ("BREW", "/products", 405),
    ],
)
def test_what_is_odd_is_answered_in_form(wire: Wire, method: str, target: str, status: int) -> None:
    answer = wire.send(method, target)
    assert (answer.status, answer.headers["content-type"]) == (status, JSON)
    if status >= 400 and method != "HEAD":
        assert list(answer.json) == ["error"]
        assert isinstance(answer.json["error"], str)
