"""Whose key it is, whether the person belongs to it, and the count of this second's calls: in one statement.

Nothing is remembered between calls, so that a key that is revoked, a person who leaves and a seller who is
switched off are turned away with the very next call.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from functools import cache
from typing import Any

from hub import statements
from hub.api import limits
from hub.models import ApiKey, Seller, User, digest_of
from hub.statements import Columns

# A call is only counted where it is let in. The digests are compared here for the count, and once more,
# in constant time, by us.
_ENTER = """
WITH known AS MATERIALIZED (
    SELECT k.id AS key_id, s.id AS seller_id,
           s.rate_limits AND k.digest = %(digest)s::text
           AND (NOT s.strict_account_manager OR %(has_manager)s::boolean) AS counts
    FROM hub_apikey k JOIN hub_seller s ON s.id = k.seller_id
    WHERE k.prefix = %(prefix)s::text AND k.revoked_at IS NULL AND s.is_active
), person AS MATERIALIZED (
    SELECT u.id FROM known JOIN hub_membership m ON m.seller_id = known.seller_id
    JOIN hub_user u ON u.id = m.user_id
    WHERE lower(u.email) = %(email)s::text AND u.is_active LIMIT 1
), counted AS (
    INSERT INTO hub_rate_window AS kept (seller_id, kind, second, calls)
    SELECT known.seller_id, %(kind)s::text, {second}, 1 FROM known, person
    WHERE known.counts AND %(kind)s::text <> ''
    {again}
    RETURNING calls
)
SELECT {columns}, (SELECT calls FROM counted)
FROM known JOIN hub_apikey k ON k.id = known.key_id JOIN hub_seller s ON s.id = known.seller_id
LEFT JOIN person ON true LEFT JOIN hub_user u ON u.id = person.id
"""
_TABLES: tuple[tuple[str, Columns[Any]], ...] = (
    ("k", Columns(ApiKey, without=("created_at", "created_by", "revoked_at"))),
    ("s", Columns(Seller, without=("created_at",))),
    ("u", Columns(User, without=("password", "last_login", "date_joined", "is_superuser"))),
)
"""What no call asks about stays in the database: moments cost most to read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the door found."""

    key: ApiKey | None
    """The usable key with this secret, its seller loaded."""
    user: User | None
    """The active person of the key's seller with this e-mail."""
    calls: int | None
    """How many calls of this kind the seller has made in this second; None where they are not counted."""


NOBODY = Entry(None, None, None)


def enter(email: str, secret: str, *, kind: str = "", has_manager: bool = True) -> Entry:
    """Look up a caller, and count the call as one of `kind` if there is one and the caller is let in."""
    if "\x00" in email + secret:
        return NOBODY
    digest = digest_of(secret)
    values = {
        "digest": digest,
        "has_manager": has_manager,
        "prefix": secret[: ApiKey.PREFIX_LENGTH],
        "email": email.lower(),
        "kind": kind,
    }
    rows = statements.run(_statement(), values)
    if not rows:
        return NOBODY
    (row,) = rows
    found: list[Any] = []
    place = 0
    for _name, columns in _TABLES:
        found.append(columns.row(row[place : place + len(columns.names)]))
        place += len(columns.names)
    key, seller, user = found
    if not hmac.compare_digest(key.digest, digest):
        return NOBODY
    key.seller = seller
    return Entry(key, user, row[-1])


@cache
def _statement() -> str:
    columns = ", ".join(columns.of(table) for table, columns in _TABLES)
    return _ENTER.format(columns=columns, second=limits.THIS_SECOND, again=limits.AGAIN)
