"""Keep the ERP's call behind a value that is on its way, whatever comes in meanwhile."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0015_caught_up")]

    operations = [
        # A constant default: no row is written.
        migrations.AddField(
            model_name="sync",
            name="sent_cause",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
    ]
