"""Indexes for the queue without what is parked, built while orders come in."""

from __future__ import annotations

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction
    dependencies = [("orders", "0004_queue_failures")]

    operations = [
        AddIndexConcurrently(
            "queueentry",
            models.Index(
                F("seller"),
                F("waiting_since"),
                F("order"),
                name="orders_queue_to_offer",
                condition=Q(version__gt=F("acknowledged_version"), parked_at__isnull=True),
            ),
        ),
        AddIndexConcurrently(
            "queueentry",
            models.Index(
                F("seller"), F("order"), name="orders_queue_parked", condition=Q(parked_at__isnull=False)
            ),
        ),
        RemoveIndexConcurrently("queueentry", "orders_queue_waiting"),
    ]
