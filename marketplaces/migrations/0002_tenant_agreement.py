"""Rows that name a seller agree on it with the rows they point to: the database says so."""

from __future__ import annotations

from django.db import migrations

# table, constraint, columns, target
AGREEMENTS = (
    ("marketplaces_listing", "connection", "connection_id", "marketplaces_connection"),
    ("marketplaces_listing", "variation", "variation_id", "catalog_variation"),
    ("marketplaces_load", "connection", "connection_id", "marketplaces_connection"),
    ("marketplaces_submission", "connection", "connection_id", "marketplaces_connection"),
    ("marketplaces_categorymap", "connection", "connection_id", "marketplaces_connection"),
    ("marketplaces_categorymap", "category", "category_id", "catalog_category"),
    ("marketplaces_attributemap", "connection", "connection_id", "marketplaces_connection"),
    ("marketplaces_issue", "connection", "connection_id", "marketplaces_connection"),
    ("marketplaces_exchange", "connection", "connection_id", "marketplaces_connection"),
)


def agreement(table: str, name: str, column: str, target: str) -> migrations.RunSQL:
    """A composite foreign key: the row's seller is the seller of what it points to."""
    constraint = f"{table}_{name}_of_same_seller"
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {constraint} FOREIGN KEY (seller_id, {column}) "
        f"REFERENCES {target} (seller_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {constraint}",
    )


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0001_initial"), ("catalog", "0002_tenant_agreement")]

    operations = [agreement(*one) for one in AGREEMENTS]
