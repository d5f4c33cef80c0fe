"""Fresh statistics for PostgreSQL's planner right after a big change, when autovacuum has not come yet.

It comes once a minute. A seller whose ERP has just sent 50,000 products and who presses Connect at once
would meet plans made for an empty table: three minutes instead of a tenth of a second (measured).
"""

from __future__ import annotations

from django.db import connection

MANY = 2_000
SHARE = 0.3

_STALE = """
SELECT relname FROM pg_stat_user_tables
WHERE relname = ANY(%s) AND n_mod_since_analyze > %s AND n_mod_since_analyze > %s * n_live_tup
"""


def refresh(*tables: str) -> list[str]:
    """Analyze those of the tables that have changed much since anybody looked; returns which."""
    with connection.cursor() as cursor:
        cursor.execute(_STALE, [list(tables), MANY, SHARE])
        stale = sorted(str(name) for (name,) in cursor.fetchall())
        for name in stale:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {connection.ops.quote_name(name)}")
    return stale
