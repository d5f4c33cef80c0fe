"""Give the index of what is due the whole order in which it is taken, made while everybody goes on writing.

A mass of rows that became due in one moment was sorted anew for every batch taken from it.
"""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

DUE = models.Q(("due_at__isnull", False), ("submission__isnull", True))
ZERO = models.Q(("due_at__isnull", False), ("submission__isnull", True), ("to_zero", True))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("marketplaces", "0013_shared_pace")]

    operations = [
        AddIndexConcurrently(
            model_name="sync",
            index=models.Index(
                condition=DUE,
                fields=["connection", "facet", "due_at", "listing"],
                name="marketplaces_sync_due_first",
            ),
        ),
        AddIndexConcurrently(
            model_name="sync",
            index=models.Index(
                condition=ZERO,
                fields=["connection", "due_at", "listing"],
                name="marketplaces_sync_zeros_first",
            ),
        ),
        RemoveIndexConcurrently(model_name="sync", name="marketplaces_sync_due"),
        RemoveIndexConcurrently(model_name="sync", name="marketplaces_sync_zero_first"),
    ]
