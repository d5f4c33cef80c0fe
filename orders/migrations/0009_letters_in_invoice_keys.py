from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models
from django.db.models import Q

FORM = r'^[0-9]{6}[0-9A-Z]{12}[0-9]{26}$'


class Migration(migrations.Migration):
    """A CNPJ inside an invoice's key may hold letters (Nota Técnica Conjunta 2025.001).

    Backwards needs the invoices of such issuers gone: the old rule knows no letters.
    """

    atomic = False  # the check of the old rows must not hold the lock of the change

    dependencies = [
        ('orders', '0008_freight'),
    ]

    operations = [
        AddConstraintNotValid(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=Q(key__regex=FORM), name='orders_invoice_key_is_one'),
        ),
        ValidateConstraint(model_name='invoice', name='orders_invoice_key_is_one'),
        migrations.RemoveConstraint(model_name='invoice', name='orders_invoice_key_has_44_digits'),
    ]
