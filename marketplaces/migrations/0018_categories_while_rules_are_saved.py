"""Mark the price of a product that changes category while somebody saves price rules.

Rules that are being saved cannot be seen yet, and whoever saves them may have looked before the category changed:
the price then stayed behind for ever. A save holds a lock per connection (`price_rules.save`). Whoever changes a
category now shares it until the commit, so that a save that comes later waits and sees the new category; where
a save holds it, the price is marked whatever the rules say.

What did not change category is found out first, by a set operation that costs the same whatever plan is kept.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

rewrite = import_module("marketplaces.migrations.0012_why_it_moved").rewrite

FUNCTION = "marketplaces_mark_recategorised()"
DECLARED = "DECLARE woken_lanes bigint;"
LOOKS = """IF NOT EXISTS (SELECT FROM marketplaces_pricerules WHERE rules -> 'categories' <> '{}') THEN"""
LOOKS_UNDER_THE_LOCK = """sellers := array(
        SELECT DISTINCT seller_id FROM (
            SELECT id, seller_id, category_codes FROM new_rows
            EXCEPT SELECT id, seller_id, category_codes FROM old_rows
        ) moved
    );
    IF sellers = '{}' THEN
        RETURN NULL;
    END IF;
    being_saved := array(
        SELECT id FROM (SELECT id FROM marketplaces_connection WHERE seller_id = ANY(sellers) OFFSET 0) theirs
        WHERE NOT pg_try_advisory_xact_lock_shared(hashtextextended('price rules of connection ' || id, 0))
    );
    IF being_saved = '{}'
       AND NOT EXISTS (SELECT FROM marketplaces_pricerules WHERE rules -> 'categories' <> '{}') THEN"""
BY_CATEGORY = """(SELECT r.rules -> 'categories' <> '{}' FROM marketplaces_pricerules r
               WHERE r.connection_id = s.connection_id ORDER BY r.number DESC LIMIT 1)"""


def replaced(old: str, new: str) -> migrations.RunSQL:
    """Change one text of the function, and change it back."""
    return migrations.RunSQL(rewrite(FUNCTION, old, new), rewrite(FUNCTION, new, old))


class Migration(migrations.Migration):
    dependencies = [("marketplaces", "0017_plausible_moments")]

    operations = [
        replaced(DECLARED, f"{DECLARED} sellers bigint[]; being_saved bigint[];"),
        replaced(LOOKS, LOOKS_UNDER_THE_LOCK),
        replaced(BY_CATEGORY, f"(s.connection_id = ANY(being_saved) OR {BY_CATEGORY})"),
    ]
