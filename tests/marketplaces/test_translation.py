"""The seller's words in the marketplace's: categories, attributes, values, and the hints people read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from marketplaces import hints, mapping, services, taxonomy
from marketplaces.contract import (
    AttributeRule,
    AttributeType,
    CategorySchema,
    Issue,
    IssueKind,
    RemoteCategory,
)
from marketplaces.desired import Translator, in_their_words
from marketplaces.models import AttributeMap, CategoryMap, Listing
from marketplaces.models import RemoteCategory as Stored
from marketplaces.pricing import sale_price
from marketplaces.words import plain, stems
from tests import make
from tests.marketplaces.shop import PANS, Shop

VOLTAGE = AttributeRule("VOLTAGE", "Voltagem", AttributeType.LIST, allowed=("110V", "Bivolt"))
VOLUME = AttributeRule("VOLUME", "Volume", AttributeType.MEASURE, units=("ml", "L"))


@pytest.mark.parametrize(
    ("rule", "said", "sent"),
    [
        (VOLTAGE, "110 v", "110V"),
        (VOLTAGE, "BIVOLT", "Bivolt"),
        (VOLTAGE, "127 volts", "127 volts"),
        (VOLUME, "500ML", "500 ml"),
        (VOLUME, "1,5l", "1,5 L"),
        (VOLUME, "meio litro", "meio litro"),
    ],
)
def test_spelling_is_no_reason_for_a_refusal(rule: AttributeRule, said: str, sent: str) -> None:
    assert in_their_words(rule, said) == sent


@pytest.mark.parametrize(
    ("price", "promotional", "expected"),
    [
        ("100", None, ("100", "100")),
        ("100", "80", ("80", "100")),
        ("100", "100", ("100", "100")),
        ("100", "120", ("100", "100")),
        ("100", "0", ("100", "100")),
        (None, "80", ("80", "80")),
        (None, None, ("0", "0")),
    ],
)
def test_a_promotion_counts_only_below_the_price(
    price: str | None, promotional: str | None, expected: tuple[str, str]
) -> None:
    def amount(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    assert sale_price(amount(price), amount(promotional)) == tuple(Decimal(one) for one in expected)


def test_words_are_compared_without_accents_case_and_plural() -> None:
    assert plain("  Cafeteiras & Chaleiras — Elétricas ") == "cafeteiras chaleiras eletricas"
    assert stems("Liquidificadores") == stems("liquidificador")
    assert stems("Calções") == stems("calção")


def test_a_schema_survives_storage() -> None:
    schema = CategorySchema(
        "C", attributes=(VOLTAGE, replace(VOLUME, minimum=Decimal("0.5"))), title_max=60, gtin_required=True
    )
    assert taxonomy.from_json(taxonomy.to_json(schema)) == schema


def test_paths_are_built_from_the_root_and_survive_a_circle() -> None:
    nodes = [
        RemoteCategory("1", "Casa", is_leaf=False),
        RemoteCategory("2", "Cozinha", "1", is_leaf=False),
        RemoteCategory("3", "Panelas", "2"),
        RemoteCategory("8", "Um", "9"),
        RemoteCategory("9", "Outro", "8"),
    ]
    paths = taxonomy._paths(nodes)
    assert paths["3"] == "Casa > Cozinha > Panelas"
    assert set(paths) == {"1", "2", "3", "8", "9"}


pytestmark = pytest.mark.django_db(transaction=True)


def test_of_a_category_the_tree_names_twice_the_last_word_counts(shop: Shop) -> None:
    Stored.objects.update(read_at=timezone.now() - taxonomy.TREE_AGE)
    shop.sandbox.add_fault(match="/v1/categories", kind="muddle")
    mine = {name: shop.account[name] for name in ("api_key", "webhook_secret")}

    services.renew_credentials(connection=shop.connection, credentials=mine)

    assert not Stored.objects.filter(read_at__lte=timezone.now() - taxonomy.TREE_AGE).exists()


def test_the_variations_word_wins_and_what_it_lacks_is_the_products(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    variation.weight, variation.price = Decimal("9.5"), Decimal("55.00")
    variation.specifications = [{"key": "cor", "value": "preto"}]
    variation.save()

    item = Translator(shop.connection, shop.connection.adapter()).draft(variation).item

    assert (item.weight_kg, item.height_cm, item.price) == (Decimal("9.5"), Decimal(20), Decimal("55.00"))
    assert item.attributes["COLOR"] == "Preto"
    assert item.attributes["MATERIAL"] == "Alumínio"


def test_an_attribute_can_come_from_a_field_a_constant_or_another_specification(shop: Shop) -> None:
    remote = Stored.objects.get(remote_id=PANS)
    variation = shop.sell("PAN-1", specifications=[{"key": "Tonalidade", "value": "cinza chumbo"}])
    mapping.map_attribute(shop.connection, remote, "MATERIAL", source="constant", value="Inox")
    mapping.map_attribute(
        shop.connection,
        remote,
        "COLOR",
        source="specification",
        value="Tonalidade",
        translations={"cinza chumbo": "Grafite"},
    )
    draft = Translator(shop.connection, shop.connection.adapter()).draft(variation)

    assert draft.item.attributes == {"MATERIAL": "Inox", "COLOR": "Grafite"}
    assert draft.issues == ()

    mapping.map_attribute(shop.connection, remote, "MATERIAL", source="", value="")
    assert not AttributeMap.objects.filter(attribute_id="MATERIAL").exists()


def test_the_mapping_page_knows_what_the_products_say(shop: Shop) -> None:
    remote = Stored.objects.get(remote_id=PANS)
    shop.sell("PAN-1", specifications=[{"key": "Cor", "value": "cinza chumbo"}])
    shop.sell("PAN-2", specifications=[{"key": "COR", "value": "PRATA"}])

    rows = {row.rule.remote_id: row for row in mapping.attribute_rows(shop.connection, remote)}

    assert (rows["COLOR"].found, rows["COLOR"].products) == (2, 2)
    assert rows["COLOR"].unknown_values == ["cinza chumbo"]
    assert rows["MATERIAL"].found == 0
    assert next(iter(rows)) == "MATERIAL"
    assert set(mapping.specification_keys(shop.connection, remote)) == {"Cor", "COR"}


def test_what_was_mapped_before_is_suggested_first_on_the_next_connection(shop: Shop) -> None:
    shop.sell("PAN-1")
    odd = Stored.objects.get(remote_id="SBX-1010")
    mapping.map_categories(shop.connection, {shop.category.pk: odd.pk})

    best = mapping.suggest(shop.connection, [shop.category])[shop.category.pk][0]

    assert (best.remote, best.score) == (odd, 1.0)


def test_titles_suggest_a_category_whose_name_says_nothing(shop: Shop) -> None:
    other = make.make_category(shop.seller, "X", "Linha Branca > Climatização > Split")
    for number in range(3):
        shop.sell(f"AR-{number}", name=f"Ar-condicionado split {number}", category_codes=[other.code])

    best = mapping.suggest(shop.connection, [other])[other.pk][0]

    assert best.remote.name == "Ar-condicionado"


def test_nobody_elses_category_can_be_mapped(shop: Shop) -> None:
    stranger = make.make_seller("Beto")
    foreign = make.make_category(stranger, "X", "Alheia")
    leaf = Stored.objects.get(remote_id=PANS)
    inner = Stored.objects.filter(is_leaf=False).first()
    assert inner is not None

    assert mapping.map_categories(shop.connection, {foreign.pk: leaf.pk}) == 0
    assert mapping.map_categories(shop.connection, {shop.category.pk: inner.pk}) == 0
    assert CategoryMap.objects.get().remote_category == leaf


def test_a_search_finds_leaves_by_any_spelling(shop: Shop) -> None:
    marketplace = shop.connection.marketplace
    assert "Panelas" in [one.name for one in mapping.search_remote(marketplace, "panelas")]
    assert "Panelas" in [one.name for one in mapping.search_remote(marketplace, "panela de ferro")]
    assert mapping.search_remote(marketplace, "xyzw") == []


@pytest.mark.parametrize("language", ["pt-br", "en"])
@pytest.mark.parametrize("kind", list(IssueKind))
def test_every_cause_has_words_even_without_parameters(kind: IssueKind, language: str) -> None:
    with translation.override(language):
        words = hints.hint(kind, "attributes.X", {})
        assert words.title
        assert "%(" not in words.title + words.fix
        assert str(words.who)


def test_an_unknown_cause_still_has_words() -> None:
    assert hints.hint("brand_new_kind", "name", {}).title


def test_the_api_tells_an_issue_with_field_way_out_and_the_marketplaces_words() -> None:
    told = hints.for_api(
        Issue(
            IssueKind.NOT_ALLOWED,
            "attributes.V",
            code="X-1",
            message="valor inválido",
            params={"label": "Voltagem", "value": "1", "allowed": ["127V"]},
        )
    )
    assert told["field"] == "attributes.V"
    assert told["allowed"] == ["127V"]
    assert (told["marketplace_code"], told["marketplace_message"]) == ("X-1", "valor inválido")
    assert "127V" in told["fix"]


def test_a_precheck_says_what_the_marketplace_would_say(shop: Shop) -> None:
    """The same check answers before the send and decides at the send."""
    shop.sell("PAN-1", brand="")
    shop.sell("PAN-2")
    before = {
        variation.sku: not Translator(shop.connection, shop.connection.adapter()).draft(variation).issues
        for variation in shop.seller.variations.select_related("product")
    }
    shop.connect()

    after = {
        listing.variation.sku: listing.state == Listing.State.CONNECTED
        for listing in Listing.objects.select_related("variation")
    }
    assert before == after == {"PAN-1": False, "PAN-2": True}


def test_a_cause_without_a_field_is_told_in_a_whole_sentence() -> None:
    assert hints.hint("out_of_range", "", {}).title.startswith(("A field", "Um campo"))
