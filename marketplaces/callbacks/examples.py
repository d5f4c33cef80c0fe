"""Webhooks in life: an ERP that wants to hear of orders and loads."""

from __future__ import annotations

from typing import Any

from hub.api.examples import Example, missing, said
from marketplaces.callbacks.services import SUBSCRIBABLE

ID = "6a1c2f0e-58c4-4d0b-8d0f-0a4be5f0c001"
CALL_ID = "c2d7a5b4-9f0e-4a57-a3a0-5d8a1f2e7001"
REFUSED_ID = "e4b1d0c9-3a72-4f6b-8c15-9b2f7d6a3001"
NO_WEBHOOK = said("There is no such webhook.")
BAD_EVENTS = said("%(field)s: send one or more of %(known)s.", field="events", known=", ".join(SUBSCRIBABLE))
WANTED = {"url": "https://erp.example.com/hub", "events": ["order.created", "load.finished"]}
WEBHOOK: dict[str, Any] = {
    "id": ID,
    **WANTED,
    "active": True,
    "created_at": "2026-03-02T10:30:00-03:00",
    "failures": 0,
    "failing_since": None,
    "next_try_at": None,
}
CALL: dict[str, Any] = {
    "id": CALL_ID,
    "event": "order.created",
    "state": "delivered",
    "created_at": "2026-03-02T10:30:00-03:00",
    "attempts": 1,
    "last_try_at": "2026-03-02T10:30:01-03:00",
    "delivered_at": "2026-03-02T10:30:01-03:00",
    "stepped_aside_until": None,
    "status": 200,
    "answer": "ok",
    "problem": None,
    "milliseconds": 84,
    "body": {
        "event": "order.created",
        "id": CALL_ID,
        "at": "2026-03-02T10:30:00.412-03:00",
        "seller": 1,
        "data": {
            "code": "Sandbox-1001",
            "channel": "Sandbox",
            "status": "book_product",
            "status_type": "NEW",
        },
    },
}
OWED = {
    **CALL,
    "state": "waiting",
    "attempts": 0,
    "delivered_at": None,
}
SKIPPED = {
    **CALL,
    "id": REFUSED_ID,
    "state": "skipped",
    "attempts": 3,
    "delivered_at": None,
    "status": 422,
    "answer": "unknown order",
    "body": {**CALL["body"], "id": REFUSED_ID},
}
PING = {
    **OWED,
    "id": "7d0f3a52-1b7e-4f0d-9a51-0c6f5e1d2001",
    "event": "ping",
    **dict.fromkeys(("last_try_at", "status", "answer", "milliseconds")),
    "body": {
        **CALL["body"],
        "event": "ping",
        "id": "7d0f3a52-1b7e-4f0d-9a51-0c6f5e1d2001",
        "data": {},
    },
}

EXAMPLES = {
    "webhooks_list": Example(answer={"webhooks": [WEBHOOK]}),
    "webhooks_create": Example(
        bodies={"Orders and loads": {"webhook": WANTED}},
        answer={**WEBHOOK, "secret": "whsec_shown-only-in-this-answer"},
        errors={400: missing("url", "events"), 422: BAD_EVENTS},
    ),
    "webhooks_update": Example(
        path={"id": ID},
        bodies={
            "Other events": {"webhook": {"events": ["order.created", "order.changed"]}},
            "Switch it off": {"webhook": {"active": False}},
        },
        answer=WEBHOOK,
        errors={400: missing("webhook"), 404: NO_WEBHOOK, 422: BAD_EVENTS},
    ),
    "webhooks_delete": Example(path={"id": ID}, errors={404: NO_WEBHOOK}),
    "webhooks_test": Example(
        path={"id": ID},
        answer=PING,
        errors={404: NO_WEBHOOK, 422: said("This webhook is switched off.")},
    ),
    "webhooks_secret": Example(
        path={"id": ID},
        answer={
            "secret": "whsec_shown-only-in-this-answer",
            "old_secret_until": "2026-03-03T10:30:00-03:00",
        },
        errors={
            404: NO_WEBHOOK,
            422: said("The secret cannot be read. Delete this webhook and add it again."),
        },
    ),
    "webhooks_deliveries": Example(
        path={"id": ID},
        query={"state": "delivered"},
        answer={"deliveries": [CALL], "next": None},
        errors={404: NO_WEBHOOK},
    ),
    "webhooks_replay": Example(
        path={"id": ID, "delivery_id": CALL_ID}, answer=OWED, errors={404: NO_WEBHOOK}
    ),
    "webhooks_skip": Example(
        path={"id": ID, "delivery_id": REFUSED_ID},
        answer=SKIPPED,
        errors={404: NO_WEBHOOK, 422: said("Only a call that waits can be skipped.")},
    ),
}
