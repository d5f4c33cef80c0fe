"""A price whose answer was lost may stand there already: nothing that goes out after it may be older."""

from __future__ import annotations

from decimal import Decimal

import pytest

from marketplaces import engine, services
from marketplaces.models import Lane, Listing, Load
from tests.marketplaces.shop import Shop, change_product

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("arrives", [True, False])
def test_content_sent_again_carries_the_price_that_was_never_answered(shop: Shop, arrives: bool) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    change_product(variation, price=Decimal("150.00"))
    shop.sandbox.add_fault(match="/v1/prices", status=504, after_commit=arrives)
    engine.run(Lane.objects.get(connection=shop.connection, kind="price").pk)
    assert shop.shown("PAN-1")["price"] == ("150.00" if arrives else "129.90")

    listings = Listing.objects.filter(connection=shop.connection)
    services.start_load(connection=shop.connection, action=Load.Action.RECONNECT, listings=listings)
    shop.settle()

    log = shop.sandbox.log(shop.account["account_id"], kind="price")
    prices = [Decimal(entry["value"]) for entry in log]
    assert prices == sorted(prices)
    assert shop.shown("PAN-1")["price"] == "150.00"
