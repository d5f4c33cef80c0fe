"""The database marks what is due: whatever changes the catalogue bumps the sync rows concerned.

Statement-level triggers with transition tables, so that the API, `update()`, `bulk_update()` and psql
all count, unchanged values mark nothing, and the cost grows with what changed, not with the catalogue.
The notification leaves with the commit, so a worker can never look before the data are there.
"""

from __future__ import annotations

from django.db import migrations

# What both functions do with `changed` (variation_id, stock, price, content). A refused listing has
# nothing on sale whose price could follow: there a new price is a correction, and the content is checked again.
_MARKED = """
    marked AS (
        UPDATE marketplaces_sync s
        SET wanted_version = s.wanted_version + 1,
            superseded = s.superseded + (s.follows AND s.wanted_version > s.sent_version)::int,
            received_at = clock_timestamp(),
            failures = 0,
            due_at = CASE WHEN s.follows THEN now() ELSE s.due_at END
        FROM changed c JOIN marketplaces_listing l ON l.variation_id = c.variation_id
        WHERE s.listing_id = l.id
          AND ((s.facet = 'stock' AND c.stock) OR (s.facet = 'price' AND c.price)
               OR (s.facet = 'content' AND (c.content OR c.price AND l.state = 'error')))
        RETURNING s.connection_id, s.facet, s.follows
    )
    SELECT count(pg_notify('hub', woken.connection_id || ':' || woken.facet)) INTO woken_lanes
    FROM (SELECT DISTINCT connection_id, facet FROM marked WHERE follows) woken;
    RETURN NULL;
"""

VARIATIONS = f"""
CREATE FUNCTION marketplaces_mark_variations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE woken_lanes bigint;
BEGIN
    WITH changed AS (
        SELECT n.id AS variation_id,
               n.qty IS DISTINCT FROM o.qty AS stock,
               (n.price, n.promotional_price) IS DISTINCT FROM (o.price, o.promotional_price) AS price,
               (n.product_id, n.sku, n.ean, n.weight, n.height, n.width, n.length, n.crossdocking,
                n.images, n.specifications)
               IS DISTINCT FROM
               (o.product_id, o.sku, o.ean, o.weight, o.height, o.width, o.length, o.crossdocking,
                o.images, o.specifications) AS content
        FROM new_rows n JOIN old_rows o USING (id)
    ), {_MARKED}
END $$;
"""

# A product's price concerns only the variations that have none of their own; its status takes the
# stock of all of them to zero and back.
PRODUCTS = f"""
CREATE FUNCTION marketplaces_mark_products() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE woken_lanes bigint;
BEGIN
    WITH changed AS (
        SELECT v.id AS variation_id,
               n.status IS DISTINCT FROM o.status AS stock,
               (v.price IS NULL AND n.price IS DISTINCT FROM o.price)
               OR (v.promotional_price IS NULL
                   AND n.promotional_price IS DISTINCT FROM o.promotional_price) AS price,
               (n.name, n.description, n.brand, n.ean, n.nbm, n.weight, n.height, n.width, n.length,
                n.crossdocking, n.category_codes, n.images, n.specifications, n.variation_attributes)
               IS DISTINCT FROM
               (o.name, o.description, o.brand, o.ean, o.nbm, o.weight, o.height, o.width, o.length,
                o.crossdocking, o.category_codes, o.images, o.specifications, o.variation_attributes)
               AS content
        FROM new_rows n JOIN old_rows o USING (id) JOIN catalog_variation v ON v.product_id = n.id
    ), {_MARKED}
END $$;
"""


def trigger(table: str, function: str) -> str:
    """Run a marking function after each UPDATE statement on a table."""
    return (
        f"CREATE TRIGGER {function} AFTER UPDATE ON {table} "
        "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0002_tenant_agreement")]

    operations = [
        migrations.RunSQL(VARIATIONS, "DROP FUNCTION marketplaces_mark_variations()"),
        migrations.RunSQL(
            trigger("catalog_variation", "marketplaces_mark_variations"),
            "DROP TRIGGER marketplaces_mark_variations ON catalog_variation",
        ),
        migrations.RunSQL(PRODUCTS, "DROP FUNCTION marketplaces_mark_products()"),
        migrations.RunSQL(
            trigger("catalog_product", "marketplaces_mark_products"),
            "DROP TRIGGER marketplaces_mark_products ON catalog_product",
        ),
    ]
