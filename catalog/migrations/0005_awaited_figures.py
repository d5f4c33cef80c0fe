"""A variation can say that somebody waits for its next quantity, be it the same as before."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_stores")]

    operations = [
        migrations.AddField(
            "variation", "figure_awaited", models.BooleanField(db_default=False, default=False)
        ),
    ]
