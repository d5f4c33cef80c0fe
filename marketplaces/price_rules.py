"""Price rules of a connection: what is in force, what a change would do, saving it, going back.

A save and a worker that takes due prices exclude one another (an advisory lock per connection): a price
is either taken under the old rules before the save looks, and then marked where the new ones differ, or
after it, and then computed by the new ones. Whoever moves a product to another category shares the lock until
the commit (migration 0018): a save sees the new category, or the price is marked. So none can stay behind.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from hub.models import User
from hub.refusals import Refusal
from hub.transactions import begin_again
from marketplaces import engine, ledger, pricing
from marketplaces.contract import Facet, Issue, IssueKind
from marketplaces.models import Connection, HeldPrice, Lane, Listing, PriceRules
from marketplaces.pricing import Price, Rules

MOST_OVERRIDES = 1000
MOST_PERCENT = Decimal(1000)
MOST_FIXED = Decimal("99999.99")
SAMPLE = 20
"""Lines a preview shows: those whose price changes most."""
UNLISTED = 100_000
"""SKUs of the catalogue a preview looks at where nothing is listed yet."""
CHUNK = 5_000


class RulesRefused(Refusal):
    """These rules cannot be saved."""


def current(connection_id: int) -> tuple[int, Rules]:
    """Return (version, rules) in force on a connection; (0, as the ERP says) where it has none."""
    newest = PriceRules.newest(connection_id)
    return (newest.number, newest.said) if newest else (0, pricing.PLAIN)


def no_price(said: Price) -> Issue:
    """Say why there is nothing to publish: the ERP sent no price, or a rule leaves nothing of it."""
    if said.price:
        return Issue(IssueKind.PRICE_RULE, "price", params={"value": f"{said.price:.2f}"})
    return Issue(IssueKind.PRICE_MISSING, "price", params={"value": "0"})


def _key(connection_id: int) -> str:
    """Name the lock; the catalogue's trigger knows it by the same words."""
    return f"price rules of connection {connection_id}"


@transaction.atomic
def take_due(connection_id: int, limit: int) -> tuple[Rules, list[ledger.Due]] | None:
    """Return due prices and the rules to compute them by; None while new rules are being saved."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock_shared(hashtextextended(%s, 0))", [_key(connection_id)]
        )
        (is_free,) = cursor.fetchone()
    if not is_free:
        return None
    _number, rules = current(connection_id)
    return rules, ledger.take_due(connection_id, Facet.PRICE, limit)


# --- what a change would do -------------------------------------------------------------------


class Line(NamedTuple):
    """One SKU, before and after: what the rules make of it, and what is there today."""

    listing_id: int | None
    sku: str
    follows: bool
    """True where the listing is on sale, so that a save sends the new price at once."""
    is_refused: bool
    """True where the listing is in error: another price may be its correction."""
    said: Price
    """What the ERP says."""
    before: Price
    after: Price
    cost: Decimal | None
    agreed: Price | None
    """What the guard compares with."""
    there: Price | None
    """What it confirmed last, a step on the way down included; else what it went on sale with."""

    @property
    def today(self) -> Price:
        """What shoppers pay: the price there where the listing follows, else what the rules in force make."""
        return self.there if self.follows and self.there else self.before

    @property
    def moves(self) -> bool:
        """True where a save makes another price than the one today; one it does not touch stays."""
        return self.before != self.after and self.today != self.after

    @property
    def percent(self) -> Decimal:
        """By how much the paid price changes."""
        return pricing.change(self.today.price, self.after.price)

    @property
    def amount(self) -> Decimal:
        """The same in BRL."""
        return self.after.price - self.today.price

    @property
    def loses_its_price(self) -> bool:
        """True where the rules in force leave something of the price and the new ones leave nothing."""
        return bool(self.before.price) and not self.after.price

    @property
    def is_below_cost(self) -> bool:
        """True where the new price is below what the thing costs."""
        return self.cost is not None and self.after.price < self.cost


_COLUMNS = """
v.sku, p.sku, p.category_codes, coalesce(v.price, p.price),
coalesce(v.promotional_price, p.promotional_price), p.cost
"""
_LISTED = f"""
SELECT l.id, s.follows, l.state = 'error', {ledger.WEIGHED},
       coalesce(nullif(s.confirmed_value, ''), s.agreed_value), {_COLUMNS}
FROM marketplaces_listing l
JOIN marketplaces_sync s ON s.listing_id = l.id AND s.facet = 'price'
JOIN catalog_variation v ON v.id = l.variation_id
JOIN catalog_product p ON p.id = v.product_id
WHERE l.connection_id = %s AND l.state <> 'disconnected'
"""  # noqa: S608 - our own columns
_UNLISTED = f"""
SELECT NULL, false, false, '', '', {_COLUMNS}
FROM catalog_variation v JOIN catalog_product p ON p.id = v.product_id
WHERE v.seller_id = %s ORDER BY v.id LIMIT {UNLISTED}
"""  # noqa: S608 - our own columns


def _lines(connection: Connection, before: Rules, after: Rules, *, listed: bool) -> Iterator[Line]:
    """Compute every listing of a connection (or the seller's catalogue) by two sets of rules."""
    statement, owner = (_LISTED, connection.pk) if listed else (_UNLISTED, connection.seller_id)
    with transaction.atomic(), database.chunked_cursor() as cursor:
        cursor.execute(statement, [owner])
        while rows := cursor.fetchmany(CHUNK):
            for listing, follows, refused, agreed, there, sku, product_sku, codes, *figures, cost in rows:
                full, promotional = figures
                said = pricing.sale_price(full, promotional)
                yield Line(
                    listing,
                    sku,
                    follows,
                    refused,
                    said,
                    before.price_of(sku, product_sku, codes, said),
                    after.price_of(sku, product_sku, codes, said),
                    cost,
                    Price.read(agreed),
                    Price.read(there),
                )


@dataclass(slots=True)
class Preview:
    """What saving rules would mean, counted over every listing of the connection."""

    is_listed: bool
    """False where nothing is listed yet: then it is counted over the catalogue, as if it were."""
    is_rollback: bool = False
    """True where these are the rules of an older version."""
    total: int = 0
    changed: int = 0
    """Another price than today, crossed-out one included."""
    now: int = 0
    """Of these, on sale and not held: they are sent as soon as the rules are saved."""
    rises: int = 0
    drops: int = 0
    held: int = 0
    """Of those on sale, how many move so far that they wait for approval first."""
    below_cost: int = 0
    below_cost_before: int = 0
    priceless: int = 0
    """The ERP sent no price."""
    impossible: int = 0
    """These rules leave nothing of the price, those in force do."""
    impossible_skus: list[str] = field(default_factory=list)
    still_impossible: int = 0
    """Neither these rules nor those in force leave anything of the price: it is not sent now either."""
    still_impossible_skus: list[str] = field(default_factory=list)
    largest_rise: Line | None = None
    largest_drop: Line | None = None
    largest_rise_amount: Line | None = None
    largest_drop_amount: Line | None = None
    sample: list[Line] = field(default_factory=list)
    """The listings whose price changes most, then others that change."""

    @property
    def is_savable(self) -> bool:
        """False where a change leaves nothing of a listing's price; going back is possible all the same."""
        return self.is_rollback or not (self.is_listed and self.impossible)


def preview(connection: Connection, rules: Rules, *, is_rollback: bool = False) -> Preview:
    """Compute every listing by the rules in force and by these; nothing is written.

    Raises RulesRefused for rules that make no sense.
    """
    _demand_sense(rules)
    _number, before = current(connection.pk)
    listed = Listing.objects.filter(connection=connection).exclude(state=Listing.State.DISCONNECTED).exists()
    found = Preview(is_listed=listed, is_rollback=is_rollback)
    most: list[tuple[Decimal, int, Line]] = []
    for line in _lines(connection, before, rules, listed=listed):
        _count(found, line, rules)
        if line.moves and line.after.price:
            entry = (abs(line.percent), found.total, line)
            if len(most) < SAMPLE:
                heapq.heappush(most, entry)
            else:
                heapq.heappushpop(most, entry)
    found.sample = [line for _change, _place, line in sorted(most, reverse=True)]
    return found


def _count(found: Preview, line: Line, rules: Rules) -> None:
    found.total += 1
    if not line.said.price:
        found.priceless += 1
        return
    if line.loses_its_price:
        found.impossible += 1
        if len(found.impossible_skus) < SAMPLE:
            found.impossible_skus.append(line.sku)
        return
    if not line.after.price:
        found.still_impossible += 1
        if len(found.still_impossible_skus) < SAMPLE:
            found.still_impossible_skus.append(line.sku)
        return
    if line.cost is not None:
        found.below_cost += line.after.price < line.cost
        found.below_cost_before += line.today.price < line.cost
    if not line.moves:
        return
    found.changed += 1
    if line.follows:
        waits = rules.holds(line.agreed, line.after)
        found.held += waits
        found.now += not waits
    if line.amount > 0:
        found.rises += 1
        if found.largest_rise is None or line.percent > found.largest_rise.percent:
            found.largest_rise = line
        if found.largest_rise_amount is None or line.amount > found.largest_rise_amount.amount:
            found.largest_rise_amount = line
    elif line.amount < 0:
        found.drops += 1
        if found.largest_drop is None or line.percent < found.largest_drop.percent:
            found.largest_drop = line
        if found.largest_drop_amount is None or line.amount < found.largest_drop_amount.amount:
            found.largest_drop_amount = line


def _demand_sense(rules: Rules) -> None:
    """Raise RulesRefused for numbers outside what a rule may say."""
    if len(rules.categories) + len(rules.skus) > MOST_OVERRIDES:
        raise RulesRefused(_("At most %(limit)s exceptions.") % {"limit": MOST_OVERRIDES})
    for rule in (rules.base, *rules.categories.values(), *rules.skus.values()):
        if not -100 < rule.percent <= MOST_PERCENT:
            raise RulesRefused(_("The markup must be above -100 % and at most 1,000 %."))
        if abs(rule.fixed) > MOST_FIXED:
            raise RulesRefused(_("The fixed amount must be between -99,999.99 and 99,999.99."))
    if rules.most_drop is not None and not 0 < rules.most_drop < 100:
        raise RulesRefused(_("The limit for drops must be above 0 % and below 100 %."))
    if rules.most_rise is not None and not 0 < rules.most_rise <= MOST_PERCENT:
        raise RulesRefused(_("The limit for rises must be above 0 % and at most 1,000 %."))


# --- saving -----------------------------------------------------------------------------------

# As the catalogue's triggers do (migration 0003): a price that follows becomes due, and the content of a
# refused listing is checked again. `changed` are listings whose price changes, `held` those to weigh anew.
_MARK = """
UPDATE marketplaces_sync s
SET wanted_version = s.wanted_version + 1,
    superseded = s.superseded + (s.follows AND s.wanted_version > s.sent_version)::int,
    received_at = clock_timestamp(), cause = '', failures = 0, why = %s, why_version = s.wanted_version + 1,
    due_at = CASE WHEN s.follows THEN now() ELSE s.due_at END
FROM unnest(%s::bigint[], %s::text[]) AS d(listing_id, facet)
WHERE s.listing_id = d.listing_id AND s.facet = d.facet
"""


@begin_again
def save(
    *,
    connection: Connection,
    rules: Rules,
    based_on: int,
    by: User | None = None,
    same_as: int | None = None,
) -> PriceRules:
    """Write a new version of the rules and mark exactly the listings whose price it changes.

    `based_on` is the version the person saw; `same_as` the older one gone back to. Raises RulesRefused when
    another version came meanwhile, when the numbers make no sense, or when the change leaves nothing of some
    listing's price. What the rules in force leave nothing of already stops no change, and nothing stops
    going back: such a price is not sent, the one that is there stays. Whoever saves the same a second time (a
    double click) gets the version the first time made.
    """
    _demand_sense(rules)
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_key(connection.pk)])
    newest = PriceRules.newest(connection.pk)
    number, before = (newest.number, newest.said) if newest else (0, pricing.PLAIN)
    if newest and by and (number, newest.saved_by_id) == (based_on + 1, by.pk) and before == rules:
        return newest
    if number != based_on:
        raise RulesRefused(_("Somebody saved version %(number)s meanwhile. Look again.") % {"number": number})
    marks: set[tuple[int, str]] = set()
    changed = 0
    for line in _lines(connection, before, rules, listed=True):
        if line.loses_its_price and same_as is None:
            raise RulesRefused(
                _("These rules leave nothing of the price of %(sku)s. Change them first.") % {"sku": line.sku}
            )
        if line.before == line.after or line.listing_id is None:
            continue
        # A frozen one too: released, it is another price than the one confirmed at its version.
        marks.add((line.listing_id, Facet.PRICE))
        changed += line.follows
        if line.is_refused:
            marks.add((line.listing_id, Facet.CONTENT))
    if (before.most_drop, before.most_rise) != (rules.most_drop, rules.most_rise):
        held = HeldPrice.objects.filter(connection=connection, state=HeldPrice.State.OPEN)
        marks.update((pk, Facet.PRICE) for pk in held.values_list("listing_id", flat=True))
    version = PriceRules.objects.create(
        seller_id=connection.seller_id,
        connection=connection,
        number=number + 1,
        rules=pricing.to_json(rules),
        same_as=same_as,
        changed=changed,
        saved_by=by,
    )
    if marks:
        ordered = sorted(marks)
        with database.cursor() as cursor:
            ids, facets = [pk for pk, _facet in ordered], [facet for _pk, facet in ordered]
            cursor.execute(_MARK, [f"rules:{version.number}", ids, facets])
        for kind in (Lane.Kind.PRICE, Lane.Kind.CONTENT):
            engine.wake(connection.pk, kind)
    return version


def roll_back(*, connection: Connection, to: PriceRules, based_on: int, by: User | None = None) -> PriceRules:
    """Make an older version's rules the newest; raises RulesRefused as `save` does."""
    return save(connection=connection, rules=to.said, based_on=based_on, by=by, same_as=to.number)
