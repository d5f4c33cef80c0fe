"""Units of an order that fell and rise again are held again.

The ERP's figures account for no more units of an order than it was last told of. What was known of more
ends when the units change the next time, and so does what a person let go; a canceled order that comes
back to life begins anew.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

BEFORE: str = import_module("orders.migrations.0010_stock_holds").HOLD.replace("CREATE", "CREATE OR REPLACE")

# As before, and first: what the ERP was told of, where it was told. A figure that is late may still fall by
# what the ERP took when it was more: `given` stays as far above `accounted` as it is, so that no other order
# is taken for that fall. While the ERP has an order in its hands, acknowledging it means what it was given:
# units that fall meanwhile get no version of their own.
HOLD = """
CREATE OR REPLACE FUNCTION orders_hold(orders bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH told AS MATERIALIZED (
        SELECT h.id, h.quantity
        FROM orders_order o
        JOIN marketplaces_hold h ON h.seller_id = o.seller_id AND h.order_code = o.code
        JOIN catalog_variation v ON v.id = h.variation_id
        LEFT JOIN orders_queueentry q ON q.order_id = o.id
        WHERE o.id = ANY(orders)
          AND (h.quantity = 0 OR q.offered_version >= h.version)
          AND h.quantity < greatest(h.given, h.accounted, h.released)
          AND h.quantity <> CASE WHEN o.status_type = 'CANCELED' THEN 0
              ELSE (SELECT coalesce(sum(i.quantity), 0) FROM orders_orderitem i
                    WHERE i.order_id = o.id AND i.sku = v.sku) END
    )
    UPDATE marketplaces_hold h
    SET given = CASE WHEN t.quantity = 0 THEN 0
                     ELSE least(h.accounted, t.quantity) + h.given - h.accounted END,
        taken = least(h.taken, t.quantity),
        accounted = least(h.accounted, t.quantity),
        released = least(h.released, t.quantity)
    FROM told t WHERE h.id = t.id;

    WITH known AS MATERIALIZED (
        SELECT h.id, h.quantity, coalesce(q.version, 0) + 1 AS version,
               coalesce(q.offered_version > q.acknowledged_version, false) AS in_hand,
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
        version = CASE WHEN k.takes < k.quantity AND k.in_hand THEN h.version ELSE k.version END
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


class Migration(migrations.Migration):
    dependencies = [("orders", "0010_stock_holds")]

    operations = [migrations.RunSQL(HOLD, BEFORE)]
