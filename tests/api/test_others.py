"""The rest of SkyHub's endpoints: stores, questions, the products' pages."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Product, Store, StoreStock, Variation
from marketplaces.models import Connection, Listing
from orders.models import Question
from tests.api.erp import Erp
from tests.api.test_conventions import error_of
from tests.make import make_parent, make_product, make_seller, make_variation
from tests.orders.make import make_connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana", is_test=True))


@pytest.fixture
def stranger() -> Erp:
    return Erp(make_seller("Beto", is_test=True))


def store(erp: Erp, code: str = "7", **said: Any) -> Any:
    return erp.post("/stores", {"store": {"code": code, "name": "Depósito", **said}})


def stock(erp: Erp, where: str, **said: Any) -> Any:
    return erp.post(f"/stores/{where}/skus", {"sku": said})


# --- stores -------------------------------------------------------------------------------------


def test_every_account_has_the_default_store(erp: Erp) -> None:
    (default,) = erp.get("/stores").json()["stores"]
    assert (default["code"], default["default"], default["address"]) == ("98", True, {})
    assert default["name"]


def test_a_store_is_added_and_changed(erp: Erp) -> None:
    answer = store(erp, address={"street": "Rua A", "number": 10, "city": "Santos", "nonsense": "x"})
    assert answer.status_code == 201
    assert answer.json()["address"] == {"street": "Rua A", "number": "10", "city": "Santos"}
    store(erp, name="Galpão")
    store(erp, "98", address={"city": "Campinas"})
    default, other = erp.get("/stores").json()["stores"]
    assert (default["address"], default["default"]) == ({"city": "Campinas"}, True)
    assert (other["name"], other["address"]["street"], other["default"]) == ("Galpão", "Rua A", False)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"name": ""}, 400),
        ({"code": None}, 400),
        ({"code": "x" * 51}, 422),
        ({"name": ["x"]}, 422),
        ({"address": "Rua A"}, 422),
        ({"address": {"street": {}}}, 422),
        ({"code": "a\x00b"}, 422),
    ],
)
def test_a_bad_store_is_refused(erp: Erp, said: dict[str, Any], status: int) -> None:
    error_of(store(erp, **said), status)
    assert not Store.objects.exists()


def test_the_default_stores_stock_is_what_is_on_sale(erp: Erp) -> None:
    make_product(erp.seller, "A", qty=1)
    answer = stock(erp, "98", code="A", qty=9, cross_docking=3)
    assert (answer.status_code, answer.content) == (201, b"")
    assert Variation.objects.get(sku="A").qty == 9
    assert Product.objects.get(sku="A").crossdocking == 3
    listed = erp.get("/stores/98/skus").json()
    assert (listed["total"], listed["skus"][0]["code"], listed["skus"][0]["qty"]) == (1, "A", 9)


def test_another_stores_stock_is_kept_and_not_sold(erp: Erp) -> None:
    make_product(erp.seller, "A", qty=1)
    make_product(erp.seller, "B", qty=2)
    store(erp)
    assert stock(erp, "7", code="A", qty="5").status_code == 201
    stock(erp, "7", code="A", cross_docking=2)
    assert Variation.objects.get(sku="A").qty == 1
    assert erp.get("/products/A").json()["qty"] == 1
    assert erp.get("/stores/7/skus").json() == {
        "skus": [{"code": "A", "qty": 5, "cross_docking": 2}],
        "total": 1,
    }
    assert erp.delete("/products/A").status_code == 204
    assert not StoreStock.objects.exists()


def test_a_store_code_with_a_slash_can_be_addressed(erp: Erp) -> None:
    make_product(erp.seller, "A")
    assert erp.post("/stores", {"store": {"code": "SP/2", "name": "Osasco"}}).status_code == 201
    assert stock(erp, "SP%2F2", code="A", qty=4).status_code == 201
    assert erp.get("/stores/SP%2F2/skus/").json()["skus"][0]["qty"] == 4


def test_a_stores_list_is_paged(erp: Erp) -> None:
    for number in range(5):
        make_product(erp.seller, f"S{number}")
    page = erp.get("/stores/98/skus?page=2&per_page=2").json()
    assert ([one["code"] for one in page["skus"]], page["total"]) == (["S2", "S3"], 5)
    error_of(erp.get("/stores/98/skus?page=x"), 400)


@pytest.mark.parametrize(
    ("code", "said", "status"),
    [
        ("7", {"code": "A"}, 400),
        ("7", {"qty": 1}, 400),
        ("7", {"code": "A", "qty": -1}, 422),
        ("7", {"code": "A", "qty": "many"}, 422),
        ("7", {"code": [1], "qty": 1}, 422),
        ("7", {"code": "NONE", "qty": 1}, 404),
        ("98", {"code": "NONE", "qty": 1}, 404),
        ("8", {"code": "A", "qty": 1}, 404),
        ("%00", {"code": "A", "qty": 1}, 404),
    ],
)
def test_a_bad_stock_changes_nothing(erp: Erp, code: str, said: dict[str, Any], status: int) -> None:
    make_product(erp.seller, "A", qty=1)
    store(erp)
    error_of(stock(erp, code, **said), status)
    assert not StoreStock.objects.exists()
    assert Variation.objects.get().qty == 1


def test_a_stranger_sees_no_store(erp: Erp, stranger: Erp) -> None:
    make_product(erp.seller, "A")
    store(erp)
    assert len(stranger.get("/stores").json()["stores"]) == 1
    error_of(stranger.get("/stores/7/skus"), 404)
    error_of(stock(stranger, "7", code="A", qty=1), 404)
    error_of(stock(stranger, "98", code="A", qty=1), 404)
    store(stranger)
    error_of(stock(stranger, "7", code="A", qty=1), 404)


# --- questions ----------------------------------------------------------------------------------


def ask(erp: Erp, **said: Any) -> Any:
    return erp.post("/questions", {"question": {"platform": "B2W", "text": "Serve na Kombi?", **said}})


def test_a_test_accounts_question_is_listed_answered_and_deleted(erp: Erp) -> None:
    assert erp.get("/questions").json() == {"questions": [], "next": None}
    asked = ask(erp, sku="A", customer="Bia")
    assert asked.status_code == 201
    number = asked.json()["id"]
    (listed,) = erp.get("/questions?status=UNANSWERED&platform=b2w&cursor=").json()["questions"]
    assert listed == asked.json() == erp.get(f"/questions/{number}").json()
    assert (listed["text"], listed["sku"], listed["answer"]) == ("Serve na Kombi?", "A", None)

    answer = erp.post(f"/questions/{number}/answer", {"answer": {"text": "Serve."}})
    assert (answer.status_code, answer.content) == (201, b"")
    assert erp.get("/questions?status=UNANSWERED").json()["questions"] == []
    (listed,) = erp.get("/questions?status=answered").json()["questions"]
    assert (listed["status"], listed["answer"]["text"]) == ("ANSWERED", "Serve.")
    error_of(erp.post(f"/questions/{number}/answer", {"answer": "Outra."}), 422)

    assert erp.delete(f"/questions/{number}").status_code == 204
    error_of(erp.get(f"/questions/{number}"), 404)


def test_a_production_account_cannot_make_questions(erp: Erp) -> None:
    erp.seller.is_test = False
    erp.seller.save()
    error_of(ask(erp), 403)
    assert erp.get("/questions").json()["questions"] == []


def test_a_cursor_walks_the_questions_with_their_filters(erp: Erp) -> None:
    for number in range(5):
        ask(erp, text=f"Pergunta {number}")
    ask(erp, platform="Other")
    seen: list[str] = []
    following = "/questions?per_page=2&platform=B2W"
    while following:
        page = erp.get(following).json()
        seen += [one["text"] for one in page["questions"]]
        following = page["next"]
    assert seen == [f"Pergunta {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"text": ""}, 400),
        ({"platform": None}, 400),
        ({"text": "   "}, 422),
        ({"text": ["x"]}, 422),
        ({"text": "x" * 2001}, 422),
        ({"customer": 1.5}, 422),
    ],
)
def test_a_bad_question_is_refused(erp: Erp, said: dict[str, Any], status: int) -> None:
    error_of(ask(erp, **said), status)
    assert not Question.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"answer": ""}, 400),
        ({"answer": {"text": None}}, 400),
        ({"answer": " "}, 422),
        ({"answer": ["x"]}, 422),
        ({"answer": "x" * 2001}, 422),
    ],
)
def test_a_bad_answer_is_refused(erp: Erp, body: Any, status: int) -> None:
    number = ask(erp).json()["id"]
    error_of(erp.post(f"/questions/{number}/answer", body), status)
    assert Question.objects.get().status == Question.Status.UNANSWERED


@pytest.mark.parametrize("query", ["status=x", "cursor=x", "per_page=0", "platform=%00"])
def test_a_bad_filter_is_a_400(erp: Erp, query: str) -> None:
    error_of(erp.get(f"/questions?{query}"), 400)


@pytest.mark.parametrize("number", ["0", "1", "x", "9" * 30, "%00", "-1"])
def test_an_unknown_question_is_a_404(erp: Erp, number: str) -> None:
    error_of(erp.get(f"/questions/{number}"), 404)
    error_of(erp.delete(f"/questions/{number}"), 404)
    error_of(erp.post(f"/questions/{number}/answer", {"answer": "x"}), 404)


def test_a_stranger_sees_no_question(erp: Erp, stranger: Erp) -> None:
    number = ask(erp).json()["id"]
    assert stranger.get("/questions").json()["questions"] == []
    error_of(stranger.get(f"/questions/{number}"), 404)
    error_of(stranger.delete(f"/questions/{number}"), 404)
    error_of(stranger.post(f"/questions/{number}/answer", {"answer": "x"}), 404)
    assert Question.objects.get().status == Question.Status.UNANSWERED


# --- pages of the products ----------------------------------------------------------------------


def publish(connection: Connection, sku: str, url: str) -> None:
    Listing.objects.create(
        seller_id=connection.seller_id,
        connection=connection,
        variation=Variation.objects.get(seller_id=connection.seller_id, sku=sku),
        state=Listing.State.CONNECTED,
        url=url,
    )


@pytest.fixture
def pages(erp: Erp) -> None:
    parent = make_parent(erp.seller, "PAI")
    make_variation(parent, "PAI-1")
    make_variation(parent, "PAI-2")
    make_product(erp.seller, "B")
    first, second = make_connection(erp.seller, "Loja 1"), make_connection(erp.seller, "Loja 2")
    publish(first, "PAI-1", "https://shop.example/pai-1")
    publish(first, "PAI-2", "")
    publish(second, "PAI-1", "https://shop.example/2/pai-1")
    publish(second, "B", "https://shop.example/2/b")


@pytest.mark.usefixtures("pages")
def test_the_pages_of_all_products_are_listed(erp: Erp) -> None:
    for path in ("/products/urls", "/products/urls/", "/products//urls", "/products/urls/sandbox"):
        answer = erp.get(path)
        assert answer.status_code == 200, path
        assert [one["url"] for one in answer.json()["urls"]] == [
            "https://shop.example/2/b",
            "https://shop.example/2/pai-1",
            "https://shop.example/pai-1",
        ]
    assert erp.get("/products/urls").json()["urls"][2] == {
        "sku": "PAI-1",
        "product_sku": "PAI",
        "platform": "sandbox",
        "sale_system": "Loja 1",
        "url": "https://shop.example/pai-1",
    }


@pytest.mark.usefixtures("pages")
def test_the_pages_are_narrowed_to_one_connection_or_one_product(erp: Erp) -> None:
    assert [one["sku"] for one in erp.get("/products/urls/loja%201").json()["urls"]] == ["PAI-1"]
    assert len(erp.get("/urls/products/PAI").json()["urls"]) == 2
    assert len(erp.get("/urls/products/PAI-1").json()["urls"]) == 2
    assert erp.get("/urls/products/PAI-2").json() == {"urls": []}
    error_of(erp.get("/urls/products/NONE"), 404)
    error_of(erp.get("/products/urls/nowhere"), 404)


@pytest.mark.usefixtures("pages")
def test_a_cursor_walks_the_pages_of_one_connection(erp: Erp) -> None:
    page = erp.get("/products/urls/Loja%202?per_page=1").json()
    assert [one["sku"] for one in page["urls"]] == ["B"]
    page = erp.get(page["next"]).json()
    assert ([one["sku"] for one in page["urls"]], page["next"]) == (["PAI-1"], None)
    error_of(erp.get("/products/urls?cursor=x"), 400)


@pytest.mark.usefixtures("pages")
def test_a_stranger_sees_no_page(erp: Erp, stranger: Erp) -> None:
    assert stranger.get("/products/urls").json()["urls"] == []
    error_of(stranger.get("/products/urls/sandbox"), 404)
    error_of(stranger.get("/urls/products/PAI"), 404)


def test_other_products_are_still_found_by_their_sku(erp: Erp) -> None:
    make_product(erp.seller, "urls-2")
    assert erp.get("/products/urls-2").status_code == 200
