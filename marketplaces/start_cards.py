"""What the portal's start page says about connections, listings and loads."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from hub import start_page
from hub.counting import capped_words
from hub.models import Seller
from marketplaces.models import Connection, HeldPrice, Hold, Listing, Load

UNDER_WAY = (Listing.State.WAITING, Listing.State.PROCESSING, Listing.State.CATALOGUING)
NEWEST_LOADS = 5


@start_page.step(order=30)
def connect_marketplace(seller: Seller) -> start_page.Step:
    """The third step: an account to sell with."""
    return start_page.Step(
        title=_("Connect a marketplace"),
        text=_("Give the hub access to your account there. The Sandbox needs no account anywhere."),
        link=reverse("portal:marketplaces_connection_changelist"),
        action=_("To the connections"),
        is_done=Connection.objects.filter(seller_id=seller.pk).exists(),
    )


@start_page.step(order=40)
def connect_products(seller: Seller) -> start_page.Step:
    """The last step: the first listings."""
    return start_page.Step(
        title=_("Connect products"),
        text=_("Choose products and connect them: stock, price and orders then follow by themselves."),
        link=reverse("portal:catalog_product_changelist"),
        action=_("To the products"),
        is_done=Listing.objects.filter(seller_id=seller.pk).exists(),
    )


@start_page.cards(order=10)
def listing_cards(seller: Seller) -> list[start_page.Card]:
    """Listings by what they need, prices that wait for a person, and accounts that lost their access."""
    listings = Listing.objects.filter(seller_id=seller.pk)
    url = reverse("portal:marketplaces_listing_changelist")
    broken = listings.filter(state=Listing.State.ERROR)
    some_broken = broken.exists()
    cards = [
        start_page.Card(
            title=_("Listings in error"),
            value=capped_words(broken),
            link=f"{url}?state__exact=error",
            icon="error",
            note=_("Correct the data in the ERP, then reconnect") if some_broken else "",
            tone="danger" if some_broken else "",
        ),
        start_page.Card(
            title=_("Listings under way"),
            value=capped_words(listings.filter(state__in=UNDER_WAY)),
            link=f"{url}?state__exact=waiting",
            icon="sync",
        ),
        start_page.Card(
            title=_("Connected listings"),
            value=capped_words(listings.filter(state=Listing.State.CONNECTED)),
            link=f"{url}?state__exact=connected",
            icon="check_circle",
        ),
    ]
    waiting = HeldPrice.objects.filter(seller_id=seller.pk, state=HeldPrice.State.OPEN)
    if waiting.exists():
        cards.insert(
            0,
            start_page.Card(
                title=_("Held prices"),
                value=capped_words(waiting),
                link=f"{reverse('portal:marketplaces_heldprice_changelist')}?state__exact=open",
                icon="price_check",
                note=_("They move too far: approve or reject them"),
                tone="warning",
            ),
        )
    old = Hold.objects.filter(
        seller_id=seller.pk, held__gt=0, created_at__lt=timezone.now() - timedelta(days=1)
    )
    if old.exists():
        cards.append(
            start_page.Card(
                title=_("Stock held for over a day"),
                value=capped_words(old),
                link=reverse("portal:marketplaces_hold_changelist") + "?age=day",
                icon="inventory_2",
                note=_("The ERP's quantity still does not account for these orders"),
                tone="warning",
            )
        )
    locked_out = Connection.objects.filter(
        seller_id=seller.pk, status=Connection.Status.NEEDS_CREDENTIALS
    ).count()
    if locked_out:
        cards.insert(
            0,
            start_page.Card(
                title=_("Connections that need new credentials"),
                value=str(locked_out),
                link=reverse("portal:marketplaces_connection_changelist"),
                icon="key_off",
                note=_("Nothing goes out or comes in until you renew them"),
                tone="danger",
            ),
        )
    return cards


@start_page.table(order=10)
def newest_loads(seller: Seller) -> start_page.Table:
    """The seller's last loads."""
    loads = Load.objects.filter(seller_id=seller.pk).select_related("connection").order_by("-id")
    return start_page.Table(
        title=_("Newest loads"),
        headers=[_("Load"), _("Action"), _("Connection"), _("Items"), _("State"), _("Started")],
        rows=[
            (
                reverse("portal:marketplaces_load_change", args=[load.pk]),
                [
                    str(load),
                    load.get_action_display(),
                    load.connection.name,
                    number_format(load.total, force_grouping=True),
                    load.get_state_display(),
                    date_format(localtime(load.created_at), "DATETIME_FORMAT"),
                ],
            )
            for load in loads[:NEWEST_LOADS]
        ],
        link=reverse("portal:marketplaces_load_changelist"),
        empty=_("No load yet: connect some products."),
    )
