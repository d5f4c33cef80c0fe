"""What sellers and ERPs can do with connections and listings. Every write is scoped to one seller."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.db.models import Exists, F, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.models import Variation
from hub import statistics
from hub.models import Seller, User
from hub.refusals import Refusal
from hub.transactions import begin_again
from marketplaces import engine, ledger, price_rules, pricing, taxonomy
from marketplaces.callbacks import services as callbacks
from marketplaces.contract import (
    ContentPublisher,
    CredentialsRejected,
    Facet,
    HintReceiver,
    MarketplaceError,
    Matcher,
    TaxonomySource,
)
from marketplaces.models import Connection, Lane, Listing, Load, Marketplace, Pace, Sync
from marketplaces.models.account import open_adapter

logger = logging.getLogger(__name__)


class NotPossible(Refusal):
    """The request makes no sense now."""


def try_credentials(marketplace: Marketplace, values: Mapping[str, str]) -> str:
    """Sign in at the marketplace with these credentials and return the account's own id.

    Raises NotPossible with a sentence for people when that does not work.
    """
    shape = marketplace.description.credentials
    given = {one.name: str(values.get(one.name, "")).strip() for one in fields(shape)}
    missing = [
        str(one.metadata.get("label", one.name))
        for one in fields(shape)
        if not given[one.name] and one.default is MISSING
    ]
    if missing:
        raise NotPossible(_("Fill in: %(fields)s.") % {"fields": ", ".join(missing)})
    try:
        return open_adapter(marketplace, shape(**given)).identify()
    except CredentialsRejected:
        raise NotPossible(
            _("%(marketplace)s refuses these credentials.") % {"marketplace": marketplace}
        ) from None
    except MarketplaceError as error:
        logger.info("credential test at %s: %s", marketplace.key, error)
        raise NotPossible(
            _("%(marketplace)s did not answer as expected. Try again in a few minutes.")
            % {"marketplace": marketplace}
        ) from None


def open_connection(
    *,
    seller: Seller,
    marketplace: Marketplace,
    name: str,
    credentials: Mapping[str, str],
    most_drop: Decimal | None = None,
    by: User | None = None,
) -> Connection:
    """Open an account at a marketplace: test the credentials, seal them, start its lanes.

    With `most_drop` its first price rules hold prices that fall by more than so many per cent. Raises
    NotPossible (credentials refused, name or account taken, marketplace off).
    """
    name = name.strip()
    if not marketplace.is_enabled:
        raise NotPossible(_("%(marketplace)s is not available.") % {"marketplace": marketplace})
    if not name:
        raise NotPossible(_("Give the connection a name."))
    if "/" in name:
        # Orders are called by it, and an address cannot hold their code then.
        raise NotPossible(_("The name must not contain a slash."))
    account = try_credentials(marketplace, credentials)
    connection = Connection(seller=seller, marketplace=marketplace, name=name, account_id=account)
    connection.seal_credentials(credentials)
    try:
        with transaction.atomic():
            connection.save()
            Pace.objects.create(connection=connection)
            Lane.objects.bulk_create([Lane(connection=connection, kind=kind) for kind in Lane.Kind.values])
            if most_drop is not None:
                price_rules.save(
                    connection=connection, rules=pricing.Rules(most_drop=most_drop), based_on=0, by=by
                )
    except IntegrityError as error:
        raise NotPossible(_taken(error)) from None
    greet(connection)
    return connection


def _taken(error: IntegrityError) -> str:
    if "marketplaces_connection_account_once" in str(error):
        return _("This marketplace account is already connected.")
    return _("You already have a connection with this name.")


def renew_credentials(*, connection: Connection, credentials: Mapping[str, str]) -> None:
    """Give a connection fresh credentials of the same account; its lanes go on where they stopped.

    One that the seller has paused stays paused.

    Raises NotPossible; also when the credentials belong to another account.
    """
    account = try_credentials(connection.marketplace, credentials)
    if connection.account_id and account != connection.account_id:
        raise NotPossible(
            _("These credentials belong to another account (%(account)s). Open a new connection for it.")
            % {"account": account}
        )
    connection.seal_credentials(credentials)
    connection.account_id = account
    if connection.status != Connection.Status.PAUSED:
        connection.status = Connection.Status.ACTIVE
    connection.last_error = ""
    connection.save(update_fields=["sealed_credentials", "account_id", "status", "last_error"])
    Lane.objects.filter(connection=connection).update(run_at=timezone.now(), failures=0)
    greet(connection)
    for kind in Lane.Kind.values:
        engine.wake(connection.pk, kind)


def greet(connection: Connection) -> None:
    """Read the category tree and ask for webhooks; neither is needed for the connection to work."""
    adapter = connection.adapter()
    try:
        if isinstance(adapter, TaxonomySource):
            taxonomy.refresh_tree(connection.marketplace, adapter)
        if isinstance(adapter, HintReceiver):
            adapter.subscribe(
                settings.HUB_BASE_URL + reverse("hook", kwargs={"public_id": connection.public_id})
            )
    except MarketplaceError as error:
        logger.warning("greeting %s: %s", connection.pk, error)


def set_paused(*, connection: Connection, paused: bool) -> None:
    """Stop or resume a connection; what becomes due meanwhile waits."""
    before, after = (
        (Connection.Status.ACTIVE, Connection.Status.PAUSED)
        if paused
        else (Connection.Status.PAUSED, Connection.Status.ACTIVE)
    )
    Connection.objects.filter(pk=connection.pk, status=before).update(status=after)
    connection.refresh_from_db(fields=["status"])


def set_switches(*, connection: Connection, **switches: bool) -> None:
    """Turn what follows by itself on or off (sync_stock, sync_price, sync_orders, sync_content, ...)."""
    content_before, reconnect_before = connection.sync_content, connection.auto_reconnect
    for name, value in switches.items():
        setattr(connection, name, value)
    _write_switches(
        connection,
        list(switches),
        content_turned=connection.sync_content != content_before,
        reconnects_now=connection.auto_reconnect and not reconnect_before,
    )
    for kind in (Lane.Kind.STOCK, Lane.Kind.PRICE, Lane.Kind.CONTENT, Lane.Kind.ORDERS):
        engine.wake(connection.pk, kind)


@begin_again
def _write_switches(
    connection: Connection, switches: Sequence[str], *, content_turned: bool, reconnects_now: bool
) -> None:
    connection.save(update_fields=switches)
    if content_turned:
        _let_content_follow(connection)
    if reconnects_now:
        _let_the_corrected_go(connection)


def _let_content_follow(connection: Connection) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync s SET follows = %s, "
            "due_at = CASE WHEN %s AND s.wanted_version > s.confirmed_version THEN now() ELSE s.due_at END "
            "FROM marketplaces_listing l WHERE l.id = s.listing_id AND s.facet = 'content' "
            "AND s.connection_id = %s AND s.frozen_at IS NULL AND l.state IN ('connected', 'cataloguing')",
            [connection.sync_content, connection.sync_content, connection.pk],
        )


def _let_the_corrected_go(connection: Connection) -> None:
    """Have what was corrected before the switch was turned on looked at, and so reconnected.

    As a new version: a worker that is looking just now, and knows the switch as off, must not settle it.
    """
    Sync.objects.filter(
        connection=connection,
        facet=Facet.CONTENT.value,
        follows=True,
        listing__state=Listing.State.ERROR,
        listing__corrected_at__isnull=False,
    ).update(wanted_version=F("wanted_version") + 1, due_at=timezone.now(), failures=0)


# --- loads ------------------------------------------------------------------------------------

_LISTINGS = """
INSERT INTO marketplaces_listing
    (seller_id, connection_id, variation_id, intent, mode, state, state_at, remote_id, url, catalogue_id,
     load_id, corrected_at, created_at)
SELECT %(seller)s, %(connection)s, chosen.id, 'listed', %(mode)s, 'waiting', now(), '', '', '',
       %(load)s, NULL, now()
FROM ({chosen}) chosen ORDER BY chosen.id
ON CONFLICT (connection_id, variation_id) DO UPDATE
    SET intent = 'listed', mode = %(mode)s, state = 'waiting', state_at = now(), load_id = %(load)s,
        corrected_at = NULL, gone_at = NULL, gone_as = '',
        catalogue_id = CASE WHEN %(mode)s = 'connect' THEN '' ELSE marketplaces_listing.catalogue_id END
"""

_AGAIN = """
UPDATE marketplaces_listing SET intent = %(intent)s, state = 'waiting', state_at = now(), load_id = %(load)s,
    corrected_at = NULL, gone_at = NULL, gone_as = ''
WHERE seller_id = %(seller)s AND connection_id = %(connection)s AND id IN ({chosen})
"""

_ITEMS = """
WITH replaced AS (
    UPDATE marketplaces_loaditem i SET state = 'replaced', updated_at = now()
    FROM marketplaces_listing l
    WHERE l.load_id = %(load)s AND i.listing_id = l.id AND i.load_id <> %(load)s
      AND i.state IN ('waiting', 'processing', 'cataloguing')
), events AS (
    INSERT INTO marketplaces_listingevent (listing_id, at, state, load_id, note)
    SELECT id, now(), 'waiting', %(load)s, '' FROM marketplaces_listing WHERE load_id = %(load)s
), closed AS (
    UPDATE marketplaces_issue i SET closed_at = now(), closed_because = 'resent'
    FROM marketplaces_listing l
    WHERE l.load_id = %(load)s AND i.listing_id = l.id AND i.facet = 'content' AND i.closed_at IS NULL
)
INSERT INTO marketplaces_loaditem (seller_id, load_id, listing_id, sku, state, updated_at)
SELECT %(seller)s, %(load)s, l.id, v.sku, 'waiting', now()
FROM marketplaces_listing l JOIN catalog_variation v ON v.id = l.variation_id
WHERE l.load_id = %(load)s ORDER BY l.id
"""

# Content goes out again; a price or stock that was refused is tried again. What is frozen was left out,
# unless it is being taken off sale. The price and stock of what was off sale, or never was on, go out when
# the listing is on sale: the load asks for them, and not whatever changed them in between.
_SYNCS = """
INSERT INTO marketplaces_sync AS old
    (listing_id, facet, connection_id, follows, wanted_version, sent_version, confirmed_version,
     refused_version, due_at, failures, superseded, sent_value, confirmed_value, seen_value, received_at,
     why, why_version)
SELECT l.id, f.facet, %(connection)s, false, 1, 0, 0, 0,
       CASE WHEN f.facet = 'content' THEN now() END, 0, 0, '', '', '', now(),
       'load:' || %(number)s, 1
FROM marketplaces_listing l CROSS JOIN (VALUES ('content'), ('price'), ('stock')) AS f(facet)
WHERE l.load_id = %(load)s ORDER BY l.id
ON CONFLICT (listing_id, facet) DO UPDATE
    SET wanted_version = old.wanted_version + {bumped}::int,
        due_at = CASE WHEN old.facet = 'content' OR old.follows AND {bumped} THEN now() ELSE old.due_at END,
        received_at = CASE WHEN {bumped} OR {starts} THEN now() ELSE old.received_at END,
        why = CASE WHEN {bumped} OR {starts} THEN excluded.why ELSE old.why END,
        why_version = CASE WHEN {bumped} OR {starts} THEN old.wanted_version + {bumped}::int
                      ELSE old.why_version END,
        cause = CASE WHEN {starts} THEN '' ELSE old.cause END,
        frozen_at = CASE WHEN old.facet = 'content' THEN NULL ELSE old.frozen_at END,
        drift = CASE WHEN old.facet = 'content' THEN '' ELSE old.drift END,
        failures = 0
""".replace("{bumped}", "(old.facet = 'content' OR old.refused_version = old.wanted_version)").replace(
    "{starts}", "(old.facet <> 'content' AND NOT old.follows AND old.frozen_at IS NULL)"
)


def start_load(
    *,
    connection: Connection,
    action: str,
    variations: QuerySet[Variation] | None = None,
    listings: QuerySet[Listing] | None = None,
    origin: str = Load.Origin.PORTAL,
    by: User | None = None,
) -> Load:
    """Send a set of variations, or of listings, in one numbered load; any size, a few statements.

    Connect and associate take variations (new listings are made); reconnect and disconnect take
    listings. Rows of other sellers are never touched, whatever the query says, and nothing is sent of
    listings whose content is frozen; they can only be taken off sale.
    Raises NotPossible when nothing is left to send or the marketplace cannot do it.
    """
    _refuse_the_impossible(connection, action)
    statistics.refresh("catalog_product", "catalog_variation", "marketplaces_listing")
    load = _write_load(connection, action, variations, listings, origin, by)
    statistics.refresh("marketplaces_listing", "marketplaces_sync", "marketplaces_loaditem")
    return load


@begin_again
def _write_load(
    connection: Connection,
    action: str,
    variations: QuerySet[Variation] | None,
    listings: QuerySet[Listing] | None,
    origin: str,
    by: User | None,
) -> Load:
    """Write a load down; its listings are locked before their syncs, the other way than answers lock them."""
    seller_id = connection.seller_id
    load = _numbered(connection, action, origin, by)
    params = {"seller": seller_id, "connection": connection.pk, "load": load.pk}
    if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
        if variations is None:
            raise ValueError("connect and associate take variations")
        frozen = _frozen(connection).filter(listing__variation=OuterRef("pk"))
        chosen = variations.filter(~Exists(frozen), seller_id=seller_id)
        _execute(_LISTINGS, chosen, {**params, "mode": action})
    else:
        if listings is None:
            raise ValueError("reconnect and disconnect take listings")
        withdrawing = action == Load.Action.DISCONNECT
        already = Listing.State.DISCONNECTED if withdrawing else ""
        chosen_listings = listings.filter(seller_id=seller_id, connection=connection).exclude(state=already)
        if not withdrawing:
            chosen_listings = chosen_listings.filter(
                ~Exists(_frozen(connection).filter(listing=OuterRef("pk")))
            )
        intent = Listing.Intent.WITHDRAWN if withdrawing else Listing.Intent.LISTED
        _execute(_AGAIN, chosen_listings, {**params, "intent": intent})
    with database.cursor() as cursor:
        cursor.execute(_ITEMS, params)
        load.total = cursor.rowcount
        if not load.total:
            raise NotPossible(_("None of the chosen items can be sent."))
        callbacks.issues_resent(load)
        cursor.execute(_SYNCS, {**params, "number": str(load.number)})
    load.save(update_fields=["total"])
    engine.wake(connection.pk, Lane.Kind.CONTENT)
    return load


def _frozen(connection: Connection) -> QuerySet[Sync]:
    """Contents the seller wants left alone; few, and read from an index of their own."""
    return Sync.objects.filter(
        connection=connection, drift=Sync.Drift.FROZEN, facet=Facet.CONTENT.value, frozen_at__isnull=False
    )


def _refuse_the_impossible(connection: Connection, action: str) -> None:
    description = connection.marketplace.description
    if not description.offers(ContentPublisher):
        raise NotPossible(_("%(marketplace)s takes no products.") % {"marketplace": connection.marketplace})
    if action == Load.Action.ASSOCIATE and not description.offers(Matcher):
        raise NotPossible(
            _("%(marketplace)s cannot look up existing entries.") % {"marketplace": connection.marketplace}
        )


def _numbered(connection: Connection, action: str, origin: str, by: User | None) -> Load:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE hub_seller SET last_load_number = last_load_number + 1 WHERE id = %s "
            "RETURNING last_load_number",
            [connection.seller_id],
        )
        (number,) = cursor.fetchone()
    return Load.objects.create(
        seller_id=connection.seller_id,
        connection=connection,
        number=number,
        action=action,
        origin=origin,
        created_by=by,
    )


def _execute(statement: str, chosen: QuerySet[Variation] | QuerySet[Listing], params: dict[str, Any]) -> None:
    try:
        inner, values = chosen.order_by().values("id").query.sql_with_params()
    except EmptyResultSet:
        return
    named = {f"chosen_{place}": value for place, value in enumerate(values)}
    inner = inner % tuple(f"%({name})s" for name in named)
    with database.cursor() as cursor:
        cursor.execute(statement.replace("{chosen}", inner), {**params, **named})


def refused(load: Load) -> QuerySet[Listing]:
    """The listings of a load that were refused and not sent again since."""
    return Listing.objects.filter(
        seller_id=load.seller_id,
        connection_id=load.connection_id,
        load_items__load=load,
        state=Listing.State.ERROR,
    )


def corrected(load: Load) -> QuerySet[Listing]:
    """The listings of a load that were refused and whose errors the ERP has corrected since."""
    return refused(load).filter(corrected_at__isnull=False)


def corrected_on(connection: Connection) -> QuerySet[Listing]:
    """The listings of a connection that were refused and whose errors the ERP has corrected since."""
    return Listing.objects.filter(
        seller_id=connection.seller_id,
        connection=connection,
        state=Listing.State.ERROR,
        corrected_at__isnull=False,
    )


# A send that was never answered is repeated even where the value seems right: that is what is asked for.
_TERMS_AGAIN = f"""
UPDATE marketplaces_sync s SET {ledger.again("again")}
WHERE connection_id = %(connection)s AND facet = ANY (%(facets)s) AND follows AND listing_id IN ({{chosen}})
"""  # noqa: S608 - constants


def send_terms_again(
    *,
    connection: Connection,
    listings: QuerySet[Listing],
    facets: Sequence[str] = (Facet.PRICE, Facet.STOCK),
) -> None:
    """Send price and stock (or one of them) of these listings again, although they may seem right."""
    mine = listings.filter(seller_id=connection.seller_id, connection=connection)
    _execute(_TERMS_AGAIN, mine, {"connection": connection.pk, "facets": [str(one) for one in facets]})
    for facet in facets:
        engine.wake(connection.pk, facet)


def retry_facet(*, listing: Listing, facet: str) -> None:
    """Send a facet of a listing again although it was refused or seems right; the seller's "send now"."""
    send_terms_again(
        connection=listing.connection, listings=Listing.objects.filter(pk=listing.pk), facets=[facet]
    )


def forget_connection_errors(connection: Connection) -> None:
    """Let every lane of a connection run at once: staff's "try again now"."""
    Lane.objects.filter(connection=connection).update(run_at=timezone.now(), failures=0, last_error="")
    for kind in Lane.Kind.values:
        engine.wake(connection.pk, kind)
