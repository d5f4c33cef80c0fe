"""The index by which quantities that fell to nothing go out first, built while the lanes run."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction
    dependencies = [("marketplaces", "0007_stock_marks")]

    operations = [
        AddIndexConcurrently(
            "sync",
            models.Index(
                fields=["connection", "due_at"],
                name="marketplaces_sync_zero_first",
                condition=Q(to_zero=True, due_at__isnull=False, submission__isnull=True),
            ),
        ),
    ]
