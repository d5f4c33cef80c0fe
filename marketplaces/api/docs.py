"""The shapes of the hub's own endpoints, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from marketplaces.api.shapes import SWITCHES
from marketplaces.contract import Facet
from marketplaces.drift import GONE, HEALED
from marketplaces.models import Connection, Listing, Load, LoadItem, Passage, Sync


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def _optional(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


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
        "What asked for it: `catalogue` (the ERP's data, a sale, a buffer), `load:<number>`, "
        "`rules:<version>` (the price rules), `approved` (a held price), `heal` (a difference), `again` "
        "(sent once more on request), `unfrozen`."
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
_STAMPS = {
    "wanted": {**MAYBE, "description": "What should be there now; null for content."},
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
_STATES = ["frozen", "due", "sent", "confirmed", "refused", "waits_for_reconnect", "off"]
FACET = {**_object({"state": _word(_STATES), **_STAMPS}), "nullable": True}
PRICE_FACET = {
    **_object(
        {
            "state": {
                **_word([*_STATES, "held", "rejected"]),
                "description": (
                    "held: the price moves further than the seller lets through, and a person has yet to "
                    "approve it in the portal; rejected: the person said no. Another price replaces it."
                ),
            },
            **_STAMPS,
            "wanted": {
                **MAYBE,
                "description": "What the product's price comes to by the connection's price rules.",
            },
            "rules_version": {"type": "integer", "nullable": True},
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
        "sync": _object(dict.fromkeys(SWITCHES, FLAG)),
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
        "gone": {**_word([*Listing.Gone.values]), "nullable": True},
        "gone_at": MOMENT,
        "quantity": _object(
            {
                "erp": {**COUNT, "description": "The ERP's own figure."},
                "held": {**COUNT, "description": "Sold, and not accounted for in the ERP's figure yet."},
                "reserved": {**COUNT, "description": "Kept back by the connection's buffers."},
                "published": {**COUNT, "description": "What is offered there."},
            }
        ),
        **{facet.value: PRICE_FACET if facet is Facet.PRICE else FACET for facet in Facet},
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
SKUS = {
    **_list(TEXT),
    "maxItems": 10_000,
    "description": "SKUs of products (all their variations) or of variations.",
}
NEW_LOAD = _object(
    {
        "load": _object(
            {
                "connection": {**TEXT, "description": "The connection's name."},
                "action": _word(list(Load.Action.values)),
                "skus": SKUS,
                "all": {**FLAG, "description": "Every product, or every listing of the connection."},
                "corrected_of": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Reconnect only: the corrected listings of the load with this number.",
                },
                "refused_of": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "Reconnect only: all listings refused in the load with this number.",
                },
                "corrected": {**FLAG, "description": "Reconnect only: all corrected ones of the connection."},
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
CONNECTION_CHANGE = _object(
    {"connection": _optional({"paused": FLAG, "sync": _optional(dict.fromkeys(SWITCHES, FLAG))})}
)
CHECK = _object({"load": _object({"connection": TEXT, "skus": SKUS})})
VERDICT = _object(
    {
        "code": TEXT,
        "field": TEXT,
        "message": TEXT,
        "fix": TEXT,
        "who": _word(["erp", "seller", "marketplace"]),
    }
)
CHECKED = _object(
    {
        "connection": TEXT,
        "ready": COUNT,
        "not_ready": COUNT,
        "unknown_skus": _list(TEXT),
        "items": _list(_object({"sku": TEXT, "ready": FLAG, "issues": _list(VERDICT)})),
    }
)
SEND = _object(
    {
        "listings": _object(
            {"connection": TEXT, "skus": SKUS, "facets": _list(_word(["price", "stock"]))},
            "connection",
            "skus",
        )
    }
)
SENT = _object({"listings": COUNT, "unknown_skus": _list(TEXT)})
CHOSEN_ISSUES = _object(
    {
        "issues": _object(
            {
                "code": {**TEXT, "description": "The cause, such as gtin_invalid."},
                "field": TEXT,
                "marketplace_code": TEXT,
                "connection": TEXT,
                "skus": {**_list(TEXT), "description": "SKUs of variations."},
            },
            "code",
        )
    }
)
HOW_MANY = _object({"issues": COUNT})
