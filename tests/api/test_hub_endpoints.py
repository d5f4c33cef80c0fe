"""/connections, /listings, /loads and /issues: an ERP can do what a seller can."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hub.api.times import moment
from marketplaces.models import Connection, Incident, Listing, Load, Marketplace
from marketplaces.simulators.sandbox import SandboxSimulator
from tests import make
from tests.marketplaces.shop import FAST, Shop, change_product, open_shop

pytestmark = pytest.mark.django_db(transaction=True)


class Erp:
    """An ERP with a seller's key."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._client, self._headers = Client(raise_request_exception=False), headers

    def get(self, path: str, **params: Any) -> Any:
        return self._client.get(path, params, headers=self._headers)

    def post(self, path: str, body: Any) -> Any:
        return self._client.post(path, body, content_type="application/json", headers=self._headers)

    def put(self, path: str, body: Any) -> Any:
        return self._client.put(path, body, content_type="application/json", headers=self._headers)


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    with SandboxSimulator(settings=FAST) as sandbox:
        yield open_shop(sandbox, "Ana")


@pytest.fixture
def erp(shop: Shop) -> Erp:
    return Erp(make.make_api_headers(shop.seller))


@pytest.fixture
def stranger(shop: Shop) -> Erp:
    return Erp(make.make_api_headers(make.make_seller("Beto")))


def start(erp: Erp, **said: Any) -> Any:
    return erp.post("/loads", {"load": {"connection": "Sandbox", "action": "connect", **said}})


def test_a_connection_shows_how_it_stands_and_never_its_credentials(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    shop.connect()

    answer = erp.get("/connections")

    (connection,) = answer.json()["connections"]
    assert (connection["name"], connection["status"]) == ("Sandbox", "active")
    assert connection["listings"]["connected"] == 1
    assert connection == erp.get("/connections/Sandbox").json()
    assert shop.account["api_key"] not in answer.text


def test_an_erp_connects_reads_the_errors_corrects_and_reconnects(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    wrong = shop.sell("PAN-2", brand="")
    started = start(erp, skus=["PAN-1", "PAN-2", "NONE"])
    assert started.status_code == 201
    assert (started.json()["number"], started.json()["total"]) == (1, 2)
    assert started.json()["unknown_skus"] == ["NONE"]
    shop.settle()

    load = erp.get("/loads/1").json()
    assert (load["state"], load["items"]["done"], load["items"]["error"]) == ("done", 1, 1)
    (refused,) = erp.get("/loads/1/items", state="error").json()["items"]
    assert refused["sku"] == "PAN-2"
    assert [(issue["code"], issue["field"], issue["who"]) for issue in refused["issues"]] == [
        ("required", "brand", "erp")
    ]
    (cause,) = erp.get("/issues/causes").json()["causes"]
    assert (cause["code"], cause["listings"], cause["example_skus"]) == ("required", 1, ["PAN-2"])

    change_product(wrong, brand="Panex")
    shop.settle()
    again = start(erp, action="reconnect", corrected_of=1)
    assert (again.status_code, again.json()["total"]) == (201, 1)
    shop.settle()

    assert erp.get("/issues").json()["issues"] == []
    assert {one["sku"] for one in erp.get("/issues", state="closed").json()["issues"]} == {"PAN-2"}
    (listing,) = erp.get("/listings", sku="PAN-2").json()["listings"]
    assert (listing["state"], listing["stock"]["state"], listing["stock"]["confirmed"]) == (
        "connected",
        "confirmed",
        "10",
    )


def test_a_products_sku_means_all_its_variations(shop: Shop, erp: Erp) -> None:
    parent = make.make_parent(shop.seller, "PAI")
    make.make_variation(parent, "PAI-1")
    make.make_variation(parent, "PAI-2")
    assert start(erp, skus=["PAI"]).json()["total"] == 2


def test_disconnecting_everything_takes_it_off_sale(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    shop.connect()

    assert start(erp, action="disconnect", all=True).json()["total"] == 1
    shop.settle()

    assert shop.listing("PAN-1").state == Listing.State.DISCONNECTED
    assert Load.objects.latest("id").origin == Load.Origin.API


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 422),
        ({"all": True, "skus": ["A"]}, 422),
        ({"all": "yes"}, 422),
        ({"skus": "A"}, 422),
        ({"skus": [{"sku": "A"}]}, 422),
        ({"skus": ["A"] * 10_001}, 422),
        ({"skus": ["NONE"]}, 422),
        ({"all": True, "action": "publish"}, 400),
        ({"all": True, "action": None}, 400),
        ({"all": True, "connection": "Nowhere"}, 404),
        ({"corrected_of": 1}, 422),
        ({"corrected_of": 99, "action": "reconnect"}, 404),
        ({"corrected_of": 10**30, "action": "reconnect"}, 404),
        ({"corrected_of": "1", "action": "reconnect"}, 404),
        ({"corrected_of": -(10**30), "action": "reconnect"}, 404),
        ({"refused_of": 1}, 422),
        ({"refused_of": 99, "action": "reconnect"}, 404),
        ({"corrected": True}, 422),
        ({"corrected": 1, "action": "reconnect"}, 422),
    ],
)
def test_a_load_that_makes_no_sense_is_refused_in_a_sentence(
    shop: Shop, erp: Erp, said: dict[str, Any], status: int
) -> None:
    shop.sell("PAN-1")
    answer = start(erp, **said)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["error"], str)
    assert not Load.objects.exists()


PATHS = ["/connections", "/listings", "/loads", "/issues", "/issues/causes"]


@pytest.mark.parametrize("path", [*PATHS, "/connections/Sandbox", "/loads/1", "/loads/1/items"])
def test_nobody_gets_in_without_a_key(shop: Shop, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 401
    assert isinstance(answer.json()["error"], str)


def test_a_stranger_sees_and_starts_nothing(shop: Shop, erp: Erp, stranger: Erp) -> None:
    shop.sell("PAN-1", brand="")
    shop.connect()
    assert erp.get("/loads/1").status_code == 200

    for path in PATHS:
        body = stranger.get(path).json()
        assert not any(isinstance(value, list) and value for value in body.values()), body
    for path in ("/connections/Sandbox", "/loads/1", "/loads/1/items"):
        assert stranger.get(path).status_code == 404
    assert start(stranger, all=True).status_code == 404
    assert stranger.put("/connections/Sandbox", {"paused": True}).status_code == 404
    assert stranger.post("/connections/Sandbox/try", None).status_code == 404
    for path in ("/loads/check", "/listings/send"):
        said = {"connection": "Sandbox", "skus": ["PAN-1"]}
        assert stranger.post(path, {path.split("/")[1].removesuffix("s"): said, **said}).status_code == 404


def test_a_check_says_what_a_connection_would_say_and_sends_nothing(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-0")
    shop.connect()
    shop.sell("PAN-1")
    shop.sell("PAN-2", brand="")
    wanted = {"connection": "Sandbox", "skus": ["PAN-1", "PAN-2", "NONE"]}
    answer = erp.post("/loads/check", {"load": wanted})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["ready"], told["not_ready"], told["unknown_skus"]) == (1, 1, ["NONE"])
    good, bad = told["items"]
    assert (good["sku"], good["ready"], good["issues"]) == ("PAN-1", True, [])
    assert [(one["code"], one["field"], one["who"]) for one in bad["issues"]] == [
        ("required", "brand", "erp")
    ]
    assert Listing.objects.count() == Load.objects.count() == 1


def test_a_connection_is_paused_and_its_switches_turned(shop: Shop, erp: Erp) -> None:
    changed = erp.put(
        "/connections/Sandbox", {"connection": {"paused": True, "sync": {"stock": False, "heal": False}}}
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["status"], changed.json()["sync"]["stock"]) == ("paused", False)
    assert changed.json()["sync"]["heal"] is False
    assert changed.json()["sync"]["price"] is True, "what is not sent stays"
    assert erp.get("/connections/Sandbox").json() == changed.json()
    again = erp.put("/connections/Sandbox", {"paused": False}).json()
    assert (again["status"], again["sync"]["stock"]) == ("active", False)
    assert erp.post("/connections/Sandbox/try", None).status_code == 202


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"connection": {"paused": "yes"}}, 422),
        ({"connection": {"sync": {"stock": 1}, "paused": True}}, 422),
        ({"connection": {"sync": "all"}}, 422),
        ({"connection": {"paused": True, "stock": {"percentage": 101}}}, 422),
        ({"connection": {"sync": {"stock": False}, "stock": {"percentage": 0}}}, 422),
        ({"connection": {"stock": {"percentage": None}}}, 422),
        ({"connection": {"stock": {"reserve": -1}}}, 422),
        ({"connection": {"stock": {"reserve": 100_000_000}}}, 422),
        ({"connection": {"stock": {"reserve": None}}}, 422),
        ({"connection": {"stock": {"most": 0}}}, 422),
        ({"connection": {"stock": {"hold": "yes", "reserve": 3}}}, 422),
        ({"connection": {"stock": []}}, 422),
        ({"connection": {"stock": None}}, 422),
        ({"connection": 5}, 400),
        ({}, 400),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(
    shop: Shop, erp: Erp, said: dict[str, Any], status: int
) -> None:
    before = erp.get("/connections/Sandbox").json()
    answer = erp.put("/connections/Sandbox", said)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert erp.get("/connections/Sandbox").json() == before


def test_an_incident_of_the_marketplace_is_told_with_the_connection(shop: Shop, erp: Erp) -> None:
    marketplace = shop.connection.marketplace
    told = erp.get("/connections/Sandbox").json()
    assert (told["incident"], told["marketplace_paused_until"]) == (None, None)

    pause_ends = timezone.now() + timedelta(minutes=1)
    Marketplace.objects.update(paused_until=pause_ends)
    incident = Incident.objects.create(marketplace=marketplace, problem="Unavailable")
    told = erp.get("/connections/Sandbox").json()
    assert told["incident"]["state"] == "paused"
    assert told["incident"]["since"] == moment(incident.opened_at)
    assert "está com problemas desde" in told["incident"]["message"]
    assert told["marketplace_paused_until"] == moment(pause_ends)
    assert erp.get("/connections").json()["connections"] == [told]

    Marketplace.objects.update(paused_until=timezone.now())
    Incident.objects.update(recovered_at=timezone.now())
    told = erp.get("/connections/Sandbox").json()
    assert (told["incident"]["state"], told["marketplace_paused_until"]) == ("recovering", None)
    Incident.objects.update(closed_at=timezone.now())
    assert erp.get("/connections/Sandbox").json()["incident"] is None


def test_an_incident_staff_muted_is_told_to_no_erp_but_the_pause_is(shop: Shop, erp: Erp) -> None:
    Marketplace.objects.update(paused_until=timezone.now() + timedelta(minutes=1))
    Incident.objects.create(marketplace=shop.connection.marketplace, muted_at=timezone.now())
    told = erp.get("/connections/Sandbox").json()
    assert told["incident"] is None
    assert told["marketplace_paused_until"] is not None


def test_an_erp_sets_how_much_of_its_quantity_is_offered(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    buffers = {"hold": False, "reserve": 2, "percentage": "50", "most": 30}
    changed = erp.put("/connections/Sandbox", {"stock": buffers})
    assert changed.status_code == 200, changed.text
    assert changed.json()["stock"] == {**buffers, "percentage": 50}
    (listing,) = erp.get("/listings").json()["listings"]
    assert (listing["quantity"]["published"], listing["stock"]["why"]) == (4, "buffer")

    again = erp.put("/connections/Sandbox", {"connection": {"stock": {"most": None}}}).json()
    assert again["stock"] == {**buffers, "percentage": 50, "most": None}, "what is not sent stays"
    assert erp.get("/connections/Sandbox").json() == again


def test_what_a_call_cannot_change_of_a_connection_is_named(shop: Shop, erp: Erp) -> None:
    said = {
        "connection": {
            "paused": False,
            "status": "active",
            "stock": {"reserved": 1},
            "sync": {"prices": False},
        }
    }
    answer = erp.put("/connections/Sandbox", said)
    assert answer.status_code == 200
    assert answer.headers["X-Hub-Ignored-Fields"] == "status, sync.prices, stock.reserved"


def test_a_connection_without_access_cannot_be_resumed(shop: Shop, erp: Erp) -> None:
    Connection.objects.update(status=Connection.Status.NEEDS_CREDENTIALS)
    assert erp.put("/connections/Sandbox", {"paused": False}).status_code == 422


def test_price_and_stock_are_sent_again_on_demand(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    shop.sell("PAN-2", brand="")
    shop.connect()
    before = shop.sync("PAN-1", "stock").sent_at
    wanted = {"connection": "Sandbox", "skus": ["PAN-1", "PAN-2"], "facets": ["stock"]}
    answer = erp.post("/listings/send", {"listings": wanted})
    assert (answer.status_code, answer.json()) == (202, {"listings": 1, "unknown_skus": ["PAN-2"]})
    assert shop.sync("PAN-1", "stock").due_at is not None
    assert shop.sync("PAN-1", "price").due_at is None
    shop.settle()
    assert shop.sync("PAN-1", "stock").sent_at > before


def test_what_a_switch_keeps_back_is_off_and_not_due(shop: Shop, erp: Erp) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    erp.put("/connections/Sandbox", {"sync": {"price": False}})
    change_product(variation, price="140.00")
    (listing,) = erp.get("/listings").json()["listings"]
    assert (listing["price"]["state"], listing["stock"]["state"]) == ("off", "confirmed")

    erp.put("/connections/Sandbox", {"sync": {"price": True}})
    (listing,) = erp.get("/listings").json()["listings"]
    assert listing["price"]["state"] == "due"


def test_everything_refused_or_corrected_is_sent_again(shop: Shop, erp: Erp) -> None:
    wrong = shop.sell("PAN-1", brand="")
    shop.sell("PAN-2", brand="")
    shop.connect()
    assert start(erp, action="reconnect", corrected=True).status_code == 422, "nothing is corrected yet"
    change_product(wrong, brand="Panex")
    shop.settle()
    assert start(erp, action="reconnect", corrected=True).json()["total"] == 1
    shop.settle()
    again = start(erp, action="reconnect", refused_of=1)
    assert (again.status_code, again.json()["total"]) == (201, 1)


def test_errors_are_put_aside_by_cause_and_brought_back(shop: Shop, erp: Erp, stranger: Erp) -> None:
    shop.sell("PAN-1", brand="")
    shop.sell("PAN-2", brand="")
    shop.connect()

    def skus(**state: str) -> list[str]:
        return sorted(one["sku"] for one in erp.get("/issues", **state).json()["issues"])

    assert skus() == ["PAN-1", "PAN-2"]
    chosen = {"code": "required", "field": "brand", "connection": "Sandbox", "skus": ["PAN-1"]}
    assert stranger.post("/issues/put_aside", {"issues": {"code": "required"}}).json() == {"issues": 0}
    assert erp.post("/issues/put_aside", {"issues": {**chosen, "field": "ean"}}).json() == {"issues": 0}
    assert erp.post("/issues/put_aside", {"issues": chosen}).json() == {"issues": 1}
    assert (skus(), skus(state="aside")) == (["PAN-2"], ["PAN-1"])
    assert erp.get("/issues/causes").json()["causes"][0]["listings"] == 1
    assert erp.post("/issues/bring_back", {"issues": {"code": "required"}}).json() == {"issues": 1}
    assert (skus(), skus(state="aside")) == (["PAN-1", "PAN-2"], [])


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        ("/loads/check", {"load": {"skus": ["A"]}}, 400),
        ("/loads/check", {"load": {"connection": "Nowhere", "skus": ["A"]}}, 404),
        ("/loads/check", {"load": {"connection": "Sandbox", "skus": "A"}}, 422),
        ("/listings/send", {"listings": {"connection": "Sandbox"}}, 400),
        ("/listings/send", {"listings": {"connection": "Nowhere", "skus": ["A"]}}, 404),
        (
            "/listings/send",
            {"listings": {"connection": "Sandbox", "skus": ["A"], "facets": ["content"]}},
            400,
        ),
        ("/listings/send", {"listings": {"connection": "Sandbox", "skus": [{}]}}, 422),
        ("/issues/put_aside", {"issues": {}}, 400),
        ("/issues/put_aside", {"issues": {"code": [5]}}, 422),
        ("/issues/put_aside", {"issues": {"code": "required", "field": []}}, 422),
        ("/issues/put_aside", {"issues": {"code": "required", "connection": "Nowhere"}}, 404),
        ("/issues/bring_back", {"issues": {"code": "required", "skus": "A"}}, 422),
        ("/connections/Nowhere/try", None, 404),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    erp: Erp, path: str, said: dict[str, Any], status: int
) -> None:
    answer = erp.post(path, said)
    assert (answer.status_code, list(answer.json())) == (status, ["error"]), answer.text


def test_a_cursor_walks_every_listing_once_and_belongs_to_its_seller(
    shop: Shop, erp: Erp, stranger: Erp
) -> None:
    for number in range(5):
        shop.sell(f"PAN-{number}")
    start(erp, all=True)
    seen: list[str] = []
    following = "/listings?per_page=2&connection=Sandbox"
    while following:
        answer = erp.get(following).json()
        seen += [one["sku"] for one in answer["listings"]]
        stolen, following = following, answer["next"]
    assert sorted(seen) == [f"PAN-{number}" for number in range(5)]
    assert "cursor=" in stolen
    assert stranger.get(stolen).status_code == 400


@pytest.mark.parametrize(
    "query", ["state=x", "cursor=x", "per_page=0", "page=x", "connection=%00", "sku=%00", "state=%00"]
)
@pytest.mark.parametrize("path", ["/listings", "/loads", "/issues", "/loads/1/items"])
def test_no_query_breaks_a_list(shop: Shop, erp: Erp, path: str, query: str) -> None:
    shop.sell("PAN-1")
    start(erp, all=True)
    answer = erp.get(f"{path}?{query}")
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("path", ["/loads/0", "/loads/9999999999", "/loads/x", "/connections/%00"])
def test_what_is_not_there_is_404(erp: Erp, path: str) -> None:
    answer = erp.get(path)
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)
