"""Orders hold stock: whatever changes an order, its items or what the ERP has of it keeps its holds in step.

What an order takes is held from the moment it is stored, unless it came in shipped, delivered or canceled
already. A canceled one takes nothing; should it come back to life, the ERP's quantity accounts for none of it.
"""

from __future__ import annotations

from django.db import migrations

# The queue entry is raised after the items are written, in the same transaction: its next version is
# the first that tells the ERP of this quantity.
HOLD = """
CREATE FUNCTION orders_hold(orders bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH known AS MATERIALIZED (
        SELECT h.id, h.quantity, coalesce(q.version, 0) + 1 AS version,
               CASE WHEN o.status_type = 'CANCELED' THEN 0
                    ELSE (SELECT coalesce(sum(i.quantity), 0) FROM orders_orderitem i
                          WHERE i.order_id = o.id AND i.sku = v.sku) END AS takes
        FROM orders_order o
        JOIN marketplaces_hold h ON h.seller_id = o.seller_id AND h.order_code = o.code
        JOIN catalog_variation v ON v.id = h.variation_id
        LEFT JOIN orders_queueentry q ON q.order_id = o.id
        WHERE o.id = ANY(orders)
    )
    UPDATE marketplaces_hold h
    SET quantity = k.takes,
        version = CASE WHEN k.takes > k.quantity THEN k.version ELSE h.version END,
        given = CASE WHEN k.quantity = 0 THEN 0 ELSE h.given END,
        taken = CASE WHEN k.quantity = 0 THEN 0 ELSE h.taken END,
        accounted = CASE WHEN k.quantity = 0 THEN 0 ELSE h.accounted END
    FROM known k WHERE h.id = k.id AND k.takes <> k.quantity;

    INSERT INTO marketplaces_hold
        (seller_id, variation_id, connection_id, order_code, placed_at, quantity, version, created_at)
    SELECT o.seller_id, v.id, o.connection_id, o.code, o.placed_at, sum(i.quantity),
           coalesce(max(q.version), 0) + 1, clock_timestamp()
    FROM orders_order o
    JOIN orders_orderitem i ON i.order_id = o.id
    JOIN catalog_variation v ON v.seller_id = o.seller_id AND v.sku = i.sku
    LEFT JOIN orders_queueentry q ON q.order_id = o.id
    WHERE o.id = ANY(orders)
      AND o.status_type NOT IN ('SHIPPED', 'SHIPMENT_EXCEPTION', 'DELIVERED', 'CANCELED')
    GROUP BY o.id, v.id ORDER BY v.sku
    ON CONFLICT (variation_id, order_code) DO NOTHING;
END $$;
"""

# An order that has lost all its items is in the middle of getting new ones.
ITEMS = """
CREATE FUNCTION orders_hold_items() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM orders_hold(array(
        SELECT DISTINCT c.order_id FROM changed_rows c
        WHERE TG_OP <> 'DELETE' OR (SELECT true FROM orders_orderitem i WHERE i.order_id = c.order_id LIMIT 1)
    ));
    RETURN NULL;
END $$;
"""

STATUS = """
CREATE FUNCTION orders_hold_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM orders_hold(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
"""

# Variations are locked before holds, as the catalogue's trigger does: the two cannot wait for each other.
QUEUE = """
CREATE FUNCTION orders_hold_queue() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_seller bigint;
    of_code text;
BEGIN
    SELECT seller_id, code INTO of_seller, of_code FROM orders_order WHERE id = NEW.order_id;
    IF NEW.acknowledged_version > OLD.acknowledged_version THEN
        PERFORM FROM catalog_variation WHERE id IN (
            SELECT variation_id FROM marketplaces_hold
            WHERE seller_id = of_seller AND order_code = of_code AND greatest(quantity, given) > taken
        ) ORDER BY sku FOR NO KEY UPDATE;
        UPDATE marketplaces_hold
        SET given = greatest(quantity, given), taken = greatest(quantity, given), taken_at = clock_timestamp()
        WHERE seller_id = of_seller AND order_code = of_code AND greatest(quantity, given) > taken
          AND (version <= NEW.acknowledged_version OR NEW.acknowledged_version = NEW.version);
        UPDATE catalog_variation SET figure_awaited = true
        WHERE NOT figure_awaited AND id IN (
            SELECT variation_id FROM marketplaces_hold
            WHERE seller_id = of_seller AND order_code = of_code AND taken > accounted AND held > 0
        );
    ELSE
        UPDATE marketplaces_hold SET given = quantity
        WHERE seller_id = of_seller AND order_code = of_code AND quantity > given
          AND version <= NEW.offered_version;
    END IF;
    RETURN NULL;
END $$;
"""


def on_items(event: str, table: str) -> migrations.RunSQL:
    """Keep the holds of the orders whose items a statement touched."""
    name = f"orders_hold_items_{event.lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON orders_orderitem REFERENCING {table} TABLE AS changed_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION orders_hold_items()",
        f"DROP TRIGGER {name} ON orders_orderitem",
    )


class Migration(migrations.Migration):
    dependencies = [("orders", "0009_letters_in_invoice_keys"), ("marketplaces", "0007_stock_zero_first")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE marketplaces_hold ADD CONSTRAINT marketplaces_hold_of_an_order "
            "FOREIGN KEY (seller_id, order_code) REFERENCES orders_order (seller_id, code) "
            "ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE marketplaces_hold DROP CONSTRAINT marketplaces_hold_of_an_order",
        ),
        migrations.RunSQL(HOLD, "DROP FUNCTION orders_hold(bigint[])"),
        migrations.RunSQL(ITEMS, "DROP FUNCTION orders_hold_items()"),
        on_items("INSERT", "NEW"),
        on_items("UPDATE", "NEW"),
        on_items("DELETE", "OLD"),
        migrations.RunSQL(STATUS, "DROP FUNCTION orders_hold_status()"),
        migrations.RunSQL(
            "CREATE TRIGGER orders_hold_status AFTER UPDATE ON orders_order FOR EACH ROW "
            "WHEN (OLD.status_type IS DISTINCT FROM NEW.status_type) EXECUTE FUNCTION orders_hold_status()",
            "DROP TRIGGER orders_hold_status ON orders_order",
        ),
        migrations.RunSQL(QUEUE, "DROP FUNCTION orders_hold_queue()"),
        migrations.RunSQL(
            "CREATE TRIGGER orders_hold_queue AFTER UPDATE ON orders_queueentry FOR EACH ROW "
            "WHEN (NEW.acknowledged_version > OLD.acknowledged_version "
            "OR NEW.offered_version > OLD.offered_version) EXECUTE FUNCTION orders_hold_queue()",
            "DROP TRIGGER orders_hold_queue ON orders_queueentry",
        ),
    ]
