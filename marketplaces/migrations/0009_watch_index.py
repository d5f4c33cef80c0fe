"""Find conversations by SKU and by the ERP's call; built while they are written."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction
    dependencies = [("marketplaces", "0009_watch")]

    operations = [
        AddIndexConcurrently(
            "exchange", GinIndex(fields=["skus", "causes"], name="marketplaces_exchange_about")
        ),
    ]
