"""Remember what is in doubt by itself, and reckon with a publication between a sale and its order.

A value that had to go out whatever it equals was known by what had asked for it last, and so forgotten when
anything else marked the row. And a publication carries the quantity: where one was sent since a sale, or may
still be on its way, the marketplace's own figure may have been overwritten.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations, models

rewrite = import_module("marketplaces.migrations.0012_why_it_moved").rewrite

HOLDS = "marketplaces_mark_holds()"
SETTLED = "AND s.sent_version <= greatest(s.confirmed_version, s.refused_version);"
CONTENT_TOO = """AND s.sent_version <= greatest(s.confirmed_version, s.refused_version)
          AND NOT EXISTS (
              SELECT FROM marketplaces_sync c WHERE c.listing_id = s.listing_id AND c.facet = 'content'
              AND (c.sent_version > greatest(c.confirmed_version, c.refused_version)
                   OR greatest(c.sent_at, c.confirmed_at) >= n.since)
          );"""


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0013_due_order")]

    operations = [
        # A constant default: no row is written.
        migrations.AddField(
            model_name="sync",
            name="doubted_version",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(rewrite(HOLDS, SETTLED, CONTENT_TOO), rewrite(HOLDS, CONTENT_TOO, SETTLED)),
    ]
