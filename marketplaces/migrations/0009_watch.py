"""Incidents, and the call of the ERP behind every mark and conversation."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# The marking functions keep the number of the call beside what they mark (hub.correlation). They are changed
# in place, not written anew, so that this holds whatever other migrations made of them before.
_MARK = "received_at = clock_timestamp(),"
_WITH_CAUSE = "cause = (SELECT coalesce(current_setting('hub.request_id', true), '')), " + _MARK


MARKING = (
    "marketplaces_mark_variations()",
    "marketplaces_mark_products()",
    "marketplaces_mark_stock(bigint[])",
    "marketplaces_mark_buffers()",
    "marketplaces_mark_recategorised()",
)
"""Every function that says when a wanted value came in."""


def rewrite(old: str, new: str) -> str:
    """Replace a text in all marking functions; fail where it is not."""
    return f"""
    DO $do$
    DECLARE marking text; written text;
    BEGIN
        FOREACH marking IN ARRAY ARRAY{list(MARKING)} LOOP
            written := pg_get_functiondef(to_regprocedure(marking));
            IF written IS NULL OR strpos(written, $old${old}$old$) = 0 THEN
                RAISE EXCEPTION '% has another form than expected', marking;
            END IF;
            EXECUTE replace(written, $old${old}$old$, $new${new}$new$);
        END LOOP;
    END $do$;
    """


class Migration(migrations.Migration):

    dependencies = [
        ('hub', '0004_heartbeat'),
        ('marketplaces', '0008_price_safety'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('marketplace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='incidents', to='marketplaces.marketplace', verbose_name='marketplace')),
                ('opened_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='opened by')),
                ('canary', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='marketplaces.lane')),
                ('closed_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='closed by')),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='since')),
                ('is_by_hand', models.BooleanField(default=False, verbose_name='opened by hand')),
                ('problem', models.CharField(blank=True, max_length=200, verbose_name='problem')),
                ('connections', models.PositiveIntegerField(default=0, verbose_name='failing accounts')),
                ('sellers', models.PositiveIntegerField(default=0, verbose_name='sellers concerned')),
                ('calling', models.PositiveIntegerField(default=0, verbose_name='accounts that called')),
                ('paused_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('canary_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last canary')),
                ('canaries', models.PositiveIntegerField(default=0, verbose_name='canaries')),
                ('relapses', models.PositiveIntegerField(default=0, verbose_name='relapses')),
                ('recovered_at', models.DateTimeField(blank=True, null=True, verbose_name='answering again')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='over')),
                ('muted_at', models.DateTimeField(blank=True, null=True, verbose_name='muted')),
            ],
            options={
                'verbose_name': 'incident',
                'verbose_name_plural': 'incidents',
                'ordering': ('-id',),
            },
        ),
        migrations.AddField(
            model_name='exchange',
            name='causes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, db_default=[], default=list, size=None, verbose_name='calls of the ERP'),
        ),
        migrations.AddField(
            model_name='exchange',
            name='skus',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, db_default=[], default=list, size=None, verbose_name='SKUs'),
        ),
        migrations.AddField(
            model_name='lane',
            name='answered_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='last answer'),
        ),
        migrations.AddField(
            model_name='lane',
            name='canary_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='lane',
            name='failing_since',
            field=models.DateTimeField(blank=True, null=True, verbose_name='failing since'),
        ),
        migrations.AddIndex(
            model_name='lane',
            index=models.Index(condition=models.Q(('failures__gt', 0)), fields=['last_error_at'], name='marketplaces_lane_failing'),
        ),
        migrations.AddField(
            model_name='sync',
            name='cause',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.RunSQL(rewrite(_MARK, _WITH_CAUSE), rewrite(_WITH_CAUSE, _MARK)),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(models.F('marketplace'), models.OrderBy(models.F('id'), descending=True), name='marketplaces_incident_newest'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('marketplace',), name='marketplaces_incident_one_open', violation_error_message='This marketplace already has an open incident.'),
        ),
    ]
