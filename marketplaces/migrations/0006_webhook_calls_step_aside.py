from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q

STATE_KNOWN = "marketplaces_delivery_state_known"


class Migration(migrations.Migration):
    """Checks the new states while calls go on being written."""

    atomic = False  # the check of the old rows must not hold the lock of the change

    dependencies = [
        ('marketplaces', '0005_webhooks'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='run_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='not before'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='state',
            field=models.CharField(choices=[('waiting', 'Waiting'), ('delivered', 'Delivered'), ('given_up', 'Given up'), ('skipped', 'Skipped')], db_default='waiting', max_length=9, verbose_name='state'),
        ),
        migrations.RemoveConstraint(model_name='delivery', name=STATE_KNOWN),
        AddConstraintNotValid(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=Q(state__in=['waiting', 'delivered', 'given_up', 'skipped']), name=STATE_KNOWN),
        ),
        ValidateConstraint(model_name='delivery', name=STATE_KNOWN),
        # Backwards first: what was skipped is given up, which the old check knows.
        migrations.RunSQL(
            migrations.RunSQL.noop,
            "UPDATE marketplaces_delivery SET state = 'given_up' WHERE state = 'skipped'",
        ),
    ]
