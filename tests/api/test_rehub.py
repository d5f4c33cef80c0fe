"""/auth and /rehub: connecting products by API, with a token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.test import Client
from django.utils import timezone

from hub.api import tokens
from hub.models import ApiKey, User
from marketplaces.models import Listing, Load, Sync
from marketplaces.simulators.sandbox import SandboxSimulator
from tests.api.erp import Erp
from tests.api.test_conventions import error_of
from tests.make import make_parent, make_seller, make_variation
from tests.marketplaces.shop import FAST, Shop, open_shop
from tests.orders.make import make_connection

pytestmark = pytest.mark.django_db(transaction=True)


class Rehub:
    """An ERP that knows only its token."""

    def __init__(self, erp: Erp) -> None:
        self.erp = erp
        self._client = Client(raise_request_exception=False)
        self.token = ""

    def sign_in(self, **said: Any) -> Any:
        """Ask for a token."""
        headers = self.erp.headers
        body = {"user_email": headers["X-User-Email"], "api_key": headers["X-Api-Key"], **said}
        answer = self._client.post(
            "/auth", body, content_type="application/json", headers={"X-Accountmanager-Key": "x"}
        )
        if answer.status_code == 200:
            self.token = answer.json()["token"]
        return answer

    def post(self, path: str, body: Any, token: str | None = None) -> Any:
        """POST with the token."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return self._client.post(path, body, content_type="application/json", headers=headers)

    def act(self, *skus: str, **said: Any) -> Any:
        """Ask for a product action."""
        body = {"skus": list(skus), "sale_system": "Sandbox", "type": "link", **said}
        return self.post("/rehub/product_actions", body)


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    with SandboxSimulator(settings=FAST) as sandbox:
        yield open_shop(sandbox, "Ana")


@pytest.fixture
def rehub(shop: Shop) -> Rehub:
    found = Rehub(Erp(shop.seller))
    assert found.sign_in().status_code == 200
    return found


@pytest.fixture
def alone(db: None) -> Rehub:
    """An ERP whose seller has nothing connected."""
    found = Rehub(Erp(make_seller("Beto")))
    assert found.sign_in().status_code == 200
    return found


def test_products_are_linked_sent_again_and_unlinked_with_a_token(shop: Shop, rehub: Rehub) -> None:
    shop.sell("PAN-1")
    shop.sell("PAN-2")
    answer = rehub.act("PAN-1", "NONE")
    assert (answer.status_code, answer.json()) == (201, {"id": "1", "unknown_skus": ["NONE"]})
    shop.settle()
    assert shop.listing("PAN-1").state == Listing.State.CONNECTED

    assert rehub.act("PAN-1").json()["id"] == "2"
    assert Load.objects.get(number=2).action == Load.Action.RECONNECT
    shop.settle()
    assert rehub.act("PAN-1", "PAN-2").json()["id"] == "3"
    assert Load.objects.get(number=3).action == Load.Action.CONNECT
    shop.settle()

    assert rehub.act("PAN-1", type="unlink").json() == {"id": "4", "unknown_skus": []}
    shop.settle()
    assert shop.listing("PAN-1").state == Listing.State.DISCONNECTED
    assert shop.listing("PAN-2").state == Listing.State.CONNECTED
    assert set(Load.objects.values_list("origin", flat=True)) == {Load.Origin.API}


def test_an_associated_product_stays_associated_when_it_is_linked_again(shop: Shop, rehub: Rehub) -> None:
    variation = shop.sell("PAN-1")
    Listing.objects.create(
        seller=shop.seller, connection=shop.connection, variation=variation, mode=Listing.Mode.ASSOCIATE
    )
    assert rehub.act("PAN-1").status_code == 201
    assert shop.listing("PAN-1").mode == Listing.Mode.ASSOCIATE


def test_sync_sends_price_and_stock_again(shop: Shop, rehub: Rehub) -> None:
    shop.sell("PAN-1", qty=7)
    shop.sell("PAN-2")
    shop.connect()
    sent = shop.sync("PAN-1", "stock").sent_at
    answer = rehub.act("PAN-1", "PAN-3", type="sync")
    assert (answer.status_code, answer.json()["unknown_skus"]) == (201, ["PAN-3"])
    assert shop.sync("PAN-1", "stock").due_at is not None
    assert shop.sync("PAN-2", "stock").due_at is None
    shop.settle()
    after = shop.sync("PAN-1", "stock")
    assert (after.confirmed_value, after.wanted_version) == ("7", after.confirmed_version)
    assert sent is not None
    assert after.sent_at is not None
    assert after.sent_at > sent
    assert not Sync.objects.filter(due_at__isnull=False).exists()


def test_a_products_sku_means_all_its_variations(shop: Shop, rehub: Rehub) -> None:
    parent = make_parent(shop.seller, "PAI")
    make_variation(parent, "PAI-1")
    make_variation(parent, "PAI-2")
    assert rehub.act("PAI").status_code == 201
    assert Load.objects.get().total == 2


@pytest.mark.parametrize("name", ["Sandbox", "sandbox", "SANDBOX"])
def test_the_channel_is_found_by_any_of_its_names(shop: Shop, rehub: Rehub, name: str) -> None:
    shop.sell("PAN-1")
    shop.connection.name = "Loja da Ana"
    shop.connection.save()
    assert rehub.act("PAN-1", sale_system=name).status_code == 201
    assert rehub.act("PAN-1", sale_system="loja da ana").status_code == 201


def test_a_name_that_fits_several_connections_is_a_422_that_names_them(shop: Shop, rehub: Rehub) -> None:
    shop.sell("PAN-1")
    for connection, name in ((shop.connection, "Loja 1"), (make_connection(shop.seller, "Loja 2"), "Loja 2")):
        connection.name = name
        connection.save()
    sentence = error_of(rehub.act("PAN-1", sale_system="sandbox"), 422)
    assert "Loja 1, Loja 2" in sentence
    assert rehub.act("PAN-1", sale_system="LOJA 1").status_code == 201


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"type": ""}, 400),
        ({"type": "publish"}, 400),
        ({"type": ["link"]}, 422),
        ({"sale_system": None}, 400),
        ({"sale_system": "Nowhere"}, 404),
        ({"sale_system": 1.5}, 422),
        ({"skus": []}, 400),
        ({"skus": "PAN-1"}, 422),
        ({"skus": [{"sku": "PAN-1"}]}, 422),
        ({"skus": ["NONE"]}, 422),
        ({"skus": ["PAN-1"], "type": "unlink"}, 422),
        ({"skus": ["PAN-1"], "type": "sync"}, 422),
    ],
)
def test_an_action_that_makes_no_sense_starts_no_load(
    shop: Shop, rehub: Rehub, said: dict[str, Any], status: int
) -> None:
    shop.sell("PAN-1")
    error_of(rehub.act("PAN-1", **said), status)
    assert not Load.objects.exists()


@pytest.mark.parametrize("body", ["[]", "null", '"x"'])
def test_a_body_that_is_no_object_is_a_400(shop: Shop, rehub: Rehub, body: str) -> None:
    error_of(rehub.post("/rehub/product_actions", body), 400)
    error_of(Client().post("/auth", body, content_type="application/json"), 400)


def test_a_stranger_acts_on_nothing(shop: Shop, alone: Rehub) -> None:
    shop.sell("PAN-1")
    error_of(alone.act("PAN-1"), 404)
    make_connection(alone.erp.seller, "Sandbox")
    error_of(alone.act("PAN-1"), 422)
    assert not Load.objects.exists()


def test_the_api_keys_headers_will_do_as_well(shop: Shop) -> None:
    shop.sell("PAN-1")
    body = {"skus": ["PAN-1"], "sale_system": "Sandbox", "type": "link"}
    assert Erp(shop.seller).post("/rehub/product_actions", body).status_code == 201


def test_a_warehouse_is_made_with_a_token(alone: Rehub) -> None:
    assert alone.post("/rehub/stores", {"store": {"code": "7", "name": "Depósito"}}).status_code == 201
    assert [one["code"] for one in alone.erp.get("/stores").json()["stores"]] == ["98", "7"]
    error_of(alone.post("/rehub/stores", {"store": {"code": "7"}}), 400)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"api_key": "wrong"}, 401),
        ({"user_email": "nobody@example.com"}, 401),
        ({"api_key": ""}, 400),
        ({"user_email": None}, 400),
        ({"user_email": {"a": 1}}, 422),
        ({"api_key": "k" * 501}, 422),
        ({"api_key": "a\x00b"}, 422),
    ],
)
def test_wrong_credentials_get_no_token(alone: Rehub, said: dict[str, Any], status: int) -> None:
    error_of(alone.sign_in(**said), status)


def test_an_account_that_demands_the_integrators_key_gives_no_token_without_it(alone: Rehub) -> None:
    seller = alone.erp.seller
    seller.strict_account_manager = True
    seller.save()
    headers = alone.erp.headers
    body = {"user_email": headers["X-User-Email"], "api_key": headers["X-Api-Key"]}
    error_of(Client().post("/auth", body, content_type="application/json"), 401)
    assert alone.sign_in().status_code == 200


def test_a_token_lives_six_hours(alone: Rehub, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = jwt.decode(alone.token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 6 * 3600
    assert alone.erp.headers["X-Api-Key"] not in str(claims)

    now = timezone.now()
    for age, works in ((timedelta(hours=5, minutes=59), True), (timedelta(hours=6, seconds=1), False)):
        monkeypatch.setattr(tokens.timezone, "now", lambda age=age: now - age)
        alone.sign_in()
        monkeypatch.undo()
        answer = alone.act("A", sale_system="Nowhere")
        assert answer.status_code == (404 if works else 401)


def _forged(alone: Rehub, key: Any = None, **changes: Any) -> str:
    claims = jwt.decode(alone.token, options={"verify_signature": False})
    key = tokens._signing_key() if key is None else key
    return jwt.encode({**claims, **changes}, key, algorithm="HS256" if key else "none")


def test_a_forged_token_opens_nothing(alone: Rehub) -> None:
    other = Erp(make_seller("Clara"))
    foreign_user = User.objects.get(email=other.headers["X-User-Email"])
    forged = [
        "",
        "x",
        "a.b.c",
        "ção",
        alone.token[:-2],
        _forged(alone, b"k" * 32),
        _forged(alone, ""),
        _forged(alone, aud="other"),
        _forged(alone, sub=str(foreign_user.pk)),
    ]
    for token in forged:
        error_of(alone.post("/rehub/product_actions", {}, token=token), 401)
    assert alone.post("/rehub/product_actions", {}).status_code == 400


def test_a_revoked_key_or_a_person_who_left_stops_the_token(alone: Rehub) -> None:
    person = User.objects.get(email=alone.erp.headers["X-User-Email"])
    person.is_active = False
    person.save()
    error_of(alone.act("A"), 401)
    person.is_active = True
    person.save()
    error_of(alone.act("A"), 404)
    ApiKey.objects.get(seller=alone.erp.seller).revoke()
    error_of(alone.act("A"), 401)


def test_a_token_opens_rehub_only(alone: Rehub) -> None:
    error_of(Client().get("/products", headers={"Authorization": f"Bearer {alone.token}"}), 401)
    error_of(Client().post("/rehub/product_actions", "{}", content_type="application/json"), 401)
