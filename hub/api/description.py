"""What the API says about itself as a whole: words only."""

from __future__ import annotations

from typing import NamedTuple

INFO = """
The hub speaks SkyHub's REST: an ERP or shop module written for SkyHub works by changing its base URL. Beyond
that, an ERP can do here whatever a seller does in the portal.

The guide for ERP developers, with the first call in five minutes and the queue loop, is `docs/api-guide.md`
in the hub's own source.

## Who calls
Every call carries `X-User-Email` (any active member of the seller) and `X-Api-Key` (made in the portal under
*Chaves de API*, shown once). `X-Accountmanager-Key` names your platform; it is demanded only of sellers who
switched that on, but send it always. A wrong or missing header is a 401. The Rehub calls also take a token,
got from `/auth`, as `Authorization: Bearer`.

## What is sent and answered
JSON in UTF-8 both ways; anything else is a 415. Bodies are wrapped in one word: `{"product": {...}}`. Numbers
may come as texts (`"12.90"`), `null` and `""` mean that there is no value, and PHP's `[]` is an empty object;
only the object a call is about must be one: `{"product": []}` is a 400.
Unknown fields are ignored and named in the answer's header `X-Hub-Ignored-Fields`; the bulk calls refuse the
item instead. Amounts are reais, weights kg, lengths cm (metres in freight quotes).

## Errors
Every error is `{"error": "<a sentence for people>"}`, in Portuguese unless `Accept-Language: en` asks for
English. What is wrong is told by the status: 400 the call cannot be understood, 401 and 403 who may, 404 the
seller has no such thing, 406 and 415 the form, 413 the size, 422 a value or a rule forbids it, 429 too often,
503 try again in a moment. Every answer carries `X-Request-Id`, by which the call is found in the portal's
log of API calls; send your own and it is kept.

## Pages
`page` (from 1) and `per_page` (at most 100; more is cut) reach the first 10,000 rows. To walk further, follow
`next`: the whole address of the next page, null at the end. Filters are kept inside it.

## Dates
Answers carry ISO 8601 with the offset of Brasília, `2026-03-02T10:30:00-03:00`. Calls take ISO 8601 or
`dd/mm/yyyy`; a time without an offset is Brasília's.

## How often
Limits count per second, seller, method and address; each operation states its own (`x-rate-limit`). Answers
carry `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`; beyond the limit the answer is a
429 with `Retry-After`.

## Repeating
Every write is safe to repeat: products are created or updated by their SKU, a step an order has made is not
made again, an acknowledgement of an older version never swallows a newer change.

## Homologation
A test account may make its own orders and questions (`POST /orders`, `POST /orders/{code}/approval`,
`POST /questions`); with the header `X-Hub-Rehearse: production` it is refused as a production account is.
`POST /homologation` begins the list of cases an integration has to show; they tick themselves off from its
real calls. The sandbox marketplace that comes with the hub accepts, refuses and sells on demand.
""".strip()

SERVERS = [
    {"url": "/", "description": "The hub this document comes from; with `make run`, http://127.0.0.1:8000"}
]


class Area(NamedTuple):
    """A part of the API: its tag, what it is for, and the first words of its addresses."""

    name: str
    about: str
    groups: tuple[str, ...]


AREAS = (
    Area("Products", "What is sold. A simple product is its own variation.", ("products", "urls")),
    Area(
        "Variations",
        "The sellable SKUs of a product, and the way to keep their stock and price up to date.",
        ("variations",),
    ),
    Area(
        "Bulk",
        "Beyond SkyHub: a thousand items a call, a result per item, every good item lands.",
        ("bulk",),
    ),
    Area(
        "Vocabulary",
        "Categories and attributes, announced one by one. SkyHub retired these calls; every module still "
        "makes them.",
        ("categories", "attributes"),
    ),
    Area(
        "Stores",
        "Where the seller keeps stock (multi-origin). What the default store has is what is on sale.",
        ("stores",),
    ),
    Area(
        "Queue",
        "Orders waiting for the ERP. Take, save, acknowledge; what is not acknowledged is offered again, and "
        "nothing expires.",
        ("queues",),
    ),
    Area("Orders", "Orders and the steps a seller makes: invoice, ship, deliver, cancel.", ("orders",)),
    Area(
        "Order statuses",
        "The account's own words for where an order stands, and its channels.",
        ("statuses", "status_types", "sale_systems"),
    ),
    Area(
        "Shipping",
        "Orders the marketplace's carrier takes: grouping into a PLP (the carrier's posting list), labels, "
        "pick-up. Codes here are the remote ones, without the channel.",
        ("shipments",),
    ),
    Area(
        "Freight",
        "Quotes, what was quoted, and the table used when the seller does not answer.",
        ("freights",),
    ),
    Area("Questions", "What shoppers ask, and the seller's answers.", ("questions",)),
    Area("Connections", "The seller's accounts at marketplaces.", ("connections",)),
    Area("Loads", "Connect, associate, disconnect, reconnect, and the result of each item.", ("loads",)),
    Area("Listings", "What is sold where, and how it stands there.", ("listings",)),
    Area("Issues", "Catalogue errors: the field, the way out, who mends it.", ("issues",)),
    Area("Sync errors", "The same errors as SkyHub told them, and those of orders.", ("sync_errors",)),
    Area("Rehub", "SkyHub's newer calls, with a token.", ("auth", "rehub")),
    Area(
        "Webhooks",
        "The hub calls the ERP when something happens: signed, retried for three days. A hint; the queue "
        "stays the truth.",
        ("webhooks",),
    ),
    Area(
        "Homologation",
        "Which cases a test account's integration has shown, and which are missing.",
        ("homologation",),
    ),
)
TAGS = [{"name": one.name, "description": one.about} for one in AREAS]


def tag_of(group: str) -> str:
    """Return the tag of the addresses that begin with a word; the word itself where nobody described it."""
    return next((one.name for one in AREAS if group in one.groups), group)
