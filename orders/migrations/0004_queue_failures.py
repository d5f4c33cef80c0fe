"""The ERP says what it could not take: its reason, and the entry is put aside after too many."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_put_aside_notices")]

    # Nullable or with a constant default: PostgreSQL adds them without touching a row.
    operations = [
        migrations.AddField("queueentry", "receipt", models.UUIDField(blank=True, null=True)),
        migrations.AddField(
            "queueentry",
            "failures",
            models.SmallIntegerField(db_default=0, default=0, verbose_name="times failed"),
        ),
        migrations.AddField(
            "queueentry",
            "failure",
            models.TextField(blank=True, db_default="", default="", verbose_name="the ERP's reason"),
        ),
        migrations.AddField(
            "queueentry", "failed_at", models.DateTimeField(blank=True, null=True, verbose_name="failed")
        ),
        migrations.AddField(
            "queueentry", "parked_at", models.DateTimeField(blank=True, null=True, verbose_name="parked")
        ),
    ]
