"""An index to find the orders of a product that is only now created, built while orders come in."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction
    dependencies = [("orders", "0012_unread_orders")]

    operations = [
        AddIndexConcurrently("orderitem", models.Index(fields=["sku"], name="orders_item_by_sku")),
    ]
