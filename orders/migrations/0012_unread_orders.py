"""An index of the few orders nobody could read, built while orders come in."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction
    dependencies = [("orders", "0011_units_that_fall")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                F("connection"),
                name="orders_order_unread",
                condition=Q(sync_status="ERROR", remote_updated_at__isnull=True),
            ),
        ),
    ]
