"""How often a seller's ERP may call: SkyHub's table, in windows of one second.

The windows are the database's: one row per seller and kind of call, whose count starts anew when its
second is over. So the limit holds across all web processes and machines, there is one clock, and
nothing has to be cleaned. The table is UNLOGGED: after a crash it is empty, which harms nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from hub import statements
from hub.api.endpoints import group_of
from hub.models import Seller

WINDOW_SECONDS = 1
OTHERS = "others"
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_STANDING = "hub_standing"
SHARED = frozenset({"products", "variations"})
"""Here the list and the single row share one count per method; elsewhere each address has its own."""

# A process that waited for the row may come with a second that is already over: it counts in the newer
# one. A row further ahead than that was written before the clock was set back.
THIS_SECOND = "floor(extract(epoch FROM clock_timestamp()))::bigint"
AGAIN = """
ON CONFLICT (seller_id, kind) DO UPDATE SET
    second = CASE WHEN kept.second - excluded.second IN (0, 1) THEN kept.second ELSE excluded.second END,
    calls = CASE WHEN kept.second - excluded.second IN (0, 1) THEN kept.calls + 1 ELSE 1 END
"""
_COUNT = f"""
INSERT INTO hub_rate_window AS kept (seller_id, kind, second, calls)
VALUES (%(seller)s::bigint, %(kind)s::text, {THIS_SECOND}, 1)
{AGAIN}
RETURNING calls
"""  # noqa: S608  (our own constants)


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of this second's calls a seller has made, this one included."""

    per_second: int
    calls: int

    @property
    def is_over(self) -> bool:
        """This call is one too many."""
        return self.calls > self.per_second

    @property
    def headers(self) -> dict[str, str]:
        """What every answer says about it; a new window is never further away than one second."""
        told = {
            "X-RateLimit-Limit": str(self.per_second),
            "X-RateLimit-Remaining": str(max(0, self.per_second - self.calls)),
            "X-RateLimit-Reset": str(WINDOW_SECONDS),
        }
        return {**told, "Retry-After": str(WINDOW_SECONDS)} if self.is_over else told


def per_second(method: str, group: str) -> int:
    """Return the limit of a method of a group of addresses; 0 means none."""
    table: dict[str, int] = settings.HUB_RATE_TABLE
    return table.get(f"{method} {group}", table.get(group, table[OTHERS]))


def kind_of(method: str, endpoint: str) -> str:
    """Return what a call is counted as: the method, with the group where it shares one count."""
    group = group_of(endpoint)
    return f"{method} {group if group in SHARED else endpoint}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a call is counted as, and how many of its kind a second takes."""

    kind: str
    per_second: int


def rule_of(method: str, endpoint: str) -> Rule | None:
    """Return what holds for a call, whoever makes it; None where the hub limits nobody."""
    if not settings.HUB_RATE_LIMITS:
        return None
    # A HEAD is a GET, and clients' own inventions must not make a row each.
    method = "GET" if method == "HEAD" else method if method in METHODS else "OTHER"
    limit = per_second(method, group_of(endpoint))
    return Rule(kind_of(method, endpoint), limit) if limit else None


def count(seller: Seller, method: str, endpoint: str) -> Standing | None:
    """Count a call, whatever becomes of it; None where calls are not limited."""
    rule = rule_of(method, endpoint)
    if rule is None or not seller.rate_limits:
        return None
    ((calls,),) = statements.run(_COUNT, {"seller": seller.pk, "kind": rule.kind})
    return Standing(rule.per_second, calls)


def note(request: Any, standing: Standing | None) -> None:
    """Keep that a call was counted where its caller was looked up."""
    setattr(getattr(request, "_request", request), _STANDING, (standing,))


def counted(request: Any, seller: Seller, endpoint: str) -> Standing | None:
    """Count a call, unless that was done where its caller was looked up."""
    noted: tuple[Standing | None] | None = getattr(getattr(request, "_request", request), _STANDING, None)
    return noted[0] if noted else count(seller, request.method or "", endpoint)
