"""The shapes of the hub's own endpoints, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from marketplaces.contract import Facet
from marketplaces.drift import GONE, HEALED
from marketplaces.models import Connection, Listing, Load, LoadItem, Passage, Sync


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


TEXT = {"type": "string"}
MAYBE = {"type": "string", "nullable": True}
MOMENT = {"type": "string", "format": "date-time", "nullable": True}
COUNT = {"type": "integer", "minimum": 0}
FLAG = {"type": "boolean"}


def _word(values: list[str]) -> dict[str, Any]:
    return {"type": "string", "enum": values}


DIFFERENCES = [*Sync.Drift.values, GONE]
WHY = {
    **TEXT,
    "description": (
        "What asked for it: `catalogue`, `load:<number>`, `heal` (a difference), `again` (sent once more on "
        "request), `unfrozen`."
    ),
}


def _counts(states: list[str]) -> dict[str, Any]:
    return _object(dict.fromkeys(states, COUNT))


ISSUE = _object(
    {
        "facet": _word([one.value for one in Facet]),
        "code": TEXT,
        "field": TEXT,
        "message": TEXT,
        "fix": TEXT,
        "who": _word(["erp", "seller", "marketplace"]),
        "said_by": _word(["check", "marketplace"]),
        "marketplace_code": MAYBE,
        "marketplace_message": MAYBE,
        "allowed": {"type": "array", "items": TEXT, "nullable": True},
        "times": COUNT,
        "first_seen_at": MOMENT,
        "last_seen_at": MOMENT,
        "closed_at": MOMENT,
        "closed_because": MAYBE,
    }
)
FACET = {
    **_object(
        {
            "state": _word(["frozen", "due", "sent", "confirmed", "refused", "waits_for_reconnect", "off"]),
            "wanted": {**MAYBE, "description": "The value received last; null for content."},
            "sent": MAYBE,
            "confirmed": MAYBE,
            "seen": MAYBE,
            "received_at": MOMENT,
            "queued_at": MOMENT,
            "sent_at": MOMENT,
            "confirmed_at": MOMENT,
            "seen_at": MOMENT,
            "superseded": COUNT,
            "why": {**WHY, "description": "What asked for the value: see `/listings/history`."},
            "drift": {**_word([*Sync.Drift.values]), "nullable": True},
            "frozen_at": MOMENT,
        }
    ),
    "nullable": True,
}
WAY = _object(
    {
        "value": {**MAYBE, "description": "Null for content."},
        "outcome": _word(list(Passage.Outcome.values)),
        "why": WHY,
        "by": {**MAYBE, "description": "Who exactly, where it is known."},
        "superseded": {**COUNT, "description": "Earlier values it replaced before they were sent."},
        "received_at": MOMENT,
        "queued_at": MOMENT,
        "sent_at": MOMENT,
        "settled_at": MOMENT,
        "seen_at": MOMENT,
    }
)
CONNECTION = _object(
    {
        "name": TEXT,
        "marketplace": TEXT,
        "account": TEXT,
        "status": _word(list(Connection.Status.values)),
        "sync": _object(dict.fromkeys(("stock", "price", "orders", "content", "reconnect"), FLAG)),
        "listings": _counts(list(Listing.State.values)),
        "last_answer_at": MOMENT,
        "last_problem": MAYBE,
        "last_problem_at": MOMENT,
    }
)
CONNECTIONS = _object({"connections": _list(CONNECTION)})
LISTING = _object(
    {
        "sku": TEXT,
        "product_sku": TEXT,
        "connection": TEXT,
        "state": _word(list(Listing.State.values)),
        "state_at": MOMENT,
        "mode": _word(list(Listing.Mode.values)),
        "code": MAYBE,
        "url": MAYBE,
        "load": {"type": "integer", "nullable": True},
        "corrected_at": MOMENT,
        "gone": {**_word([*Listing.Gone.values]), "nullable": True},
        "gone_at": MOMENT,
        **{facet.value: FACET for facet in Facet},
        "issues": _list(ISSUE),
    }
)
HISTORY = _object(
    {"sku": TEXT, "product_sku": TEXT, "connection": TEXT, **{facet.value: _list(WAY) for facet in Facet}}
)
HISTORY_PAGE = _object({"listings": _list(HISTORY), "next": MAYBE})
HEAL = _object(
    {
        "heal": _object(
            {
                "connection": {**TEXT, "description": "The connection's name."},
                "skus": {
                    **_list(TEXT),
                    "maxItems": 10_000,
                    "description": "SKUs of products (all their variations) or of variations.",
                },
                "all": {**FLAG, "description": "Whatever differs on the connection."},
                "facets": _list(_word([Facet.PRICE.value, Facet.STOCK.value])),
                "causes": _list(_word([one.value for one in HEALED])),
            },
            "connection",
        )
    }
)
HEALED_VALUES = _object({"healed": COUNT, "unknown_skus": _list(TEXT)})
LISTING_PAGE = _object({"listings": _list(LISTING), "next": MAYBE})
LOAD = _object(
    {
        "number": {"type": "integer"},
        "action": _word(list(Load.Action.values)),
        "connection": TEXT,
        "started_by": _word(list(Load.Origin.values)),
        "state": _word(list(Load.State.values)),
        "total": COUNT,
        "items": _counts(list(LoadItem.State.values)),
        "created_at": MOMENT,
        "first_sent_at": MOMENT,
        "finished_at": MOMENT,
    }
)
LOAD_PAGE = _object({"loads": _list(LOAD), "next": MAYBE})
NEW_LOAD = _object(
    {
        "load": _object(
            {
                "connection": {**TEXT, "description": "The connection's name."},
                "action": _word(list(Load.Action.values)),
                "skus": {
                    **_list(TEXT),
                    "maxItems": 10_000,
                    "description": "SKUs of products (all their variations) or of variations.",
                },
                "all": {**FLAG, "description": "Every product, or every listing of the connection."},
                "corrected_of": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Reconnect only: the corrected listings of the load with this number.",
                },
            },
            "connection",
            "action",
        )
    }
)
STARTED = {
    **LOAD,
    "properties": {**LOAD["properties"], "unknown_skus": _list(TEXT)},
    "required": [*LOAD["required"], "unknown_skus"],
}
ITEM = _object(
    {"sku": TEXT, "state": _word(list(LoadItem.State.values)), "updated_at": MOMENT, "issues": _list(ISSUE)}
)
ITEM_PAGE = _object({"items": _list(ITEM), "next": MAYBE})
ISSUE_OF_LISTING = {
    **ISSUE,
    "properties": {"sku": TEXT, "connection": TEXT, **ISSUE["properties"]},
    "required": ["sku", "connection", *ISSUE["required"]],
}
ISSUE_PAGE = _object({"issues": _list(ISSUE_OF_LISTING), "next": MAYBE})
CAUSES = _object(
    {
        "causes": _list(
            _object(
                {
                    "code": TEXT,
                    "field": TEXT,
                    "marketplace_code": MAYBE,
                    "message": TEXT,
                    "fix": TEXT,
                    "who": _word(["erp", "seller", "marketplace"]),
                    "listings": COUNT,
                    "example_skus": _list(TEXT),
                }
            )
        )
    }
)
