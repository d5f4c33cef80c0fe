"""An order and its connection belong to the same seller: the database says so."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("marketplaces", "0002_tenant_agreement")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE orders_order ADD CONSTRAINT orders_order_connection_of_same_seller "
            "FOREIGN KEY (seller_id, connection_id) REFERENCES marketplaces_connection (seller_id, id) "
            "DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE orders_order DROP CONSTRAINT orders_order_connection_of_same_seller",
        ),
        migrations.RunSQL(
            "ALTER TABLE orders_queueentry ADD CONSTRAINT orders_queueentry_order_of_same_seller "
            "FOREIGN KEY (seller_id, order_id) REFERENCES orders_order (seller_id, id) "
            "DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE orders_queueentry DROP CONSTRAINT orders_queueentry_order_of_same_seller",
        ),
    ]
