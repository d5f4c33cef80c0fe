"""The marks say what moved a quantity or a price when it was not the ERP's figure: an order, a buffer, a category.

A hold that ends because the ERP's figure accounts for it is that figure's doing.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

HOLDS: str = import_module("marketplaces.migrations.0007_stock_marks").HOLDS

# As in 0007 and 0009, and one thing more: an empty `reason` leaves the row saying that the catalogue asked.
MARK_STOCK = """
CREATE FUNCTION marketplaces_mark_stock(variations bigint[], reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE woken_lanes bigint;
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT l.id, q.published = 0 AS to_zero
        FROM marketplaces_listing l
        JOIN marketplaces_offer q ON q.connection_id = l.connection_id AND q.variation_id = l.variation_id
        WHERE l.variation_id = ANY(variations)
    ), marked AS (
        UPDATE marketplaces_sync s
        SET wanted_version = s.wanted_version + 1,
            superseded = s.superseded + (s.follows AND s.wanted_version > s.sent_version)::int,
            cause = (SELECT coalesce(current_setting('hub.request_id', true), '')),
            received_at = clock_timestamp(),
            failures = 0,
            why = CASE WHEN reason = '' THEN s.why ELSE reason END,
            why_version = CASE WHEN reason = '' THEN s.why_version ELSE s.wanted_version + 1 END,
            to_zero = w.to_zero,
            due_at = CASE WHEN s.follows THEN now() ELSE s.due_at END
        FROM wanted w WHERE s.listing_id = w.id AND s.facet = 'stock'
        RETURNING s.connection_id, s.follows
    )
    SELECT count(pg_notify('hub', woken.connection_id || ':stock')) INTO woken_lanes
    FROM (SELECT DISTINCT connection_id FROM marked WHERE follows) woken;
END $$;
"""

_MOVED = """
        moved := array(
            SELECT DISTINCT n.variation_id FROM new_rows n JOIN old_rows o USING (id) WHERE n.held <> o.held
        );
"""
_MOVED_BY_FIGURES = """
        moved := array(
            SELECT DISTINCT n.variation_id FROM new_rows n JOIN old_rows o USING (id)
            WHERE n.held <> o.held AND n.accounted = o.accounted
        );
        settled := array(
            SELECT DISTINCT n.variation_id FROM new_rows n JOIN old_rows o USING (id)
            WHERE n.held <> o.held AND n.accounted <> o.accounted AND n.variation_id <> ALL(moved)
        );
"""


def with_reasons() -> str:
    """Return the function of migration 0007 that marks what holds move, telling orders from figures."""
    written = HOLDS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    for old, new in (
        ("DECLARE moved bigint[];", "DECLARE moved bigint[]; settled bigint[] := '{}';"),
        (_MOVED, _MOVED_BY_FIGURES),
        ("PERFORM marketplaces_mark_stock(moved);\n    END IF;",
         "PERFORM marketplaces_mark_stock(moved, 'order');\n    END IF;\n"
         "    IF settled <> '{}' THEN\n        PERFORM marketplaces_mark_stock(settled, '');\n    END IF;"),
    ):
        if old not in written:
            raise RuntimeError(f"migration 0007 has no {old!r}")
        written = written.replace(old, new)
    return written


def rewrite(function: str, old: str, new: str) -> str:
    """Replace a text in a function as it stands in the database; fail where it is not."""
    return f"""
    DO $do$
    DECLARE written text := pg_get_functiondef(to_regprocedure('{function}'));
    BEGIN
        IF written IS NULL OR strpos(written, $old${old}$old$) = 0 THEN
            RAISE EXCEPTION '% has another form than expected', '{function}';
        END IF;
        EXECUTE replace(written, $old${old}$old$, $new${new}$new$);
    END $do$;
    """


def saying(function: str, reason: str) -> migrations.RunSQL:
    """Have a marking function say why it marks."""
    old = "failures = 0,"
    new = f"failures = 0, why = '{reason}', why_version = s.wanted_version + 1,"
    return migrations.RunSQL(rewrite(function, old, new), rewrite(function, new, old))


MARK_STOCK_BEFORE = MARK_STOCK.replace(", reason text", "").replace(
    """
            why = CASE WHEN reason = '' THEN s.why ELSE reason END,
            why_version = CASE WHEN reason = '' THEN s.why_version ELSE s.wanted_version + 1 END,""",
    "",
)
"""As 0007 and 0009 left it."""


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0011_proof_indexes")]

    operations = [
        migrations.RunSQL(MARK_STOCK, "DROP FUNCTION marketplaces_mark_stock(bigint[], text)"),
        migrations.RunSQL(with_reasons(), HOLDS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL("DROP FUNCTION marketplaces_mark_stock(bigint[])", MARK_STOCK_BEFORE),
        saying("marketplaces_mark_buffers()", "buffer"),
        saying("marketplaces_mark_recategorised()", "category"),
    ]
