"""What should be at the marketplace: catalogue rows, translated by a connection's mapping.

`Translator` holds one connection's mapping; it turns variations into contract items, or says why
that cannot be done. Used by the send, the ingest answer and the product page alike.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from catalog.models import Category, Product, Variation
from marketplaces import price_rules, pricing, stock, taxonomy, validator
from marketplaces.contract import (
    AttributeRule,
    AttributeType,
    CategorySchema,
    ContentItem,
    Facet,
    Issue,
    IssueKind,
    MarketplaceError,
    Refused,
    Throttled,
)
from marketplaces.models import AttributeMap, CategoryMap, Connection, RemoteCategory
from marketplaces.words import plain

FIELDS = {
    "brand": "brand",
    "name": "name",
    "ean": "ean",
    "nbm": "nbm",
    "weight": "weight",
    "height": "height",
    "width": "width",
    "length": "length",
}
"""Product fields an attribute may be taken from: name in the mapping -> column."""


def said_price(variation: Variation, product: Product) -> pricing.Price:
    """Return what the ERP says a variation costs the shopper; what it does not state is the product's."""
    return pricing.sale_price(
        product.price if variation.price is None else variation.price,
        product.promotional_price if variation.promotional_price is None else variation.promotional_price,
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should be at a marketplace now of one variation: by the price rules, the holds and the buffers."""

    price: pricing.Price
    rules_version: int
    """The version of the price rules that says so; 0 where the connection has none."""
    offer: stock.Offer

    def value(self, facet: str) -> str:
        """A facet's value as sync rows write it; empty for content, and where there is no price."""
        if facet == Facet.PRICE:
            return self.price.text if self.price.price else ""
        return str(self.offer.published) if facet == Facet.STOCK else ""


def wanted(seller_id: int, places: Collection[tuple[int, Variation]]) -> dict[tuple[int, int], Wanted]:
    """Return what should be there of these (connection id, variation with its product), listed or not.

    All are of one seller. The keys are (connection id, variation id).
    """
    offers = stock.offers(seller_id, {variation.pk for _connection, variation in places})
    rules = {one: price_rules.current(one) for one in {connection for connection, _variation in places}}
    found = {}
    for connection, variation in places:
        number, said = rules[connection]
        product = variation.product
        erp = said_price(variation, product)
        price = said.price_of(variation.sku, product.sku, product.category_codes, erp)
        found[connection, variation.pk] = Wanted(price, number, offers[connection, variation.pk])
    return found


@dataclass(frozen=True, slots=True)
class Draft:
    """One variation as it would be sent, with every reason why it cannot be."""

    variation: Variation
    item: ContentItem
    issues: tuple[Issue, ...]
    is_unchecked: bool = False
    """True where the marketplace would not tell what its category demands: it may have more issues."""


Schemas = dict[int, CategorySchema | MarketplaceError | None]
"""Schemas asked for already, by our id of the marketplace's category.

None where it is not known here and nobody may be asked; what the marketplace said in its place.
"""


class Translator:
    """One connection's mapping, read once and used for many variations.

    `source` lets it ask the marketplace for a schema it has never read; without it such a category
    cannot be checked and counts as passing. `schemas` are shared by translators that follow each other.
    """

    def __init__(
        self,
        connection: Connection,
        source: taxonomy.SchemaSource | None = None,
        schemas: Schemas | None = None,
    ) -> None:
        self._connection = connection
        self._source = source
        self._categories = {
            row.category.code: row.remote_category
            for row in CategoryMap.objects.filter(seller_id=connection.seller_id, connection=connection)
            .select_related("category", "remote_category")
            .defer("remote_category__schema")
        }
        self._maps: dict[tuple[int, str], AttributeMap] = {
            (row.remote_category_id, row.attribute_id): row
            for row in AttributeMap.objects.filter(seller_id=connection.seller_id, connection=connection)
        }
        self._schemas: Schemas = {} if schemas is None else schemas
        self._rules = price_rules.current(connection.pk)[1]
        self._names: dict[str, str] | None = None

    def draft(self, variation: Variation, *, remote_id: str = "", catalogue_id: str = "") -> Draft:
        """Translate one variation (its product loaded) and check it; only a sending says what is offered."""
        product = variation.product
        remote = self._category_of(product)
        issues: list[Issue] = []
        schema: CategorySchema | None = None
        is_unchecked = False
        attributes: Mapping[str, str] = {}
        if remote is None:
            issues.append(self._category_issue(IssueKind.CATEGORY_UNMAPPED, product))
        else:
            told = self._schema(remote)
            if isinstance(told, Refused):
                issues.append(self._category_issue(IssueKind.CATEGORY_UNKNOWN, product))
            is_unchecked = isinstance(told, MarketplaceError) and not isinstance(told, Refused)
            schema = told if isinstance(told, CategorySchema) else None
            attributes = self._attributes(remote, schema, product, variation)
        said = said_price(variation, product)
        price = self._rules.price_of(variation.sku, product.sku, product.category_codes, said)
        item = replace(
            _item(variation, product, remote.remote_id if remote else "", attributes, price),
            remote_id=remote_id,
            catalogue_id=catalogue_id,
        )
        # What does not depend on the category is checked even without one, so that all faults show at once.
        issues.extend(validator.check(item, schema or CategorySchema("")))
        if said.price and not price.price:
            issues = [one for one in issues if one.kind is not IssueKind.PRICE_MISSING]
            issues.append(price_rules.no_price(said))
        return Draft(variation, item, tuple(issues), is_unchecked)

    def _category_issue(self, kind: IssueKind, product: Product) -> Issue:
        return Issue(kind, "categories", params={"value": self._name_of(product.category_codes)})

    def _name_of(self, codes: list[str]) -> str:
        """The name people know a product's main category by."""
        if not codes:
            return "—"
        if self._names is None:
            found = Category.objects.filter(seller_id=self._connection.seller_id)
            self._names = dict(found.values_list("code", "name"))
        return self._names.get(codes[0]) or codes[0]

    def _category_of(self, product: Product) -> RemoteCategory | None:
        return next(
            (self._categories[code] for code in product.category_codes if code in self._categories), None
        )

    def _schema(self, remote: RemoteCategory) -> CategorySchema | MarketplaceError | None:
        """Return a category's schema, or why there is none; what ends the whole turn is raised."""
        if remote.pk not in self._schemas:
            self._schemas[remote.pk] = self._read_schema(remote)
        return self._schemas[remote.pk]

    def _read_schema(self, remote: RemoteCategory) -> CategorySchema | MarketplaceError | None:
        if self._source is None:
            return taxonomy.from_json(remote.schema) if remote.schema else None
        try:
            return taxonomy.read_schema(remote, self._source)
        except Throttled:
            raise
        except (Refused, *taxonomy.GETS_NO_ANSWER) as error:
            return error

    def _attributes(
        self, remote: RemoteCategory, schema: CategorySchema | None, product: Product, variation: Variation
    ) -> dict[str, str]:
        if schema is None:
            return {}
        said = specifications(product, variation)
        found: dict[str, str] = {}
        for rule in schema.attributes:
            row = self._maps.get((remote.pk, rule.remote_id))
            value = attribute_value(rule, row, said, product)
            if value:
                found[rule.remote_id] = value
        return found


def specifications(product: Product, variation: Variation) -> dict[str, str]:
    """Return what the ERP said of a variation, by plain key; the variation's word wins over the product's."""
    said: dict[str, str] = {}
    for one in (*product.specifications, *variation.specifications):
        if one.get("value") not in (None, ""):
            said[plain(str(one.get("key", "")))] = str(one["value"]).strip()
    return said


def attribute_value(
    rule: AttributeRule, row: AttributeMap | None, said: Mapping[str, str], product: Product
) -> str:
    """Return an attribute's value in the marketplace's words where we know them, else in the seller's."""
    if row is None:
        value = said.get(plain(rule.label)) or said.get(plain(rule.remote_id)) or ""
    elif row.source == AttributeMap.Source.CONSTANT:
        value = row.value
    elif row.source == AttributeMap.Source.FIELD:
        value = str(getattr(product, FIELDS.get(row.value, ""), "") or "")
    else:
        value = said.get(plain(row.value), "")
    if not value:
        return ""
    if row is not None and value in row.translations:
        return str(row.translations[value])
    return in_their_words(rule, value)


def in_their_words(rule: AttributeRule, value: str) -> str:
    """Return the allowed value that differs only in case, accents, blanks or punctuation."""
    if rule.type is AttributeType.LIST and value not in rule.allowed:
        wanted = plain(value).replace(" ", "")
        for allowed in rule.allowed:
            if plain(allowed).replace(" ", "") == wanted:
                return allowed
    if rule.type is AttributeType.MEASURE and rule.units:
        for unit in rule.units:
            number = value[: -len(unit)].strip() if value.lower().endswith(unit.lower()) else ""
            if number and number[-1].isdigit():
                return f"{number} {unit}"
    return value


def _item(
    variation: Variation,
    product: Product,
    category_id: str,
    attributes: Mapping[str, str],
    price: pricing.Price,
) -> ContentItem:
    simple = variation.sku == product.sku
    return ContentItem(
        sku=variation.sku,
        parent_sku=product.sku,
        remote_id="",
        title=" ".join(product.name.split()),
        description=product.description,
        brand=product.brand.strip(),
        gtin=(variation.ean or (product.ean if simple else "")).strip(),
        ncm=product.nbm.strip(),
        category_id=category_id,
        attributes=attributes,
        images=tuple(variation.images or product.images),
        weight_kg=_own(variation.weight, product.weight),
        height_cm=_own(variation.height, product.height),
        width_cm=_own(variation.width, product.width),
        length_cm=_own(variation.length, product.length),
        price=price.price,
        list_price=price.list_price,
        quantity=0,
    )


def _own(value: Decimal | None, inherited: Decimal | None) -> Decimal | None:
    return inherited if value is None else value
