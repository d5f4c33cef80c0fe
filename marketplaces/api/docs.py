"""The shapes of the hub's own endpoints, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.api.docs import FAULT
from catalog.models import MAX_QUANTITY
from hub.api.shapes import (
    COUNT,
    FLAG,
    MAYBE,
    MOMENT,
    NEXT,
    TEXT,
    Schema,
    json_body,
    many,
    named,
    taken,
    told,
    word,
)
from marketplaces.api.shapes import SWITCHES
from marketplaces.contract import Facet
from marketplaces.drift import GONE, HEALED
from marketplaces.models import Connection, Incident, Issue, Listing, Load, LoadItem, Passage, Sync

WHO = {**word("erp", "seller", "marketplace"), "description": "Who can mend it."}
SKU = {**TEXT, "description": "The variation's SKU."}
NAME = {**TEXT, "description": "The connection's name."}
_NAMED = {**NAME, "minLength": 1, "maxLength": 80}
_SKUS = {
    **many({**TEXT, "minLength": 1, "maxLength": 100}),
    "maxItems": 10_000,
    "description": "SKUs of products (all their variations) or of variations.",
}
_SOME_SKUS = {**_SKUS, "minItems": 1}


def _counts(states: Sequence[str]) -> Schema:
    return told(**dict.fromkeys(states, COUNT))


_ISSUE: dict[str, Schema] = {
    "facet": word(*(one.value for one in Facet)),
    "code": {**TEXT, "description": "Ours, from a closed list."},
    "field": TEXT,
    "message": TEXT,
    "fix": {**TEXT, "description": "The way out."},
    "who": WHO,
    "said_by": word(*Issue.Origin.values),
    "marketplace_code": MAYBE,
    "marketplace_message": MAYBE,
    "allowed": {**many(TEXT), "nullable": True, "description": "The values it can have, where known."},
    "times": {**COUNT, "description": "How often it was told."},
    "first_seen_at": MOMENT,
    "last_seen_at": MOMENT,
    "closed_at": MOMENT,
    "closed_because": {**word(*Issue.Closed.values, None), "nullable": True},
}
ISSUE = named("Issue", told(**_ISSUE))
DIFFERENCES = [*Sync.Drift.values, GONE]
WHY = {
    **TEXT,
    "description": (
        "What asked for it: `catalogue` (the ERP's data), `order` (one that holds units or lets them go), "
        "`buffer` (the account's stock settings), `load:<number>`, `rules:<version>` (the price rules), "
        "`category` (moved to one with another rule), `approved` (a held price), `heal` (a difference), "
        "`again` (sent once more on request), `content` (sent once more, as content may have overtaken it), "
        "`unfrozen`."
    ),
}
_STATES = ("frozen", "due", "sent", "confirmed", "refused", "waits_for_reconnect", "off")
_STAMPS: dict[str, Schema] = {
    "wanted": {**MAYBE, "description": "What should be there now; null for content."},
    "sent": {**MAYBE, "description": "As it was last sent."},
    "confirmed": {**MAYBE, "description": "As the marketplace took it."},
    "seen": {**MAYBE, "description": "As the marketplace showed it last."},
    "received_at": MOMENT,
    "queued_at": MOMENT,
    "sent_at": MOMENT,
    "confirmed_at": MOMENT,
    "seen_at": MOMENT,
    "superseded": {**COUNT, "description": "Values never sent, each because a newer one came in first."},
    "why": WHY,
    "drift": {
        **word(*Sync.Drift.values, None),
        "nullable": True,
        "description": "Why what is shown there differs from what should be.",
    },
    "frozen_at": {**MOMENT, "description": "Since when the seller wants it left alone."},
}
_OFF = "off: it does not follow, or the connection's switch keeps it back."
FACET = named("Facet", {**told(state={**word(*_STATES), "description": _OFF}, **_STAMPS), "nullable": True})
PRICE_FACET = named(
    "PriceFacet",
    {
        **told(
            state={
                **word(*_STATES, "held", "rejected"),
                "description": (
                    "held: the price moves further than the seller lets through, and a person has yet to "
                    "approve it in the portal; rejected: the person said no. Another price replaces it. "
                    + _OFF
                ),
            },
            **{
                **_STAMPS,
                "wanted": {
                    **MAYBE,
                    "description": "What the product's price comes to by the connection's price rules.",
                },
            },
            rules_version={
                **COUNT,
                "nullable": True,
                "description": "The version of the rules that says so.",
            },
        ),
        "nullable": True,
    },
)
WAY = named(
    "Passage",
    told(
        value={**MAYBE, "description": "Null for content."},
        outcome=word(*Passage.Outcome.values),
        why={**WHY, "nullable": True},
        by={
            **MAYBE,
            "description": "The number of the ERP's call behind it, or the person who froze or released it.",
        },
        superseded={
            **COUNT,
            "description": (
                "Earlier values that were not sent, because a newer one came in before a worker took them up."
            ),
        },
        received_at=MOMENT,
        queued_at=MOMENT,
        sent_at=MOMENT,
        settled_at=MOMENT,
        seen_at=MOMENT,
    ),
)
_BUFFERS: dict[str, Schema] = {
    "hold": {**FLAG, "description": "Units sold and not in the ERP's quantity yet are held back."},
    "reserve": {**COUNT, "maximum": MAX_QUANTITY, "description": "Units kept back."},
    "percentage": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "description": "Of the rest, rounded up.",
    },
    "most": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_QUANTITY,
        "nullable": True,
        "description": "The most shown; null: no limit.",
    },
}
CONNECTION = named(
    "Connection",
    told(
        name=TEXT,
        marketplace={**TEXT, "description": "The marketplace's key."},
        account={**TEXT, "description": "The account's own number at the marketplace."},
        status={
            **word(*Connection.Status.values),
            "description": "The account's own; whether its marketplace works is told by `incident`.",
        },
        incident={
            **told(
                state=word(Incident.State.PAUSED, Incident.State.RECOVERING),
                since=MOMENT,
                message={**TEXT, "description": "What sellers read in the portal."},
            ),
            "nullable": True,
            "description": (
                "The marketplace is in trouble for everybody: nothing goes there (`paused`) or what waited "
                "goes out step by step (`recovering`). Go on sending; nothing is lost."
            ),
        },
        marketplace_paused_until={
            **MOMENT,
            "description": (
                "Until when nothing goes to or comes from the marketplace, for everybody; put off again and "
                "again while an incident lasts. Null: no pause."
            ),
        },
        sync={**told(**dict.fromkeys(SWITCHES, FLAG)), "description": "What follows by itself."},
        stock={**told(**_BUFFERS), "description": "How much of the ERP's quantity is offered."},
        listings=_counts(Listing.State.values),
        last_answer_at=MOMENT,
        last_problem=MAYBE,
        last_problem_at=MOMENT,
    ),
)
CONNECTIONS = told(connections=many(CONNECTION))
CONNECTION_CHANGE = json_body(
    told(
        connection=named(
            "ConnectionChange",
            taken(
                paused={**FLAG, "description": "Nothing is sent or fetched; what becomes due waits."},
                sync={
                    **taken(**dict.fromkeys(SWITCHES, FLAG)),
                    "description": "What follows by itself; `accept` is the acceptance of orders.",
                },
                stock={**taken(**_BUFFERS), "description": "How much of the ERP's quantity is offered."},
            ),
        )
    )
)
LISTING = named(
    "Listing",
    told(
        sku=SKU,
        product_sku=TEXT,
        connection=NAME,
        state=word(*Listing.State.values),
        state_at=MOMENT,
        mode=word(*Listing.Mode.values),
        code={**MAYBE, "description": "Its number at the marketplace."},
        url={**MAYBE, "description": "Its page at the marketplace."},
        load={**COUNT, "nullable": True, "description": "The load it was last sent in."},
        corrected_at={**MOMENT, "description": "When the ERP corrected every known error."},
        gone={
            **word(*Listing.Gone.values, None),
            "nullable": True,
            "description": "How it was found to be off sale there, though nobody here asked for that.",
        },
        gone_at=MOMENT,
        quantity=told(
            erp={**COUNT, "description": "The ERP's own figure."},
            held={**COUNT, "description": "Sold, and not accounted for in the ERP's figure yet."},
            reserved={**COUNT, "description": "Kept back by the connection's buffers."},
            published={**COUNT, "description": "What is offered there."},
        ),
        **{facet.value: PRICE_FACET if facet is Facet.PRICE else FACET for facet in Facet},
        issues=many(ISSUE),
    ),
)
HISTORY_PAGE = told(
    listings=many(
        named(
            "ListingHistory",
            told(sku=SKU, product_sku=TEXT, connection=NAME, **{facet.value: many(WAY) for facet in Facet}),
        )
    ),
    next=NEXT,
)
_SECONDS = {"type": "number", "minimum": 0, "description": "Seconds."}
_SECONDS_OR_NONE = {**_SECONDS, "nullable": True, "description": "Seconds; null where nothing was counted."}
LAGS = told(
    hours={**COUNT, "description": "The period asked about."},
    since={**MOMENT, "description": "When it began: whole hours are counted."},
    lag=many(
        named(
            "Lag",
            told(
                connection=NAME,
                facet=word(*(one.value for one in Facet)),
                samples={**COUNT, "description": "Values counted."},
                p50=_SECONDS_OR_NONE,
                p95=_SECONDS_OR_NONE,
                max=_SECONDS_OR_NONE,
                target={**_SECONDS, "description": "Seconds within which 95 of 100 values should be there."},
                within_target={
                    "type": "number",
                    "minimum": 0,
                    "maximum": 1,
                    "nullable": True,
                    "description": "The part of the values that kept to it; null where nothing was counted.",
                },
            ),
        )
    ),
)
HEAL = json_body(
    told(
        heal=named(
            "NewHeal",
            taken(
                "connection",
                connection=_NAMED,
                skus=_SKUS,
                all={**FLAG, "description": "Whatever differs on the connection."},
                facets=many(word(Facet.PRICE.value, Facet.STOCK.value)),
                causes=many(word(*(one.value for one in HEALED))),
            ),
        )
    )
)
HEALED_VALUES = named("Healed", told(healed=COUNT, unknown_skus=many(TEXT)))
LISTING_PAGE = told(listings=many(LISTING), next=NEXT)
_LOAD: dict[str, Schema] = {
    "number": COUNT,
    "action": word(*Load.Action.values),
    "connection": NAME,
    "started_by": word(*Load.Origin.values),
    "state": word(*Load.State.values),
    "total": COUNT,
    "items": {**_counts(LoadItem.State.values), "description": "Counted by state."},
    "created_at": MOMENT,
    "first_sent_at": MOMENT,
    "finished_at": MOMENT,
}
LOAD = named("Load", told(**_LOAD))
LOAD_PAGE = told(loads=many(LOAD), next=NEXT)
NEW_LOAD = json_body(
    told(
        load=named(
            "NewLoad",
            taken(
                "connection",
                "action",
                connection=_NAMED,
                action=word(*Load.Action.values),
                skus=_SKUS,
                all={**FLAG, "description": "Every product, or every listing of the connection."},
                corrected={**FLAG, "description": "Reconnect only: all corrected ones of the connection."},
                corrected_of={
                    **COUNT,
                    "description": "Reconnect only: the corrected listings of the load with this number.",
                },
                refused_of={
                    **COUNT,
                    "description": "Reconnect only: all listings refused in the load with this number.",
                },
            ),
        )
    )
)
UNKNOWN_SKUS = {**many(TEXT), "description": "SKUs that mean nothing here; the others were sent."}
STARTED = named("StartedLoad", told(**_LOAD, unknown_skus=UNKNOWN_SKUS))
ITEM = named(
    "LoadItem",
    told(sku=SKU, state=word(*LoadItem.State.values), updated_at=MOMENT, issues=many(ISSUE)),
)
ITEM_PAGE = told(items=many(ITEM), next=NEXT)
ISSUE_PAGE = told(issues=many(named("IssueOfListing", told(sku=SKU, connection=NAME, **_ISSUE))), next=NEXT)
CAUSES = told(
    causes=many(
        named(
            "Cause",
            told(
                code={**TEXT, "description": "Ours, from a closed list."},
                field=TEXT,
                marketplace_code=MAYBE,
                message=TEXT,
                fix=TEXT,
                who=WHO,
                listings=COUNT,
                example_skus=many(TEXT),
            ),
        )
    )
)
CHECK = json_body(told(load=named("NewCheck", told(connection=_NAMED, skus=_SOME_SKUS))))
CHECKED = told(
    connection=NAME,
    ready={**COUNT, "description": "Variations that would be taken as they stand."},
    not_ready=COUNT,
    unknown_skus={**many(TEXT), "description": "SKUs that mean nothing here; the others were checked."},
    items=many(named("CheckedVariation", told(sku=SKU, ready=FLAG, issues=many(FAULT)))),
)
SEND = json_body(
    told(
        listings=named(
            "SendAgain",
            taken(
                "connection",
                "skus",
                connection=_NAMED,
                skus=_SOME_SKUS,
                facets={
                    **many(word(Facet.PRICE.value, Facet.STOCK.value)),
                    "description": "Both where none is named.",
                },
            ),
        )
    )
)
SENT = told(
    listings={**COUNT, "description": "How many are sent again."},
    unknown_skus={**many(TEXT), "description": "SKUs that are not on sale there; the others are sent."},
)
CHOSEN_ISSUES = json_body(
    told(
        issues=named(
            "ChosenIssues",
            taken(
                "code",
                code={
                    **TEXT,
                    "minLength": 1,
                    "maxLength": 40,
                    "description": "The cause, such as gtin_invalid.",
                },
                field={**TEXT, "maxLength": 300},
                marketplace_code={**TEXT, "maxLength": 300},
                connection={**NAME, "maxLength": 80},
                skus={**_SKUS, "description": "SKUs of variations."},
            ),
        )
    )
)
HOW_MANY = told(issues={**COUNT, "description": "How many are now put aside, or back."})
