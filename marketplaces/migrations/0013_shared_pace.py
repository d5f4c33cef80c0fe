"""A limit that all accounts of a marketplace share, and an index of the lanes somebody works on or asked for."""

from __future__ import annotations

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0012_why_it_moved")]

    operations = [
        migrations.AddField(
            model_name="marketplace",
            name="calls_per_second_of_all",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                help_text="For marketplaces that count all our accounts together. Empty: its own limit, if any.",
                max_digits=7,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal("0.01"))],
                verbose_name="calls per second of all connections together",
            ),
        ),
        migrations.CreateModel(
            name="SharedPace",
            fields=[
                (
                    "marketplace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="marketplaces.marketplace",
                    ),
                ),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        # A few rows per account: no need to build it beside the writers.
        migrations.AddIndex(
            model_name="lane",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False), ("queued_at__isnull", False), _connector="OR"),
                fields=["connection"],
                name="marketplaces_lane_astir",
            ),
        ),
    ]
