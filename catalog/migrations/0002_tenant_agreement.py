"""A variation and its product belong to the same seller: the database says so."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE catalog_variation ADD CONSTRAINT catalog_variation_product_of_same_seller "
            "FOREIGN KEY (seller_id, product_id) REFERENCES catalog_product (seller_id, id) "
            "DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE catalog_variation DROP CONSTRAINT catalog_variation_product_of_same_seller",
        ),
    ]
