"""The mapping pages: categories and attributes in the marketplace's words, one row at a time."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from marketplaces.models import AttributeMap, CategoryMap, RemoteCategory
from tests import make
from tests.marketplaces.shop import PANS, Shop

HTMX = {"HX-Request": "true"}


def address(stall: Shop, name: str = "mapping", *args: int) -> str:
    return reverse(f"portal:{name}", args=[stall.connection.pk, *args])


def pans() -> RemoteCategory:
    return RemoteCategory.objects.get(remote_id=PANS)


@pytest.fixture
def televisions(stall: Shop) -> int:
    """A category with a product, not mapped yet."""
    category = make.make_category(stall.seller, "TVS", "Eletrônicos > Smart TVs")
    stall.sell("TV-1", category_codes=["TVS"])
    stall.sell("PANELA-1")
    return category.pk


def test_categories_are_listed_with_products_and_suggestions(
    dora: Client, stall: Shop, televisions: int
) -> None:
    context = dora.get(address(stall)).context
    assert (context["mapped"], context["categories"]) == (1, 2)
    rows = {row.category.code: row for row in context["rows"]}
    assert rows["PANELAS"].mapped == pans()
    assert rows["TVS"].products == 1
    assert rows["TVS"].suggestions[0].remote.name == "Smart TVs"
    assert CategoryMap.objects.count() == 1


def test_the_unmapped_can_be_shown_alone_and_searched(dora: Client, stall: Shop, televisions: int) -> None:
    unmapped = dora.get(address(stall), {"show": "unmapped"}).context["rows"]
    assert [row.category.code for row in unmapped] == ["TVS"]
    assert dora.get(address(stall), {"q": "panel"}).context["rows"][0].category.code == "PANELAS"
    for nonsense in ("0", "-3", "x", "9" * 30):
        assert dora.get(address(stall), {"page": nonsense}).status_code == 200


def test_the_search_answers_leaves_of_the_marketplace(dora: Client, stall: Shop) -> None:
    options = dora.get(address(stall, "mapping_search"), {"q": "panelas"}).content.decode()
    assert f'<option value="{pans().pk}">' in options
    assert "Moda" not in options


def test_saving_a_row_answers_the_row_and_the_progress(otto: Client, stall: Shop, televisions: int) -> None:
    remote = RemoteCategory.objects.get(name="Smart TVs")
    answer = otto.post(address(stall, "mapping_set", televisions), {"remote": remote.pk}, headers=HTMX)
    assert CategoryMap.objects.get(category=televisions).remote_category == remote
    page = answer.content.decode()
    assert f'id="category-{televisions}"' in page
    assert "2 de 2" in page


def test_saving_works_without_scripts_and_can_be_undone(otto: Client, stall: Shop, televisions: int) -> None:
    remote = RemoteCategory.objects.get(name="Smart TVs")
    saved = otto.post(address(stall, "mapping_set", televisions), {"remote": remote.pk, "next": "/portal/"})
    assert saved["Location"] == "/portal/"
    otto.post(address(stall, "mapping_set", televisions), {"remote": "", "next": "https://evil.example/"})
    assert not CategoryMap.objects.filter(category=televisions).exists()


@pytest.mark.parametrize("remote", ["x", "-1", "²", "999999999", "9" * 40, "9" * 5000], ids=len)
def test_a_category_the_marketplace_does_not_have_is_refused(
    otto: Client, stall: Shop, televisions: int, remote: str
) -> None:
    response = otto.post(address(stall, "mapping_set", televisions), {"remote": remote})
    assert response.status_code == 404
    assert not CategoryMap.objects.filter(category=televisions).exists()


def test_an_inner_node_is_refused(otto: Client, stall: Shop, televisions: int) -> None:
    inner = RemoteCategory.objects.filter(is_leaf=False).first()
    assert inner is not None
    response = otto.post(address(stall, "mapping_set", televisions), {"remote": inner.pk})
    assert response.status_code == 404


def test_all_good_suggestions_are_accepted_at_once(otto: Client, stall: Shop, televisions: int) -> None:
    phones = make.make_category(stall.seller, "CEL", "Celulares e Telefonia > Smartphones")
    stall.sell("CEL-1", category_codes=["CEL"])
    response = otto.post(address(stall, "mapping_accept"), follow=True)
    assert response.status_code == 200
    assert CategoryMap.objects.get(category=phones).remote_category.name == "Smartphones"
    assert not CategoryMap.objects.filter(category=televisions).exists()


def test_attributes_show_what_is_missing_and_what_is_not_accepted(dora: Client, stall: Shop) -> None:
    stall.sell("PANELA-1", specifications=[{"key": "Material", "value": "Latão mágico"}])
    context = dora.get(address(stall, "mapping_attributes", pans().pk)).context
    rows = {one.row.rule.label: one for one in context["rows"]}
    assert rows["Material"].row.found == 1
    listed = [one for one in context["rows"] if one.row.rule.allowed and one.row.values]
    assert all(one.is_short for one in listed if one.pairs)
    assert context["short"] == sum(one.is_short for one in context["rows"])


def test_a_word_is_translated_and_remembered(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1", specifications=[{"key": "Cor", "value": "Prata lunar"}])
    page = otto.get(address(stall, "mapping_attributes", pans().pk))
    colour = next(one for one in page.context["rows"] if one.row.rule.allowed and one.pairs)
    allowed = colour.row.rule.allowed[0]
    form = {
        "attribute": colour.row.rule.remote_id,
        "source": "",
        "word": ["Prata lunar"],
        "there": [allowed],
    }
    answer = otto.post(address(stall, "mapping_attribute", pans().pk), form, headers=HTMX)
    assert answer.status_code == 200
    assert AttributeMap.objects.get().translations == {"Prata lunar": allowed}
    again = otto.get(address(stall, "mapping_attributes", pans().pk)).context["rows"]
    kept = next(one for one in again if one.row.rule.remote_id == colour.row.rule.remote_id)
    assert kept.pairs == [("Prata lunar", allowed)]
    assert not kept.is_short


def test_a_constant_a_field_and_a_specification_can_be_the_source(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    rows = otto.get(address(stall, "mapping_attributes", pans().pk)).context["rows"]
    attribute = rows[0].row.rule.remote_id
    send = address(stall, "mapping_attribute", pans().pk)
    for source, constant, expected in (
        ("specification:Material", "", ("specification", "Material")),
        ("field:brand", "", ("field", "brand")),
        ("constant:", "Inox", ("constant", "Inox")),
    ):
        otto.post(send, {"attribute": attribute, "source": source, "constant": constant})
        kept = AttributeMap.objects.get()
        assert (kept.source, kept.value) == expected
    otto.post(send, {"attribute": attribute, "source": ""})
    assert not AttributeMap.objects.exists()


@pytest.mark.parametrize(
    "form",
    [
        {"attribute": "nothing", "source": ""},
        {"source": "field:seller_id"},
        {"source": "wizardry:x"},
        {"source": "", "word": ["a", "b"], "there": ["c"]},
    ],
)
def test_nonsense_about_an_attribute_is_refused(otto: Client, stall: Shop, form: dict[str, object]) -> None:
    stall.sell("PANELA-1")
    rows = otto.get(address(stall, "mapping_attributes", pans().pk)).context["rows"]
    sent = {"attribute": rows[0].row.rule.remote_id, **form}
    assert otto.post(address(stall, "mapping_attribute", pans().pk), sent).status_code == 404
    assert not AttributeMap.objects.exists()


def test_attributes_say_when_the_marketplace_does_not_answer(dora: Client, stall: Shop) -> None:
    marketplace = stall.connection.marketplace
    marketplace.base_url = "http://127.0.0.1:9"
    marketplace.save()
    page = dora.get(address(stall, "mapping_attributes", pans().pk))
    assert page.status_code == 200
    assert page.context["failed"]
    form = {"attribute": "voltage", "source": "constant:", "constant": "220"}
    answer = dora.post(address(stall, "mapping_attribute", pans().pk), form, headers=HTMX)
    assert "não respondeu" in answer.content.decode()
    assert answer["HX-Reswap"] == "afterbegin", "the row stays, with what was typed into it"


def test_a_viewer_looks_and_changes_nothing(vera: Client, stall: Shop, televisions: int) -> None:
    assert vera.get(address(stall)).status_code == 200
    assert vera.get(address(stall, "mapping_attributes", pans().pk)).status_code == 200
    before = CategoryMap.objects.count()
    for name, args in (
        ("mapping_set", (televisions,)),
        ("mapping_accept", ()),
        ("mapping_attribute", (pans().pk,)),
    ):
        assert vera.post(address(stall, name, *args), {"remote": pans().pk}).status_code == 403
    assert CategoryMap.objects.count() == before
