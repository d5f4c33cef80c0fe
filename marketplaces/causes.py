"""Catalogue errors grouped by cause: how many listings, which, what to do, who does it, what is at stake."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    Count,
    DecimalField,
    ExpressionWrapper,
    F,
    Func,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Least, NullIf

from hub.panels import brl
from marketplaces import hints
from marketplaces.contract import IssueKind
from marketplaces.models import Issue, Listing

SAMPLES = 3
COUNTED = frozenset(
    (IssueKind.TOO_LONG, IssueKind.TOO_SHORT, IssueKind.IMAGE_MISSING, IssueKind.IMAGE_TOO_MANY)
)
"""Causes whose "value" is a number of characters or pictures: it tells nothing beside a SKU."""
SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Sample:
    """One listing a cause was told of."""

    sku: str
    listing_id: int
    value: str
    """What stands in the field, where the cause names it."""


@dataclass(slots=True)
class Cause:
    """All issues with the same kind, field and marketplace code."""

    kind: str
    field: str
    code: str
    title: str
    fix: str
    fixer: str
    who: str
    message: str
    """The marketplace's own words to one of the listings; empty for our own check."""
    listings: int
    open: int
    """Issues nobody has corrected or sent again yet."""
    corrected: int
    first_seen_at: datetime
    last_seen_at: datetime
    mapping_of: int | None = None
    """The connection whose mapping mends it; None where the mapping cannot."""
    rules_of: int | None = None
    """The connection whose price rules mend it; None where they cannot."""
    samples: list[Sample] = dataclasses.field(default_factory=list)
    stake: Decimal | None = None
    """Price times quantity of the listings concerned, in BRL; None where it was not asked for."""

    @property
    def key(self) -> str:
        """The cause in an address."""
        return SEPARATOR.join((self.kind, self.field, self.code))

    @property
    def stake_words(self) -> str:
        """What is at stake, as people read it."""
        return brl(self.stake)


class _First(Func):
    template = f"(%(expressions)s)[1:{SAMPLES}]"


def with_cause(issues: QuerySet[Issue], key: str) -> QuerySet[Issue]:
    """Narrow issues to one cause, named by its key; a key that names none matches nothing."""
    parts = key.split(SEPARATOR, 2)
    if len(parts) != 3:
        return issues.none()
    return issues.filter(kind=parts[0], field=parts[1], code=parts[2])


def by_cause(issues: QuerySet[Issue], *, limit: int = 100, with_stake: bool = False) -> list[Cause]:
    """Group issues by cause, the most frequent first."""
    groups = list(
        issues.order_by()
        .values("kind", "field", "code")
        .annotate(
            listings=Count("listing_id", distinct=True),
            open=Count("id", filter=Q(closed_at__isnull=True)),
            corrected=Count("id", filter=Q(closed_because=Issue.Closed.CORRECTED)),
            first=Min("first_seen_at"),
            last=Max("created_at"),
            sample_ids=_First(ArrayAgg("id")),
        )
        .order_by("-listings", "kind", "field", "code")[:limit]
    )
    ids = [pk for group in groups for pk in group["sample_ids"]]
    samples = Issue.objects.select_related("listing__variation").in_bulk(ids)
    stakes = _stakes(issues) if with_stake else {}
    return [
        _cause(group, [samples[pk] for pk in group["sample_ids"] if pk in samples], stakes)
        for group in groups
    ]


def _cause(group: Any, samples: Sequence[Issue], stakes: dict[tuple[str, str, str], Decimal]) -> Cause:
    first = samples[0] if samples else None
    words = hints.hint(group["kind"], group["field"], first.params if first else {})
    return Cause(
        kind=group["kind"],
        field=group["field"],
        code=group["code"],
        title=words.title,
        fix=words.fix,
        fixer=words.fixer,
        who=words.who,
        message=first.message if first else "",
        listings=group["listings"],
        open=group["open"],
        corrected=group["corrected"],
        first_seen_at=group["first"],
        last_seen_at=group["last"],
        mapping_of=first.connection_id if first and group["kind"] in hints.MAPPED else None,
        rules_of=first.connection_id if first and words.is_of_price_rules else None,
        samples=[
            Sample(
                one.listing.variation.sku,
                one.listing_id,
                "" if one.kind in COUNTED else hints.value_of(one.kind, one.params)[:80],
            )
            for one in samples
        ],
        stake=stakes.get((group["kind"], group["field"], group["code"])),
    )


def _worth(variation: str) -> ExpressionWrapper[Any]:
    """Price times quantity of a variation, by the path to it."""
    promotional = NullIf(
        Coalesce(f"{variation}__promotional_price", f"{variation}__product__promotional_price"),
        Value(Decimal(0)),
    )
    # LEAST leaves nulls out, as a promotion counts only where it is lower.
    price = Coalesce(
        Least(promotional, Coalesce(f"{variation}__price", f"{variation}__product__price")), Decimal(0)
    )
    return ExpressionWrapper(
        price * F(f"{variation}__qty"), output_field=DecimalField(max_digits=20, decimal_places=2)
    )


def _stakes(issues: QuerySet[Issue]) -> dict[tuple[str, str, str], Decimal]:
    rows = issues.order_by().values_list("kind", "field", "code")
    told = rows.annotate(worth=Sum(_worth("listing__variation")))
    return {(kind, about, code): worth or Decimal(0) for kind, about, code, worth in told}


def worth(listings: QuerySet[Listing]) -> Decimal:
    """Return what the stock of these listings would sell for, in BRL."""
    return listings.aggregate(worth=Sum(_worth("variation")))["worth"] or Decimal(0)
