"""/freights: quotes from the seller's address within 800 ms, else from its contingency table."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from hub.refusals import Refusal
from orders import tasks
from orders.freight import quotes
from orders.freight.models import FreightQuote, FreightRate, FreightSettings
from tests.api.erp import Erp
from tests.api.test_conventions import error_of
from tests.make import make_product, make_seller

pytestmark = pytest.mark.django_db

SEDEX = {
    "shippingCost": 13,
    "deliveryTime": {"total": 10, "transit": 8, "expedition": 2},
    "shippingMethodId": "8-Correios",
    "shippingMethodName": "Sedex",
    "shippingMethodDisplayName": "Sedex 10",
}


def offering(**changes: Any) -> str:
    """A seller's answer with something else in its offer."""
    return json.dumps({"shippingQuotes": [{**SEDEX, **changes}]})


class SellersService:
    """The seller's own address: answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.pause, self.trickle = (
            200,
            json.dumps({"shippingQuotes": [SEDEX]}),
            0.0,
            0.0,
        )
        self.asked: list[tuple[str, Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.asked.append((self.path, json.loads(body)))
                time.sleep(service.pause)
                answer = service.body.encode()
                try:
                    self.send_response(service.status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(answer)))
                    self.send_header("Connection", "close")
                    self.end_headers()
                    for place in range(len(answer)):
                        self.wfile.write(answer[place : place + 1])
                        time.sleep(service.trickle)
                except OSError:
                    return

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/quote/?token=s3cret"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> SellersService:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def erp() -> Erp:
    seller = make_seller("Ana")
    make_product(seller, "A", price="100", weight="0.5", height="10", width="20", length="30", crossdocking=2)
    return Erp(seller)


@pytest.fixture
def stranger() -> Erp:
    return Erp(make_seller("Beto"))


@pytest.fixture
def service(erp: Erp) -> Iterator[SellersService]:
    """Ana's own service, known to the hub."""
    with SellersService() as found:
        FreightSettings.objects.create(seller=erp.seller, quote_url=found.url)
        yield found


def rate(erp: Erp, **said: Any) -> Any:
    line = {
        "name": "PAC",
        "zip_from": "01000-000",
        "zip_to": "19999-999",
        "weight_to": 10,
        "cost": 25.9,
        "days": 5,
        **said,
    }
    return erp.post("/freights/contingency", {"rate": line})


def ask(erp: Erp, zip_code: Any = 5010010, **said: Any) -> Any:
    body = {"destinationZip": zip_code, "volumes": [{"sku": "A", "quantity": 2}], **said}
    return erp.post("/freights/quote", body)


# --- the seller's own answer --------------------------------------------------------------------


def test_the_seller_is_asked_in_skyhubs_form(erp: Erp, service: SellersService) -> None:
    answer = ask(erp, "05010-010")
    assert answer.status_code == 200
    assert answer.json() == {"shippingQuotes": [SEDEX | {"shippingCost": 13.0}], "source": "seller"}
    assert service.asked == [
        (
            "/quote/?token=s3cret",
            {
                "destinationZip": 5010010,
                "volumes": [
                    {
                        "sku": "A",
                        "quantity": 2,
                        "price": 100.0,
                        "height": 0.1,
                        "length": 0.3,
                        "width": 0.2,
                        "weight": 0.5,
                    }
                ],
            },
        )
    ]


def test_what_the_caller_says_of_a_volume_counts(erp: Erp, service: SellersService) -> None:
    size = {"price": 9.9, "height": 0.55, "length": 1, "width": "0.2", "weight": 3}
    assert ask(erp, volumes=[{"sku": "A", **size}, {"sku": "NONE", "quantity": 3, **size}]).status_code == 200
    first, second = service.asked[0][1]["volumes"]
    assert first == {
        "sku": "A",
        "quantity": 1,
        "price": 9.9,
        "height": 0.55,
        "length": 1,
        "width": 0.2,
        "weight": 3,
    }
    assert second["quantity"] == 3


def test_the_cheapest_comes_first_then_the_fastest(erp: Erp, service: SellersService) -> None:
    def offer(name: str, cost: float, days: int) -> dict[str, Any]:
        return {"shippingCost": cost, "deliveryTime": {"total": days}, "shippingMethodName": name}

    offers = [offer("slow", 10, 9), offer("dear", 30, 1), offer("fast", 10, 3)]
    service.body = json.dumps({"shippingQuotes": offers})
    names = [one["shippingMethodName"] for one in ask(erp).json()["shippingQuotes"]]
    assert names == ["fast", "slow", "dear"]


def test_a_zip_the_seller_does_not_serve_is_a_404_whatever_the_table_says(
    erp: Erp, service: SellersService
) -> None:
    rate(erp)
    service.status, service.body = 404, '{"message": "Região de entrega não atendida"}'
    assert error_of(ask(erp), 404) == "Região de entrega não atendida"
    assert FreightQuote.objects.get().source == FreightQuote.Source.NONE


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "oops"),
        (302, ""),
        (401, "{}"),
        (200, ""),
        (200, "not json"),
        (200, "[]"),
        (200, "{}"),
        (200, '{"shippingQuotes": []}'),
        (200, '{"shippingQuotes": {"a": 1}}'),
        (200, '{"shippingQuotes": [1]}'),
        (200, offering(shippingCost=-1)),
        (200, offering(shippingCost=None)),
        (200, offering(deliveryTime=None)),
        (200, offering(deliveryTime=[1])),
        (200, offering(deliveryTime={"transit": 1})),
        (200, offering(deliveryTime={"total": 9e9})),
        (200, offering(shippingMethodName="")),
    ],
)
def test_an_answer_that_cannot_be_used_leads_to_the_table(
    erp: Erp, service: SellersService, status: int, body: str
) -> None:
    rate(erp)
    service.status, service.body = status, body
    answer = ask(erp)
    assert (answer.status_code, answer.json()["source"]) == (200, "contingency")
    kept = FreightQuote.objects.get()
    assert kept.problem
    assert "s3cret" not in kept.problem


@pytest.mark.parametrize(("pause", "trickle"), [(1.5, 0.0), (0.0, 0.05)])
def test_a_slow_seller_is_not_waited_for(
    erp: Erp, service: SellersService, pause: float, trickle: float
) -> None:
    rate(erp)
    service.pause, service.trickle = pause, trickle
    began = time.monotonic()
    answer = ask(erp)
    assert answer.json()["source"] == "contingency"
    assert 0.7 < time.monotonic() - began < 1.3
    assert FreightQuote.objects.get().milliseconds >= 700


def test_an_address_where_nobody_listens_leads_to_the_table(erp: Erp) -> None:
    rate(erp)
    for url in ("http://127.0.0.1:1/", "http://" + "a" * 70 + ".example/", "http://localhost:99999/"):
        FreightSettings.objects.update_or_create(seller=erp.seller, defaults={"quote_url": url})
        assert ask(erp).json()["source"] == "contingency"


def test_private_addresses_are_neither_taken_nor_asked(
    erp: Erp, service: SellersService, settings: Any
) -> None:
    quotes.check_address(service.url)
    settings.HUB_ALLOW_PRIVATE_ADDRESSES = False
    for url in (
        service.url,
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://localhost/",
        "https://169.254.169.254/x",
    ):
        with pytest.raises(Refusal):
            quotes.check_address(url)
    quotes.check_address("https://8.8.8.8/quote")
    rate(erp)
    assert ask(erp).json()["source"] == "contingency"
    assert service.asked == []


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "https://", "https://ana:1@example.com/", "x", "http://[::1"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Refusal):
        quotes.check_address(url)


# --- the contingency table ----------------------------------------------------------------------


def test_the_table_answers_by_zip_and_weight_with_the_crossdocking_on_top(erp: Erp) -> None:
    rate(erp)
    rate(erp, name="Expressa", days=1)
    rate(erp, name="Econômica", cost="9.90", weight_to=0.9)
    rate(erp, name="Pesada", cost=1, weight_from=1.001)
    rate(erp, name="Longe", cost=1, zip_from=20000000, zip_to=29999999)
    data = ask(erp).json()
    assert data["source"] == "contingency"
    assert [one["shippingMethodName"] for one in data["shippingQuotes"]] == ["Expressa", "PAC"]
    assert data["shippingQuotes"][0]["deliveryTime"] == {"total": 3, "transit": 1, "expedition": 2}
    assert data["shippingQuotes"][0]["shippingCost"] == 25.9
    light = ask(erp, volumes=[{"sku": "A"}]).json()
    assert light["shippingQuotes"][0]["shippingMethodName"] == "Econômica"
    assert error_of(ask(erp, 90000000), 404) == "Região de entrega não atendida"


def test_a_load_no_scale_knows_is_not_served(erp: Erp) -> None:
    rate(erp)
    volume = {"sku": "A", "quantity": 99_999_999, "weight": 9_999_999}
    error_of(ask(erp, volumes=[volume, volume]), 404)


def test_lines_of_the_table_are_added_listed_changed_and_removed(erp: Erp) -> None:
    made = rate(erp, weight_from="0.5")
    assert made.status_code == 201
    line = made.json()
    assert (line["zip_from"], line["zip_to"], line["weight_from"], line["cost"]) == (
        "01000000",
        "19999999",
        0.5,
        25.9,
    )
    path = f"/freights/contingency/{line['id']}"
    assert erp.put(path, {"rate": {"cost": 12.345, "days": 0}}).status_code == 204
    listed = erp.get("/freights/contingency").json()
    assert listed["total"] == 1
    assert listed["rates"][0] | {"cost": 0} == line | {"cost": 0, "days": 0}
    assert listed["rates"][0]["cost"] in (12.34, 12.35)
    assert erp.delete(path).status_code == 204
    error_of(erp.delete(path), 404)
    error_of(erp.put(path, {"rate": {"cost": 1}}), 404)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"name": ""}, 400),
        ({"cost": None}, 400),
        ({"name": ["x"]}, 422),
        ({"zip_from": "123456789"}, 422),
        ({"zip_from": "x"}, 422),
        ({"zip_from": 20000000}, 422),
        ({"weight_to": -1}, 422),
        ({"weight_from": 11}, 422),
        ({"cost": 10**9}, 422),
        ({"days": 366}, 422),
        ({"days": 1.5}, 422),
    ],
)
def test_a_bad_line_is_refused(erp: Erp, said: dict[str, Any], status: int) -> None:
    error_of(rate(erp, **said), status)
    assert not FreightRate.objects.exists()
    number = rate(erp).json()["id"]
    if status == 422:
        error_of(erp.put(f"/freights/contingency/{number}", {"rate": said}), 422)


def test_lines_are_paged(erp: Erp) -> None:
    for place in range(5):
        rate(erp, name=f"R{place}", zip_from=1000000 + place)
    page = erp.get("/freights/contingency?page=2&per_page=2").json()
    assert ([one["name"] for one in page["rates"]], page["total"]) == (["R2", "R3"], 5)
    error_of(erp.get("/freights/contingency?page=0"), 400)


@pytest.mark.parametrize("number", ["0", "x", "9" * 30, "²", "%00"])
def test_an_unknown_line_is_a_404(erp: Erp, number: str) -> None:
    error_of(erp.put(f"/freights/contingency/{number}", {"rate": {"cost": 1}}), 404)
    error_of(erp.delete(f"/freights/contingency/{number}"), 404)


# --- history, bad calls, strangers --------------------------------------------------------------


def test_quotes_are_kept_and_listed_by_channel(erp: Erp) -> None:
    rate(erp)
    ask(erp, saleSystem="Submarino")
    ask(erp, 90000000, sale_system="Lojas Americanas")
    ask(erp)
    listed = erp.get("/freights").json()
    assert (listed["total"], [one["source"] for one in listed["freights"]]) == (
        3,
        ["contingency", "none", "contingency"],
    )
    (one,) = erp.get("/freights?filters[sale_systems]=Submarino").json()["freights"]
    assert (one["sale_system"], one["destination_zip"], one["problem"]) == ("Submarino", "05010010", None)
    assert one["volumes"][0]["sku"] == "A"
    assert one["shipping_quotes"][0]["shippingMethodName"] == "PAC"
    assert (
        erp.get("/freights?filters[sale_systems][]=Submarino&filters[sale_systems][]=x").json()["total"] == 1
    )
    page = erp.get("/freights?page=2&per_page=2").json()
    assert (len(page["freights"]), page["total"]) == (1, 3)
    error_of(erp.get("/freights?page=x"), 400)


def test_old_quotes_are_forgotten(erp: Erp, settings: Any) -> None:
    rate(erp)
    ask(erp)
    ask(erp)
    newest = FreightQuote.objects.latest("id")
    past = timezone.now() - timedelta(days=settings.HUB_EXCHANGE_DAYS + 1)
    FreightQuote.objects.exclude(pk=newest.pk).update(created_at=past)
    assert tasks.forget_old_freight_quotes() == 1
    assert FreightQuote.objects.get() == newest


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"destinationZip": None}, 400),
        ({"destinationZip": "x"}, 422),
        ({"destinationZip": 0}, 422),
        ({"destinationZip": 10**9}, 422),
        ({"destinationZip": [1]}, 422),
        ({"volumes": None}, 400),
        ({"volumes": []}, 400),
        ({"volumes": "A"}, 422),
        ({"volumes": ["A"]}, 422),
        ({"volumes": [{}]}, 422),
        ({"volumes": [{"sku": "A", "quantity": 0}]}, 422),
        ({"volumes": [{"sku": "A", "quantity": "many"}]}, 422),
        ({"volumes": [{"sku": "A", "weight": -1}]}, 422),
        ({"volumes": [{"sku": "A", "price": {}}]}, 422),
        ({"volumes": [{"sku": "NONE"}]}, 422),
        ({"volumes": [{"sku": "A"}] * 201}, 422),
        ({"saleSystem": "x" * 81}, 422),
    ],
)
def test_a_bad_quote_is_refused(erp: Erp, said: dict[str, Any], status: int) -> None:
    rate(erp)
    error_of(ask(erp, **said), status)
    assert not FreightQuote.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"x"', b""])
def test_a_body_that_is_no_object_is_a_400(erp: Erp, body: bytes) -> None:
    error_of(erp.send("POST", "/freights/quote", body), 400)
    error_of(erp.send("POST", "/freights/contingency", body), 400)


def test_a_stranger_sees_asks_and_changes_nothing_of_mine(
    erp: Erp, stranger: Erp, service: SellersService
) -> None:
    number = rate(erp).json()["id"]
    ask(erp)
    make_product(stranger.seller, "A", price="1", weight="1")
    error_of(ask(stranger), 404)
    assert len(service.asked) == 1
    assert stranger.get("/freights").json()["total"] == 1
    assert stranger.get("/freights/contingency").json() == {"rates": [], "total": 0}
    error_of(stranger.put(f"/freights/contingency/{number}", {"rate": {"cost": 1}}), 404)
    error_of(stranger.delete(f"/freights/contingency/{number}"), 404)
    assert FreightRate.objects.filter(seller=erp.seller).count() == 1
