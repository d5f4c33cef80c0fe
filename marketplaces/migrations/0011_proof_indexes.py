"""Indexes of the differences and of the read-back, made while everybody goes on writing.

Also gives the listings on sale their turn in the read-back: spread over most of a day, in small bites.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models

BITE = 20_000
"""Listings whose turn is written at once."""


def spread_the_looks(apps: Any, schema_editor: Any) -> None:
    """Let the read-back come to every listing within twenty hours."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM marketplaces_listing")
        (last,) = cursor.fetchone()
        for start in range(0, last + 1, BITE):
            cursor.execute(
                "UPDATE marketplaces_sync s SET look_at = now() + random() * interval '20 hours' "
                "FROM marketplaces_listing l WHERE l.id = s.listing_id AND s.facet = 'stock' "
                "AND s.look_at IS NULL AND l.state IN ('connected', 'cataloguing') "
                "AND s.listing_id >= %s AND s.listing_id < %s",
                [start, start + BITE],
            )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("marketplaces", "0010_proof_and_drift")]

    operations = [
        AddIndexConcurrently(
            model_name="listing",
            index=models.Index(
                models.F("seller"),
                models.F("id"),
                condition=models.Q(("gone_at__isnull", False)),
                name="marketplaces_listing_gone",
            ),
        ),
        AddIndexConcurrently(
            model_name="sync",
            index=models.Index(
                condition=models.Q(("drift", ""), _negated=True),
                fields=["connection", "drift", "listing"],
                name="marketplaces_sync_drift",
            ),
        ),
        AddIndexConcurrently(
            model_name="sync",
            index=models.Index(
                condition=models.Q(("look_at__isnull", False)),
                fields=["connection", "look_at"],
                name="marketplaces_sync_look",
            ),
        ),
        ValidateConstraint("listing", "marketplaces_listing_gone_somehow"),
        ValidateConstraint("sync", "marketplaces_sync_frozen_is_still"),
        migrations.RunPython(spread_the_looks, migrations.RunPython.noop),
    ]
