"""What a listing offers is said in one place, and whatever moves it marks the stock rows concerned.

`marketplaces_offer` is that place: the ERP's figure, less what is held, less the connection's buffers.
Triggers on holds and on connections mark as those on the catalogue do (migration 0003), which here
learn two things: which holds a new figure accounts for, and which quantities fall to nothing.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

BEFORE = import_module("marketplaces.migrations.0003_sync_marks")

# Rounded up, so that a percentage never takes the last unit off sale.
OFFERED = """
CREATE FUNCTION marketplaces_offered(available bigint, reserve int, percentage int, most int)
RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least((greatest(0, available - reserve) * percentage + 99) / 100, most)::int
$$;
"""

OFFER = """
CREATE VIEW marketplaces_offer AS
SELECT a.id AS connection_id, v.id AS variation_id, v.seller_id, v.qty AS erp, h.held,
       greatest(0, v.qty - h.held - o.offered)::int AS reserved,
       CASE WHEN p.status = 'enabled' THEN o.offered ELSE 0 END AS published
FROM marketplaces_connection a
JOIN catalog_variation v ON v.seller_id = a.seller_id
JOIN catalog_product p ON p.id = v.product_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(held), 0) AS held FROM marketplaces_hold
    WHERE variation_id = v.id AND held > 0 AND a.hold_stock
) h
CROSS JOIN LATERAL (
    SELECT marketplaces_offered(v.qty - h.held, a.stock_reserve, a.stock_percentage, a.stock_most) AS offered
) o;
"""

# What marking a row means, as in migration 0003; `wanted` says which listings and whether they sell out.
_MARK = """
        UPDATE marketplaces_sync s
        SET wanted_version = s.wanted_version + 1,
            superseded = s.superseded + (s.follows AND s.wanted_version > s.sent_version)::int,
            received_at = clock_timestamp(),
            failures = 0,
            to_zero = w.to_zero,
            due_at = CASE WHEN s.follows THEN now() ELSE s.due_at END
        FROM wanted w WHERE s.listing_id = w.id AND s.facet = 'stock'
        RETURNING s.connection_id, s.follows
    )
    SELECT count(pg_notify('hub', woken.connection_id || ':stock')) INTO woken_lanes
    FROM (SELECT DISTINCT connection_id FROM marked WHERE follows) woken;
"""

MARK_STOCK = f"""
CREATE FUNCTION marketplaces_mark_stock(variations bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE woken_lanes bigint;
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT l.id, q.published = 0 AS to_zero
        FROM marketplaces_listing l
        JOIN marketplaces_offer q ON q.connection_id = l.connection_id AND q.variation_id = l.variation_id
        WHERE l.variation_id = ANY(variations)
    ), marked AS ({_MARK}
END $$;
"""

# The marketplace that sold took the units off its own figure. Where nothing was sent since, it shows that
# many fewer: the confirmed value says so, and an equal wish is then not sent, because sending it could
# undo a sale we have not heard of yet. Where something was sent since, it may have overwritten the
# marketplace's own figure, and the listing is sent like all others.
HOLDS = """
CREATE FUNCTION marketplaces_mark_holds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        moved := array(SELECT DISTINCT variation_id FROM new_rows WHERE held > 0);
        UPDATE marketplaces_sync s
        SET confirmed_value = greatest(0, s.confirmed_value::int - n.sold)::text
        FROM (
            SELECT connection_id, variation_id, sum(held) AS sold, min(placed_at) AS since
            FROM new_rows WHERE held > 0 GROUP BY connection_id, variation_id
        ) n
        JOIN marketplaces_connection a ON a.id = n.connection_id AND a.hold_stock
        JOIN marketplaces_listing l ON l.connection_id = n.connection_id AND l.variation_id = n.variation_id
        WHERE s.listing_id = l.id AND s.facet = 'stock' AND s.confirmed_value ~ '^[0-9]{1,9}$'
          AND s.confirmed_at < n.since AND s.submission_id IS NULL
          AND s.sent_version <= greatest(s.confirmed_version, s.refused_version);
    ELSIF TG_OP = 'UPDATE' THEN
        moved := array(
            SELECT DISTINCT n.variation_id FROM new_rows n JOIN old_rows o USING (id) WHERE n.held <> o.held
        );
    ELSE
        moved := array(SELECT DISTINCT variation_id FROM old_rows WHERE held > 0);
    END IF;
    IF moved <> '{}' THEN
        PERFORM marketplaces_mark_stock(moved);
    END IF;
    RETURN NULL;
END $$;
"""

# Only what differs from what the marketplace has, or is on its way there.
BUFFERS = f"""
CREATE FUNCTION marketplaces_mark_buffers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE woken_lanes bigint;
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT l.id, q.published = 0 AS to_zero
        FROM marketplaces_listing l
        JOIN marketplaces_offer q ON q.connection_id = l.connection_id AND q.variation_id = l.variation_id
        JOIN marketplaces_sync k ON k.listing_id = l.id AND k.facet = 'stock'
        WHERE l.connection_id = NEW.id
          AND (k.confirmed_value <> q.published::text OR k.wanted_version > k.confirmed_version)
    ), marked AS ({_MARK}
    RETURN NULL;
END $$;
"""

# As in migration 0003, and more: `shelf` is what may be sold of a variation whose stock changed, `held` what
# is held of it; together with the connection's buffers they say whether the row sells out.
_MARKED = """
    marked AS (
        UPDATE marketplaces_sync s
        SET wanted_version = s.wanted_version + 1,
            superseded = s.superseded + (s.follows AND s.wanted_version > s.sent_version)::int,
            received_at = clock_timestamp(),
            failures = 0,
            to_zero = s.facet = 'stock' AND marketplaces_offered(
                c.shelf - CASE WHEN a.hold_stock THEN c.held ELSE 0 END,
                a.stock_reserve, a.stock_percentage, a.stock_most) = 0,
            due_at = CASE WHEN s.follows THEN now() ELSE s.due_at END
        FROM changed c JOIN marketplaces_listing l ON l.variation_id = c.variation_id
        JOIN marketplaces_connection a ON a.id = l.connection_id
        WHERE s.listing_id = l.id
          AND ((s.facet = 'stock' AND c.stock) OR (s.facet = 'price' AND c.price)
               OR (s.facet = 'content' AND (c.content OR c.price AND l.state = 'error')))
        RETURNING s.connection_id, s.facet, s.follows
    )
    SELECT count(pg_notify('hub', woken.connection_id || ':' || woken.facet)) INTO woken_lanes
    FROM (SELECT DISTINCT connection_id, facet FROM marked WHERE follows) woken;
    RETURN NULL;
"""

# A figure accounts for every order the ERP acknowledged before, and, by as much as it fell, for the orders
# the ERP has in its hands, oldest first. Orders canceled meanwhile use up their part of the fall. Holds
# that move mark by themselves.
#
# PostgreSQL keeps the plan of the first call, which may be a bulk call's: every look at the holds is written
# so that only their indexes serve it, and its cost stays with what changed.
VARIATIONS = f"""
CREATE OR REPLACE FUNCTION marketplaces_mark_variations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    woken_lanes bigint;
    of_seller bigint;
    holds boolean := false;
    acknowledged bigint[];
    in_hand bigint[];
    moved bigint[] := '{{}}';
BEGIN
    FOR of_seller IN SELECT DISTINCT seller_id FROM new_rows LOOP
        holds := holds OR of_seller = (
            SELECT h.seller_id FROM marketplaces_hold h
            WHERE (h.held > 0 OR h.given > h.accounted) AND h.seller_id >= of_seller
            ORDER BY h.seller_id LIMIT 1
        );
    END LOOP;
    IF holds THEN
        WITH told AS MATERIALIZED (
            SELECT n.id, o.qty - n.qty AS fall FROM new_rows n JOIN old_rows o USING (id)
            WHERE n.qty <> o.qty OR (o.figure_awaited AND NOT n.figure_awaited)
        ), waiting AS MATERIALIZED (
            SELECT h.id, told.id AS variation_id, told.fall, h.taken > h.accounted AS is_taken,
                   h.held > greatest(0, h.quantity - greatest(
                       CASE WHEN h.taken > h.accounted THEN h.taken ELSE h.given END, h.released)) AS moves,
                   sum(h.given - h.accounted)
                   OVER (PARTITION BY told.id ORDER BY h.taken <= h.accounted, h.id) AS units
            FROM told CROSS JOIN LATERAL (
                SELECT * FROM marketplaces_hold
                WHERE variation_id = told.id AND given > accounted OFFSET 0
            ) h
        )
        SELECT array_agg(id) FILTER (WHERE is_taken),
               array_agg(id) FILTER (WHERE NOT is_taken),
               coalesce(array_agg(variation_id) FILTER (WHERE moves), '{{}}')
        INTO acknowledged, in_hand, moved
        FROM waiting WHERE is_taken OR units <= fall;
        UPDATE marketplaces_hold SET accounted = taken, accounted_at = clock_timestamp()
        WHERE id = ANY(acknowledged);
        UPDATE marketplaces_hold SET accounted = given, accounted_at = clock_timestamp()
        WHERE id = ANY(in_hand);
    END IF;
    WITH changed AS MATERIALIZED (
        SELECT n.id AS variation_id,
               n.qty IS DISTINCT FROM o.qty AND n.id <> ALL(moved) AS stock,
               (n.price, n.promotional_price) IS DISTINCT FROM (o.price, o.promotional_price) AS price,
               (n.product_id, n.sku, n.ean, n.weight, n.height, n.width, n.length, n.crossdocking,
                n.images, n.specifications)
               IS DISTINCT FROM
               (o.product_id, o.sku, o.ean, o.weight, o.height, o.width, o.length, o.crossdocking,
                o.images, o.specifications) AS content,
               CASE WHEN n.qty <> o.qty AND n.qty > 0
                    THEN (SELECT n.qty FROM catalog_product p
                          WHERE p.id = n.product_id AND p.status = 'enabled') END AS shelf,
               CASE WHEN holds AND n.qty <> o.qty
                    THEN (SELECT sum(h.held) FROM marketplaces_hold h
                          WHERE h.variation_id = n.id AND h.held > 0) END AS held
        FROM new_rows n JOIN old_rows o USING (id)
    ), {_MARKED.replace("c.shelf", "coalesce(c.shelf, 0)").replace("c.held", "coalesce(c.held, 0)")}
END $$;
"""

PRODUCTS = f"""
CREATE OR REPLACE FUNCTION marketplaces_mark_products() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE woken_lanes bigint;
BEGIN
    WITH changed AS MATERIALIZED (
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
               AS content,
               CASE WHEN n.status = 'enabled' THEN v.qty ELSE 0 END AS shelf,
               CASE WHEN n.status <> o.status
                    THEN (SELECT coalesce(sum(h.held), 0) FROM marketplaces_hold h
                          WHERE h.variation_id = v.id AND h.held > 0) ELSE 0 END AS held
        FROM new_rows n JOIN old_rows o USING (id) JOIN catalog_variation v ON v.product_id = n.id
    ), {_MARKED}
END $$;
"""


def on_holds(event: str, rows: str) -> migrations.RunSQL:
    """Run the marking function after each statement on the holds."""
    name = f"marketplaces_mark_holds_{event.lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON marketplaces_hold REFERENCING {rows} "
        "FOR EACH STATEMENT EXECUTE FUNCTION marketplaces_mark_holds()",
        f"DROP TRIGGER {name} ON marketplaces_hold",
    )


def as_before(function: str) -> str:
    """Return a function of migration 0003 as a replacement of ours."""
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0007_stock_safety")]

    operations = [
        migrations.RunSQL(OFFERED, "DROP FUNCTION marketplaces_offered(bigint, int, int, int)"),
        migrations.RunSQL(OFFER, "DROP VIEW marketplaces_offer"),
        migrations.RunSQL(MARK_STOCK, "DROP FUNCTION marketplaces_mark_stock(bigint[])"),
        migrations.RunSQL(HOLDS, "DROP FUNCTION marketplaces_mark_holds()"),
        on_holds("INSERT", "NEW TABLE AS new_rows"),
        on_holds("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
        on_holds("DELETE", "OLD TABLE AS old_rows"),
        migrations.RunSQL(BUFFERS, "DROP FUNCTION marketplaces_mark_buffers()"),
        migrations.RunSQL(
            "CREATE TRIGGER marketplaces_mark_buffers AFTER UPDATE ON marketplaces_connection FOR EACH ROW "
            "WHEN ((OLD.hold_stock, OLD.stock_reserve, OLD.stock_percentage, OLD.stock_most) "
            "IS DISTINCT FROM (NEW.hold_stock, NEW.stock_reserve, NEW.stock_percentage, NEW.stock_most)) "
            "EXECUTE FUNCTION marketplaces_mark_buffers()",
            "DROP TRIGGER marketplaces_mark_buffers ON marketplaces_connection",
        ),
        migrations.RunSQL(VARIATIONS, as_before(BEFORE.VARIATIONS)),
        migrations.RunSQL(PRODUCTS, as_before(BEFORE.PRODUCTS)),
    ]
