"""The commands that open sellers, seed the demo and play the ERP."""

from __future__ import annotations

import gzip
import io
import json
import random
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.gtin import is_valid
from catalog.models import Product, Variation
from hub.erp import catalogue, corrections, orders, realdata, replay, verify
from hub.erp.http import ErpError, JsonApi, hub_api
from hub.erp.terminal import Progress, Terminal
from hub.models import ApiKey, Membership, Seller, User
from marketplaces.simulators.sandbox import SandboxSimulator
from orders.nfe import problem_of
from tests.make import make_api_headers, make_seller

REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
GOOD = {"name": "Loja Nova", "email": "dona@nova.example"}


def printed(command: str, *arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def created(**options: Any) -> dict[str, Any]:
    return dict(json.loads(printed("createseller", "--json", **{**GOOD, **options})))


# --- createseller -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_printed_headers_open_the_api_and_the_printed_password_the_portal(client: Client) -> None:
    told = created()
    answer = client.get("/products", headers=told["headers"])
    assert (answer.status_code, answer.json()["products"]) == (200, [])
    form = {"username": told["email"], "password": told["password"]}
    assert client.post("/portal/login/?next=/portal/", form).status_code == 302
    membership = Membership.objects.get(seller_id=told["seller_id"])
    assert (membership.role, membership.user.email) == (Membership.Role.OWNER, "dona@nova.example")


@pytest.mark.django_db
def test_the_table_shows_the_sign_in_and_the_three_headers() -> None:
    said = printed("createseller", **GOOD, password="uma senha bem longa")
    for word in (
        "uma senha bem longa",
        "dona@nova.example",
        "X-User-Email",
        "X-Api-Key",
        "X-Accountmanager-Key",
    ):
        assert word in said


@pytest.mark.django_db
def test_a_person_with_a_sign_in_is_invited_to_the_new_seller_and_keeps_the_password(client: Client) -> None:
    first = created()
    assert first["invitation_url"] is None
    second = created(name="Loja Outra", email="DONA@nova.example", password="uma senha diferente")
    assert second["password"] is None
    assert second["seller_id"] != first["seller_id"]
    person = User.objects.get(email="dona@nova.example")
    assert person.check_password(first["password"])
    assert person.memberships.count() == 1
    assert client.get("/products", headers=second["headers"]).status_code == 401
    new = "e uma senha nova"
    accepted = {"password": first["password"], "new_password1": new, "new_password2": new}
    opened = client.get(urlsplit(second["invitation_url"]).path)
    assert client.post(opened["Location"], accepted).status_code == 302
    assert client.get("/products", headers=second["headers"]).status_code == 200


@pytest.mark.django_db
def test_the_table_shows_the_invitation_of_who_has_a_sign_in() -> None:
    created()
    assert "/invitation/" in printed("createseller", **{**GOOD, "name": "Loja Outra"})


@pytest.mark.django_db
def test_a_test_account_is_made_only_when_asked_for() -> None:
    assert not Seller.objects.get(pk=created()["seller_id"]).is_test
    assert Seller.objects.get(pk=created(test=True)["seller_id"]).is_test


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": " "}, "Give the seller a name"),
        ({"name": "L" * 151}, "too long"),
        ({"email": ""}, "Give the owner's e-mail"),
        ({"email": "dona"}, "not an e-mail address: dona"),
        ({"password": "123"}, "This password will not do"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_made(wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        printed("createseller", **{**GOOD, **wrong})
    assert not Seller.objects.exists()
    assert not User.objects.exists()


# --- seed_demo --------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of its own, on a machine without a database of somebody else's."""
    settings.HUB_DATA = tmp_path
    settings.HUB_SANDBOX_PORT = 9  # discard: nobody answers
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("HUB_DEMO", raising=False)
    return tmp_path


def seeded(data: Path) -> dict[str, Any]:
    printed("seed_demo")
    return dict(json.loads((data / "demo.json").read_text(encoding="utf-8")))


@pytest.mark.django_db
def test_what_demo_json_says_is_true(data: Path, client: Client) -> None:
    told = seeded(data)
    assert stat.S_IMODE((data / "demo.json").stat().st_mode) == 0o600
    assert client.get("/products", headers=told["api_headers"]).json()["total"] > 160
    for person in [*told["seller"]["people"], *told["other_seller"]["people"]]:
        form = {"username": person["email"], "password": person["password"]}
        assert client.post("/portal/login/?next=/portal/", form).status_code == 302, person["role"]
    form = {"username": told["staff"]["email"], "password": told["staff"]["password"]}
    assert client.post("/admin/login/?next=/admin/", form).status_code == 302
    roles = Membership.objects.filter(seller_id=told["seller"]["id"]).values_list("role", flat=True)
    assert sorted(roles) == ["operator", "owner", "viewer"]


@pytest.mark.django_db
def test_seeding_again_changes_nothing(data: Path) -> None:
    before = seeded(data)
    rows = (Seller, User, Membership, ApiKey, Product, Variation)
    counts = [model.objects.count() for model in rows]
    assert seeded(data) == before
    assert [model.objects.count() for model in rows] == counts


@pytest.mark.django_db
def test_with_demo_json_lost_the_old_secrets_stop_working(data: Path, client: Client) -> None:
    before = seeded(data)
    (data / "demo.json").unlink()
    after = seeded(data)
    assert client.get("/products", headers=before["api_headers"]).status_code == 401
    assert client.get("/products", headers=after["api_headers"]).status_code == 200
    assert Seller.objects.count() == 2


@pytest.mark.django_db
def test_a_changed_catalogue_is_left_as_it_is(data: Path) -> None:
    told = seeded(data)
    Product.objects.filter(seller_id=told["seller"]["id"]).exclude(sku="SMART-NUVIA-N10").delete()
    seeded(data)
    assert Product.objects.filter(seller_id=told["seller"]["id"]).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "environment", [{"DATABASE_URL": "postgresql://db.example/hub"}, {"HUB_DEMO": "off"}], ids=str
)
def test_no_sign_in_is_made_where_a_demo_has_no_place(
    data: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert "No demo here" in printed("seed_demo")
    assert not User.objects.exists()
    assert not (data / "demo.json").exists()


@pytest.mark.django_db
def test_the_sandbox_account_is_there_before_and_after_the_sandbox_starts(
    data: Path, settings: LazySettings
) -> None:
    before = seeded(data)["sandbox"]
    with SandboxSimulator(data / "sandbox") as sandbox:
        account = sandbox.create_account("another name", before["api_key"])
        assert account["webhook_secret"] == before["webhook_secret"]
        settings.HUB_SANDBOX_PORT = int(sandbox.url.rsplit(":", 1)[1])
        after = seeded(data)["sandbox"]
    assert (after["api_key"], after["webhook_secret"]) == (before["api_key"], before["webhook_secret"])
    assert after["shop_url"] == f"{sandbox.url}/"


# --- the ERP against a hub over HTTP ----------------------------------------------------------


@pytest.fixture
def api(live_server: Any) -> JsonApi:
    """The API of a new seller, over real HTTP."""
    headers = make_api_headers(make_seller("Ana"))
    return JsonApi(live_server.url, headers, patience=0)


@pytest.fixture
def quiet() -> Terminal:
    return Terminal(io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_the_shipped_catalogue_is_pushed_and_its_corrections_reach_every_product(
    api: JsonApi, quiet: Terminal, tmp_path: Path
) -> None:
    products = catalogue.products_of(None)
    report = catalogue.push(api, products, quiet)
    assert report.summary["created"] + len(report.refused) == len(products)
    assert len(report.refused) >= 1
    catalogue.tell(report, quiet, tmp_path / "errors.csv")
    written = (tmp_path / "errors.csv").read_text(encoding="utf-8").splitlines()
    assert len(written) == 1 + len(report.refused)

    corrected = catalogue.push(api, catalogue.shipped_fixes(), quiet)
    assert not corrected.refused
    assert {one["sku"] for one in catalogue.walk(api)} == {one["sku"] for one in products}


@pytest.mark.django_db(transaction=True)
def test_changes_of_every_day_reach_the_hub(api: JsonApi, quiet: Terminal) -> None:
    catalogue.push(api, catalogue.products_of(None)[:20], quiet)
    before = {one["sku"]: one for product in catalogue.walk(api) for one in catalogue.sellable(product)}
    catalogue.change_stock(api, 10, 0, quiet, random.Random(1))
    catalogue.change_prices(api, 10, 0, quiet, random.Random(1))
    after = {one["sku"]: one for product in catalogue.walk(api) for one in catalogue.sellable(product)}
    assert any(after[sku]["qty"] != before[sku]["qty"] for sku in before)
    assert any(after[sku]["price"] != before[sku]["price"] for sku in before)


@pytest.mark.django_db(transaction=True)
def test_draining_the_queue_invoices_ships_and_lowers_the_stock(live_server: Any, quiet: Terminal) -> None:
    seller = make_seller("Ana", is_test=True)
    api = JsonApi(live_server.url, make_api_headers(seller), patience=0)
    product = {"sku": "A", "name": "Panela", "price": 10, "qty": 9}
    catalogue.push(api, [product], quiet)
    order = {"channel": "Loja", "items": [{"id": "A", "qty": 2}], "status": "payment_received"}
    api.need("POST", "/orders", {"order": order})
    (made,) = api.need("GET", "/orders")["orders"]
    api.need("POST", f"/orders/{made['code']}/approval", {"status": "payment_received"})

    drained = orders.drain(api)

    (made,) = api.need("GET", "/orders")["orders"]
    assert (drained.orders, drained.invoiced, made["status"]["type"]) == (1, 1, "SHIPPED")
    assert made["invoices"][0]["key"] == orders.invoice_key(made["code"], datetime.now(UTC))
    assert api.need("GET", "/variations/A")["variation"]["qty"] == 7
    assert orders.acknowledge_all(api).orders == 0


def test_a_hub_that_is_away_is_one_sentence() -> None:
    with pytest.raises(ErpError, match="does not answer"):
        hub_api("http://127.0.0.1:9", "a@b.example", "key", "am", patience=0).need("GET", "/products")


@pytest.mark.django_db
def test_the_erp_without_a_demo_says_what_it_needs(data: Path) -> None:
    with pytest.raises(CommandError, match="make run"):
        call_command("erp", "push")


@pytest.mark.django_db
def test_the_demo_without_a_running_hub_says_how_to_start_it(data: Path, settings: LazySettings) -> None:
    settings.HUB_BASE_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="make run"):
        call_command("demo")
    assert not Seller.objects.exists()


# --- real data --------------------------------------------------------------------------------


def test_a_record_keeps_its_mistakes() -> None:
    product = realdata.convert(
        {
            "id": "shop:a b",
            "source": "shop",
            "native_id": "a b",
            "name": "  PANELA  ",
            "category_path": ["Casa", "Cozinha"],
            "gtin": "123",
            "price": 0.0,
            "weight_g": 500_000.0,
            "stock": -2.0,
            "images": ["foto.jpg"],
        }
    )
    assert product == {
        "sku": "shop:a_b",
        "name": "  PANELA  ",
        "categories": [{"code": "Casa > Cozinha", "name": "Casa > Cozinha"}],
        "ean": "123",
        "price": 0.0,
        "weight": 500.0,
        "qty": 0,
        "images": ["foto.jpg"],
    }


def test_a_list_price_above_the_price_makes_a_promotion() -> None:
    terms = realdata.terms({"price": 10.0, "list_price": 12.0})
    assert (terms["price"], terms["promotional_price"]) == (12.0, 10.0)


def test_variants_become_variations_with_skus_of_their_own() -> None:
    options = [{"sku": "1", "options": {"Cor": "Azul"}}, {"options": {"Cor": "Verde"}}, {"sku": "1"}]
    product = realdata.convert(
        {"id": "s:p", "source": "s", "native_id": "p", "name": "P", "variants": options}
    )
    assert [one["sku"] for one in product["variations"]] == ["s:1", "s:p:2", "s:1:3"]
    assert product["variations"][0]["specifications"] == [{"key": "Cor", "value": "Azul"}]
    assert product["variation_attributes"] == ["Cor"]


def test_a_product_with_nothing_is_filled_in_the_same_way_every_time() -> None:
    bare = {"sku": "casa_magalhaes:1", "name": "X"}
    fixed = corrections.by_rule(bare)
    assert fixed == corrections.by_rule(bare)
    assert bare == {"sku": "casa_magalhaes:1", "name": "X"}
    assert len(fixed["name"]) >= 10
    assert len(fixed["description"]) >= 200
    assert fixed["price"] > 0
    assert fixed["categories"][0]["name"] == "Alimentos e Bebidas > Mercearia"


def test_names_used_twice_are_told_apart_within_the_limit() -> None:
    long = "Panela de pressão com fechamento externo e cabo antitérmico 4,5 litros"
    fixed = corrections.all_by_rule([{"sku": f"s:{n}", "name": long} for n in range(3)])
    names = [one["name"] for one in fixed]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= corrections.TITLE_LENGTH


@pytest.mark.parametrize(
    ("issue", "holds"),
    [
        ({"code": "gtin_missing", "field": "ean"}, lambda one: is_valid(one["ean"])),
        ({"code": "price_missing", "field": "price", "limit": "150"}, lambda one: one["price"] >= 150),
        ({"code": "out_of_range", "field": "price", "minimum": 150.0}, lambda one: one["price"] >= 150),
        ({"code": "too_long", "field": "name", "limit": 20}, lambda one: len(one["name"]) <= 20),
        (
            {"code": "required", "field": "attributes.COLOR", "allowed": ["Preto", "Azul"]},
            lambda one: {"key": "COLOR", "value": "Azul"} in one["specifications"],
        ),
        (
            {"code": "duplicate", "field": "name"},
            lambda one: one["name"].endswith(" ref 1"),
        ),
        (
            {"code": "forbidden_word", "field": "name", "marketplace_message": "proibida: “azul”."},
            lambda one: "azul" not in one["name"],
        ),
        (
            {"code": "required", "field": "attributes.SIZE", "allowed": ["P", "Único"]},
            lambda one: {"key": "SIZE", "value": "Único"} in one["specifications"],
        ),
        (
            {"code": "wrong_unit", "field": "attributes.V", "allowed": ["L", "ml"], "value": "4,5"},
            lambda one: {"key": "V", "value": "4,5 L"} in one["specifications"],
        ),
    ],
    ids=lambda one: one["code"] if isinstance(one, dict) else "",
)
def test_an_issue_is_corrected_as_it_says(issue: dict[str, Any], holds: Callable[[Any], bool]) -> None:
    product = {"sku": "s:1", "name": "Panela de pressão azul 4,5 litros", "price": 10.0}
    assert not holds({"ean": "", "specifications": [], **product})
    assert holds(corrections.by_issues(product, [issue]))


def test_renumbered_barcodes_are_valid_and_others() -> None:
    products = [{"sku": "A", "ean": "7891204000216", "variations": [{"sku": "B", "ean": "123"}]}]
    (moved,) = catalogue.renumbered(products, 12345)
    assert moved["ean"] != products[0]["ean"]
    assert is_valid(moved["ean"])
    assert moved["variations"][0]["ean"] == "123"
    assert products[0]["ean"] == "7891204000216"


def test_invoice_keys_are_right() -> None:
    for code in ("Loja-1", "Sandbox-SBX-P123456789012", "x"):
        assert problem_of(orders.invoice_key(code, datetime(2026, 3, 1, tzinfo=UTC))) == ""


def test_an_olist_order_keeps_its_moment_money_and_place() -> None:
    item = {"order_id": "o", "product_id": "ff", "price": "10.00", "freight_value": "2.50"}
    order = replay.order_of(
        {"order_id": "o", "order_purchase_timestamp": "2018-08-15 10:10:18", "order_status": "delivered"},
        [item, item],
        [{"payment_type": "boleto", "payment_installments": "0", "payment_value": "26.00"}],
        {"customer_city": "itapecerica", "customer_state": "MG", "customer_zip_code_prefix": "35550"},
        ["A", "B"],
    )
    assert order["lines"] == [{"sku": "B", "quantity": 2, "price": 10.0}]
    assert (order["shipping_cost"], order["interest"], order["discount"]) == (5.0, 1.0, 0.0)
    assert datetime.fromtimestamp(order["placed_at"], UTC).isoformat() == "2018-08-15T13:10:18+00:00"
    assert order["address"] == {"city": "itapecerica", "state": "MG", "zip": "35550000"}


def test_every_difference_at_the_marketplace_is_told() -> None:
    sold = {"sku": "A", "qty": 5, "price": 10, "promotional_price": 8}
    product = {**sold, "status": "enabled", "variations": []}
    right = {"sku": "A", "state": "live", "creations": 1, "price": "8.00", "quantity": 5}
    verdict = verify.Verdict()
    verify.compare([product], [right], verdict)
    assert verdict.is_right
    wrong = [{**right, "creations": 2, "price": "9.00", "quantity": 4}, {**right, "sku": "B"}]
    verify.compare([product], wrong, verdict)
    assert len(verdict.differences) == 4
    told = verify.Verdict()
    verify.compare([product], [{**right, "price": "7.00"}], told, {("A", "price")})
    assert (told.is_right, told.counts["listings whose price the marketplace refuses"]) == (True, 1)


def test_a_lost_order_and_a_doubled_one_are_told() -> None:
    verdict = verify.Verdict()
    there = {"id": "P1", "status": "approved", "total": "10.00"}
    here = {"code": "S-P1", "status": {"type": "APPROVED"}, "total_ordered": 10.0}
    verify.compare_orders([there, {**there, "id": "P2"}], {"P1": here}.get, {"P1": {"S-P1", "T-P1"}}, verdict)
    assert verdict.differences == ["P1: in the hub 2 times", "P2: lost, it is not in the hub"]


def test_a_bar_on_a_terminal_ends_with_the_rate() -> None:
    class Tty(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Tty()
    with Progress(Terminal(out), "push", 10) as progress:
        progress.advance(10)
    assert "10/10 rows" in out.getvalue()
    assert out.getvalue().endswith("s\n")


@pytest.mark.skipif(
    not (REAL_DATA / realdata.FILE).exists(), reason="the real catalogue is not on this machine"
)
def test_every_real_record_becomes_a_product_with_a_sku_of_its_own() -> None:
    products = list(realdata.read(REAL_DATA))
    with gzip.open(REAL_DATA / realdata.FILE, "rt", encoding="utf-8") as lines:
        assert len(products) == sum(1 for _line in lines)
    assert len({one["sku"] for one in products}) == len(products)


@pytest.mark.skipif(not (REAL_DATA / "olist").exists(), reason="the Olist orders are not on this machine")
def test_the_olist_orders_can_be_read_with_their_totals() -> None:
    found, without_items = replay.read(REAL_DATA, ["A", "B", "C"], 20_000)
    assert (len(found), without_items) == (16_147, 46)
    assert all(one["lines"] and one["placed_at"] < 1.54e9 for one in found)
