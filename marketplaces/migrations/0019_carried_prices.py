"""Keep the price a publication carries: until one is confirmed, it is what the guard compares with."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0018_categories_while_rules_are_saved")]

    operations = [
        # A constant default: no row is written.
        migrations.AddField(
            model_name="sync",
            name="carried_value",
            field=models.TextField(blank=True, db_default=""),
        ),
    ]
