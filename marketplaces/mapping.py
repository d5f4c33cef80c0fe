"""Translating a seller's words: categories and attributes of one connection, with suggestions.

A mapping that changes makes the listings concerned be looked at again, exactly as a change of their
product would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.models import Category, Product
from marketplaces import engine, taxonomy
from marketplaces.contract import AttributeRule, AttributeType, TaxonomySource
from marketplaces.desired import attribute_value, specifications
from marketplaces.models import AttributeMap, CategoryMap, Connection, Lane, Marketplace, RemoteCategory
from marketplaces.words import plain, stems

GOOD = 0.9
"""A suggestion at least this similar may be accepted without a look: with the shipped catalogue 59 of 120
categories reach it, all of them rightly; at 0.8 ten of 95 were wrong."""
TELLING = 2
"""A word in the names of more leaves than this tells nothing."""
TITLES = 30
"""How many product titles of a category are compared."""
SAMPLE = 500
"""How many products of a category are read to see what their attributes hold."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A leaf of the marketplace's tree that looks like one of the seller's categories; 1.0 is certain."""

    remote: RemoteCategory
    score: float


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """One of the seller's categories on the mapping page."""

    category: Category
    products: int
    mapped: RemoteCategory | None
    suggestions: list[Suggestion]


_USED = """
SELECT c.id, count(*) FROM catalog_product p CROSS JOIN LATERAL unnest(p.category_codes) AS used(code)
JOIN catalog_category c ON c.seller_id = p.seller_id AND c.code = used.code
WHERE p.seller_id = %s GROUP BY c.id ORDER BY count(*) DESC, c.id
"""


def _used(connection: Connection) -> dict[int, int]:
    """Return how many products each of the seller's categories has, most first; unused ones are left out."""
    with database.cursor() as cursor:
        cursor.execute(_USED, [connection.seller_id])
        return dict(cursor.fetchall())


def _maps(connection: Connection) -> dict[int, RemoteCategory]:
    rows = CategoryMap.objects.filter(seller_id=connection.seller_id, connection=connection)
    return {row.category_id: row.remote_category for row in rows.select_related("remote_category")}


def category_rows(
    connection: Connection, *, only_unmapped: bool = False, search: str = "", limit: int = 50, offset: int = 0
) -> list[CategoryRow]:
    """The seller's categories that have products, most products first, with suggestions for the unmapped."""
    used, maps = _used(connection), _maps(connection)
    found = Category.objects.filter(seller_id=connection.seller_id, pk__in=used)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(code__icontains=search))
    categories = sorted(
        (one for one in found if not (only_unmapped and one.pk in maps)),
        key=lambda one: (-used[one.pk], one.pk),
    )[offset : offset + limit]
    suggested = suggest(connection, [one for one in categories if one.pk not in maps])
    return [CategoryRow(one, used[one.pk], maps.get(one.pk), suggested.get(one.pk, [])) for one in categories]


def category_counts(connection: Connection) -> tuple[int, int]:
    """Return how many of the categories in use are mapped, and how many are not."""
    used, maps = _used(connection), _maps(connection)
    mapped = sum(1 for one in used if one in maps)
    return mapped, len(used) - mapped


def suggest(
    connection: Connection, categories: Sequence[Category], limit: int = 3
) -> dict[int, list[Suggestion]]:
    """Return the most similar leaves for each category; what the seller chose elsewhere comes first.

    Two things speak for a leaf: words its path shares with the category's, and words its name shares
    with the titles of the category's products ("Geladeira Frost Free" in "Refrigeradores").
    """
    if not categories:
        return {}
    leaves = [
        (leaf, stems(leaf.name), stems(leaf.path))
        for leaf in RemoteCategory.objects.filter(marketplace=connection.marketplace_id, is_leaf=True)
    ]
    common = Counter(word for _, name, _ in leaves for word in name)
    remembered = _remembered(connection)
    titles = _titles(connection, [one.code for one in categories])
    found: dict[int, list[Suggestion]] = {}
    for category in categories:
        before = remembered.get(plain(category.name))
        scored = [Suggestion(before, 1.0)] if before else []
        own_leaf, own_path = stems(category.name.split(">")[-1]), stems(category.name)
        sold = titles.get(category.code, [])
        for leaf, name, path in leaves:
            words = 0.65 * _alike(own_leaf, name) + 0.35 * _alike(own_path, path)
            # A word many leaves have ("acessório") says nothing about which one is meant.
            telling = frozenset(word for word in name if common[word] <= TELLING)
            named = sum(1 for title in sold if title & telling) / len(sold) if sold else 0.0
            score = min(0.99, max(words, 0.8 * named) + 0.2 * min(words, named))
            if score > 0.25 and leaf != before:
                scored.append(Suggestion(leaf, round(score, 2)))
        scored.sort(key=lambda one: (-one.score, one.remote.path))
        found[category.pk] = scored[:limit]
    return found


_TITLES = """
SELECT wanted.code, sold.name FROM unnest(%s::text[]) AS wanted(code) CROSS JOIN LATERAL (
    SELECT name FROM catalog_product
    WHERE seller_id = %s AND category_codes @> ARRAY[wanted.code] LIMIT %s) sold
"""


def _titles(connection: Connection, codes: Sequence[str]) -> dict[str, list[frozenset[str]]]:
    """Return the words of some product titles of each category."""
    found: dict[str, list[frozenset[str]]] = {}
    with database.cursor() as cursor:
        cursor.execute(_TITLES, [list(codes), connection.seller_id, TITLES])
        for code, name in cursor.fetchall():
            found.setdefault(code, []).append(stems(name))
    return found


def _remembered(connection: Connection) -> dict[str, RemoteCategory]:
    """What this seller chose at the same marketplace, by the category's plain name."""
    rows = CategoryMap.objects.filter(
        seller_id=connection.seller_id, connection__marketplace=connection.marketplace_id
    ).select_related("category", "remote_category")
    return {plain(row.category.name): row.remote_category for row in rows.order_by("updated_at")}


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Say how much two sets of words share: the mean of Dice's measure and of the smaller set's cover."""
    if not one or not other:
        return 0.0
    shared = len(one & other)
    return (2 * shared / (len(one) + len(other)) + shared / min(len(one), len(other))) / 2


def map_categories(connection: Connection, choices: Mapping[int, int | None]) -> int:
    """Set the marketplace's category of some of the seller's, None takes it away; returns how many changed.

    Ids of other sellers' categories, of other marketplaces' or of inner nodes are passed over.
    """
    own = set(
        Category.objects.filter(seller_id=connection.seller_id, pk__in=choices).values_list("pk", flat=True)
    )
    leaves = set(
        RemoteCategory.objects.filter(
            marketplace=connection.marketplace_id,
            is_leaf=True,
            pk__in=[one for one in choices.values() if one],
        ).values_list("pk", flat=True)
    )
    before = {category: remote.pk for category, remote in _maps(connection).items()}
    wanted = {
        category: remote
        for category, remote in choices.items()
        if category in own and before.get(category) != remote and (remote is None or remote in leaves)
    }
    gone = [category for category, remote in wanted.items() if remote is None]
    now = timezone.now()
    with transaction.atomic():
        CategoryMap.objects.filter(connection=connection, category_id__in=gone).delete()
        CategoryMap.objects.bulk_create(
            [
                CategoryMap(
                    seller_id=connection.seller_id,
                    connection=connection,
                    category_id=category,
                    remote_category_id=remote,
                    updated_at=now,
                )
                for category, remote in wanted.items()
                if remote is not None
            ],
            update_conflicts=True,
            unique_fields=["connection", "category"],
            update_fields=["remote_category", "updated_at"],
        )
        _look_again(connection, list(wanted))
    return len(wanted)


def accept_suggestions(connection: Connection, minimum: float = GOOD) -> int:
    """Map every unmapped category whose best suggestion is at least this similar; returns how many."""
    maps = _maps(connection)
    used = set(_used(connection)) - set(maps)
    categories = list(Category.objects.filter(seller_id=connection.seller_id, pk__in=used))
    best = {
        category: found[0] for category, found in suggest(connection, categories, limit=1).items() if found
    }
    return map_categories(
        connection, {category: one.remote.pk for category, one in best.items() if one.score >= minimum}
    )


def _look_again(connection: Connection, category_ids: Sequence[int]) -> None:
    """Make the listings of these categories be checked again, as a change of their product would."""
    if not category_ids:
        return
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync s SET wanted_version = s.wanted_version + 1, failures = 0, "
            "received_at = now(), due_at = CASE WHEN s.follows THEN now() ELSE s.due_at END "
            "FROM marketplaces_listing l JOIN catalog_variation v ON v.id = l.variation_id "
            "JOIN catalog_product p ON p.id = v.product_id "
            "WHERE l.id = s.listing_id AND s.facet = 'content' AND l.connection_id = %s "
            "AND p.category_codes && ARRAY(SELECT code::text FROM catalog_category "
            "WHERE seller_id = %s AND id = ANY(%s))",
            [connection.pk, connection.seller_id, list(category_ids)],
        )
    engine.wake(connection.pk, Lane.Kind.CONTENT)


def search_remote(marketplace: Marketplace, text: str, limit: int = 20) -> list[RemoteCategory]:
    """Return leaves whose path has all the words of the text."""
    found = RemoteCategory.objects.filter(marketplace=marketplace, is_leaf=True)
    words = text.split()
    direct = found
    for word in words:
        direct = direct.filter(path__icontains=word)
    hits = list(direct[:limit])
    if hits or not words:
        return hits
    wanted = stems(text)
    scored = [(len(wanted & stems(one.path)), one) for one in found]
    scored = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1].path))
    return [one for _, one in scored[:limit]]


# --- attributes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One attribute of a mapped category on the mapping page, and what the seller's products say of it."""

    rule: AttributeRule
    source: str
    """Where the value comes from: an `AttributeMap.Source`, or "" for the specification of the same name."""
    value: str
    translations: dict[str, str]
    products: int
    found: int
    """How many of the sampled products have a value."""
    values: list[str] = field(default_factory=list)
    unknown_values: list[str] = field(default_factory=list)
    """The seller's words the marketplace does not accept as they are."""


def _sample(connection: Connection, remote: RemoteCategory) -> list[Product]:
    codes = list(
        CategoryMap.objects.filter(
            seller_id=connection.seller_id, connection=connection, remote_category=remote
        ).values_list("category__code", flat=True)
    )
    return list(
        Product.objects.filter(seller_id=connection.seller_id, category_codes__overlap=codes)
        .prefetch_related("variations")
        .order_by("-id")[:SAMPLE]
    )


def schema_rules(connection: Connection, remote: RemoteCategory) -> tuple[AttributeRule, ...]:
    """Return a category's attributes, asking the marketplace when needed; raises MarketplaceError."""
    adapter = connection.adapter()
    if not isinstance(adapter, TaxonomySource):
        return ()
    return taxonomy.read_schema(remote, adapter).attributes


def attribute_rows(connection: Connection, remote_category: RemoteCategory) -> list[AttributeRow]:
    """Every attribute of a category, required ones first, with what the seller's products have."""
    rules = schema_rules(connection, remote_category)
    maps = {
        row.attribute_id: row
        for row in AttributeMap.objects.filter(
            seller_id=connection.seller_id, connection=connection, remote_category=remote_category
        )
    }
    sold = [
        (product, specifications(product, variation))
        for product in _sample(connection, remote_category)
        for variation in product.variations.all()
    ]
    rows = []
    for rule in sorted(rules, key=lambda one: not one.is_required):
        row = maps.get(rule.remote_id)
        raw = Counter(_raw_value(rule, row, said, product) for product, said in sold)
        raw.pop("", None)
        sent = {word: _as_sent(rule, row, word) for word in raw}
        accepts_list = rule.type is AttributeType.LIST
        rows.append(
            AttributeRow(
                rule=rule,
                source=row.source if row else "",
                value=row.value if row else "",
                translations=dict(row.translations) if row else {},
                products=len(sold),
                found=sum(raw.values()),
                values=[word for word, _ in raw.most_common(20)],
                unknown_values=[
                    word for word, _ in raw.most_common() if accepts_list and sent[word] not in rule.allowed
                ][:50],
            )
        )
    return rows


def _raw_value(
    rule: AttributeRule, row: AttributeMap | None, said: Mapping[str, str], product: Product
) -> str:
    """Return the seller's own word for an attribute, before any translation."""
    bare = AttributeRule(rule.remote_id, rule.label)
    source = AttributeMap(source=row.source, value=row.value, translations={}) if row else None
    return attribute_value(bare, source, said, product)


def _as_sent(rule: AttributeRule, row: AttributeMap | None, word: str) -> str:
    translations = row.translations if row else {}
    constant = AttributeMap(source=AttributeMap.Source.CONSTANT, value=word, translations=translations)
    return attribute_value(rule, constant, {}, Product())


def specification_keys(connection: Connection, remote_category: RemoteCategory) -> list[str]:
    """The specification keys the products of a category use, most frequent first."""
    keys: Counter[str] = Counter()
    for product in _sample(connection, remote_category):
        for one in product.specifications:
            keys[str(one.get("key", ""))] += 1
        for variation in product.variations.all():
            for one in variation.specifications:
                keys[str(one.get("key", ""))] += 1
    keys.pop("", None)
    return [key for key, _ in keys.most_common()]


def map_attribute(
    connection: Connection,
    remote_category: RemoteCategory,
    attribute_id: str,
    *,
    source: str,
    value: str,
    translations: Mapping[str, str] | None = None,
) -> None:
    """Say where a value comes from; an empty source goes back to the specification of the same name."""
    kept = {word: there for word, there in (translations or {}).items() if there}
    if kept and not source:
        rules = schema_rules(connection, remote_category)
        source = AttributeMap.Source.SPECIFICATION
        value = next(one.label for one in rules if one.remote_id == attribute_id)
    here: dict[str, Any] = {
        "connection": connection,
        "remote_category": remote_category,
        "attribute_id": attribute_id,
    }
    with transaction.atomic():
        if not source:
            AttributeMap.objects.filter(seller_id=connection.seller_id, **here).delete()
        else:
            AttributeMap.objects.update_or_create(
                **here,
                defaults={
                    "seller_id": connection.seller_id,
                    "source": source,
                    "value": value,
                    "translations": kept,
                    "updated_at": timezone.now(),
                },
            )
        _look_again(
            connection,
            list(
                CategoryMap.objects.filter(
                    connection=connection, remote_category=remote_category
                ).values_list("category_id", flat=True)
            ),
        )
