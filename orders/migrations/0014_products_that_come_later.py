"""A product the ERP creates after its order was stored is held from its first moment, or not at all.

Its first figure accounts for what the ERP had acknowledged by then. Until now nothing was held of such a
product before its order changed its status, and then for ever: the hold waited for a version of the
queue's entry that nobody was going to make. Those end with the ERP's next figure.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

BEFORE = import_module("orders.migrations.0010_stock_holds")

# Which older version of the entry first told of these units is not known: the present one did. A product
# that is deleted at this moment is waited for: a hold of what is gone would fail the whole call.
MISSING = """
CREATE FUNCTION orders_hold_missing(orders bigint[], variations bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO marketplaces_hold
        (seller_id, variation_id, connection_id, order_code, placed_at, quantity, version, created_at)
    SELECT o.seller_id, v.id, o.connection_id, o.code, o.placed_at, i.units, o.version, clock_timestamp()
    FROM (
        SELECT o.*, coalesce(q.version, 1) AS version
        FROM orders_order o LEFT JOIN orders_queueentry q ON q.order_id = o.id
        WHERE o.id = ANY(orders)
          AND o.status_type NOT IN ('SHIPPED', 'SHIPMENT_EXCEPTION', 'DELIVERED', 'CANCELED') OFFSET 0
    ) o
    CROSS JOIN LATERAL (
        SELECT sku, sum(quantity) AS units FROM orders_orderitem WHERE order_id = o.id GROUP BY sku OFFSET 0
    ) i
    CROSS JOIN LATERAL (
        SELECT id FROM catalog_variation WHERE seller_id = o.seller_id AND sku = i.sku OFFSET 0
        FOR KEY SHARE
    ) v
    WHERE variations IS NULL OR v.id = ANY(variations)
    ORDER BY i.sku
    ON CONFLICT (variation_id, order_code) DO NOTHING;
END $$;
"""

# The plan is kept, and may be that of a bulk call: only the indexes are to serve it. An acknowledgement of
# this moment is waited for, and the next one waits for us and finds the hold.
ARRIVALS = """
CREATE FUNCTION orders_hold_arrivals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    orders bigint[];
    arrived bigint[];
BEGIN
    SELECT array_agg(DISTINCT o.id), array_agg(DISTINCT v.id) INTO orders, arrived
    FROM new_rows v
    CROSS JOIN LATERAL (SELECT order_id FROM orders_orderitem WHERE sku = v.sku OFFSET 0) i
    CROSS JOIN LATERAL (
        SELECT id FROM orders_order
        WHERE id = i.order_id AND seller_id = v.seller_id
          AND status_type NOT IN ('SHIPPED', 'SHIPMENT_EXCEPTION', 'DELIVERED', 'CANCELED') OFFSET 0
    ) o;
    IF orders IS NOT NULL THEN
        PERFORM FROM orders_queueentry WHERE order_id = ANY(orders) ORDER BY order_id FOR NO KEY UPDATE;
        PERFORM orders_hold_missing(orders, arrived);
        UPDATE marketplaces_hold h
        SET given = h.quantity,
            taken = CASE WHEN q.is_taken THEN h.quantity ELSE 0 END,
            taken_at = CASE WHEN q.is_taken THEN clock_timestamp() END,
            accounted = CASE WHEN q.is_taken THEN h.quantity ELSE 0 END,
            accounted_at = CASE WHEN q.is_taken THEN clock_timestamp() END
        FROM (
            SELECT o.seller_id, o.code, q.acknowledged_version = q.version AS is_taken
            FROM orders_order o JOIN orders_queueentry q ON q.order_id = o.id
            WHERE o.id = ANY(orders) AND q.offered_version = q.version
        ) q
        WHERE h.seller_id = q.seller_id AND h.order_code = q.code AND h.variation_id = ANY(arrived);
    END IF;
    RETURN NULL;
END $$;
"""

# A product and an order that were written at the same moment did not see each other.
_ACKNOWLEDGED = "IF NEW.acknowledged_version > OLD.acknowledged_version THEN\n"
QUEUE = BEFORE.QUEUE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(
    _ACKNOWLEDGED, f"{_ACKNOWLEDGED}        PERFORM orders_hold_missing(ARRAY[NEW.order_id], NULL);\n"
)

# Only a cancellation, and what undoes it, changes what an order takes.
STATUS = """
CREATE TRIGGER orders_hold_status AFTER UPDATE ON orders_order FOR EACH ROW
WHEN ((OLD.status_type = 'CANCELED') <> (NEW.status_type = 'CANCELED'))
EXECUTE FUNCTION orders_hold_status()
"""
STATUS_BEFORE = """
CREATE TRIGGER orders_hold_status AFTER UPDATE ON orders_order FOR EACH ROW
WHEN (OLD.status_type IS DISTINCT FROM NEW.status_type) EXECUTE FUNCTION orders_hold_status()
"""
DROP_STATUS = "DROP TRIGGER orders_hold_status ON orders_order"

# Nobody can say whether a figure came after the acknowledgement: the next one will.
HELD_FOR_EVER = """
WITH stuck AS (
    UPDATE marketplaces_hold h
    SET version = q.version, given = h.quantity, taken = h.quantity, taken_at = clock_timestamp()
    FROM orders_order o JOIN orders_queueentry q ON q.order_id = o.id
    WHERE h.held > 0 AND o.seller_id = h.seller_id AND o.code = h.order_code
      AND h.version > q.version AND q.acknowledged_version = q.version AND h.given <= h.quantity
    RETURNING h.variation_id
)
UPDATE catalog_variation SET figure_awaited = true
WHERE NOT figure_awaited AND id IN (SELECT variation_id FROM stuck)
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0013_items_by_sku"), ("catalog", "0005_awaited_figures")]

    operations = [
        migrations.RunSQL(MISSING, "DROP FUNCTION orders_hold_missing(bigint[], bigint[])"),
        migrations.RunSQL(ARRIVALS, "DROP FUNCTION orders_hold_arrivals()"),
        migrations.RunSQL(
            "CREATE TRIGGER orders_hold_arrivals AFTER INSERT ON catalog_variation "
            "REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION orders_hold_arrivals()",
            "DROP TRIGGER orders_hold_arrivals ON catalog_variation",
        ),
        migrations.RunSQL(
            QUEUE, BEFORE.QUEUE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
        ),
        migrations.RunSQL(f"{DROP_STATUS}; {STATUS}", f"{DROP_STATUS}; {STATUS_BEFORE}"),
        migrations.RunSQL(HELD_FOR_EVER, migrations.RunSQL.noop),
    ]
