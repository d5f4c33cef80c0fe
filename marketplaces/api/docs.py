"""The shapes of the hub's own endpoints, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from marketplaces.contract import Facet
from marketplaces.models import Connection, Listing, Load, LoadItem


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
            "state": _word(["due", "sent", "confirmed", "refused", "waits_for_reconnect", "off"]),
            "sent": MAYBE,
            "confirmed": MAYBE,
            "seen": MAYBE,
            "received_at": MOMENT,
            "queued_at": MOMENT,
            "sent_at": MOMENT,
            "confirmed_at": MOMENT,
            "seen_at": MOMENT,
            "superseded": COUNT,
        }
    ),
    "nullable": True,
}
CONNECTION = _object(
    {
        "name": TEXT,
        "marketplace": TEXT,
        "account": TEXT,
        "status": _word(list(Connection.Status.values)),
        "sync": _object(dict.fromkeys(("stock", "price", "orders", "content", "reconnect"), FLAG)),
        "stock": _object(
            {
                "hold": {
                    **FLAG,
                    "description": "Units sold and not in the ERP's quantity yet are held back.",
                },
                "reserve": {**COUNT, "description": "Units kept back."},
                "percentage": {"type": "integer", "minimum": 1, "maximum": 100},
                "most": {"type": "integer", "minimum": 1, "nullable": True},
            }
        ),
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
        "quantity": _object(
            {
                "erp": {**COUNT, "description": "The ERP's own figure."},
                "held": {**COUNT, "description": "Sold, and not accounted for in the ERP's figure yet."},
                "reserved": {**COUNT, "description": "Kept back by the connection's buffers."},
                "published": {**COUNT, "description": "What is offered there."},
            }
        ),
        **{facet.value: FACET for facet in Facet},
        "issues": _list(ISSUE),
    }
)
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
