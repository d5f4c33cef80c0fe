"""Keep moments nobody can have meant out of accounts and marketplaces; what was stored moves to the border.

An account whose orders began in the year 10000 took none, and goes on taking none until its seller looks.
"""

from __future__ import annotations

import datetime

from django.db import migrations, models

import hub.moments

EARLIEST = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
LATEST = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
TO_THE_BORDER = """
UPDATE marketplaces_connection SET orders_since = greatest('2000-01-02Z', least('2099-12-30Z', orders_since))
WHERE orders_since < '2000-01-01Z' OR orders_since >= '2100-01-01Z';
UPDATE marketplaces_marketplace SET paused_until = greatest('2000-01-02Z', least('2099-12-30Z', paused_until))
WHERE paused_until < '2000-01-01Z' OR paused_until >= '2100-01-01Z';
"""


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0016_sent_cause")]

    operations = [
        migrations.AlterField(
            model_name="connection",
            name="orders_since",
            field=models.DateTimeField(
                blank=True,
                help_text="Orders placed before this moment are not taken.",
                null=True,
                validators=[hub.moments.validate],
                verbose_name="orders since",
            ),
        ),
        migrations.AlterField(
            model_name="marketplace",
            name="paused_until",
            field=models.DateTimeField(
                blank=True,
                help_text="No lane runs before this moment.",
                null=True,
                validators=[hub.moments.validate],
                verbose_name="paused until",
            ),
        ),
        migrations.RunSQL(TO_THE_BORDER, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.CheckConstraint(
                condition=models.Q(orders_since__gte=EARLIEST, orders_since__lt=LATEST),
                name="marketplaces_connection_since_plausible",
            ),
        ),
        migrations.AddConstraint(
            model_name="marketplace",
            constraint=models.CheckConstraint(
                condition=models.Q(paused_until__gte=EARLIEST, paused_until__lt=LATEST),
                name="marketplaces_marketplace_pause_plausible",
            ),
        ),
    ]
