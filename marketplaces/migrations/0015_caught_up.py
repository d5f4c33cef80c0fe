"""Know up to when an account's orders have been heard."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0014_doubt")]

    operations = [
        migrations.AddField(
            model_name="lane",
            name="caught_up_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
