"""Whether the marketplace is as it ought to be: its own records against the books of the world."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from marketplaces.models import HeldPrice, Listing, Passage, Sync
from orders.models import Order
from tests.engine_property.world import EASY, GUARD, STEP, Goods, Place

if TYPE_CHECKING:
    from tests.engine_property.company import Company

OURS = ("api", "load")
"""Who set a value: the hub by a call of its own, or with a publication."""
THERE = {"new": "NEW", "awaiting_payment": "NEW"}


def judge(play: Company, *, is_put_right: bool) -> None:
    """Everything has come to rest; `is_put_right` where people have done their part as well."""
    for place in play.places:
        shown = {one["sku"]: one for one in play.sandbox.listings(place.account)["listings"]}
        listings = {
            one.variation.sku: one
            for one in Listing.objects.filter(connection=place.connection_id).select_related("variation")
        }
        assert listings.keys() == place.on_sale.keys()
        assert shown.keys() <= listings.keys()
        for sku, listing in listings.items():
            there = shown.get(sku, {"state": "absent", "creations": 0})
            assert there["creations"] <= 1, f"{sku} was created {there['creations']} times"
            _judge_listing(play, place, place.shelf.goods[sku], listing, there, is_put_right)
        _judge_history(play, place)
        _judge_healing(play, place)
        _judge_orders(play, place)


def _judge_listing(
    play: Company, place: Place, goods: Goods, listing: Listing, there: dict[str, Any], is_put_right: bool
) -> None:
    where = f"{goods.sku} at {place.account}"
    if listing.state == Listing.State.ERROR:
        may_fail = place.was_badly_mapped or goods.sku in place.linked or play.refuses
        assert may_fail, f"{where} was refused, and nothing was wrong with it"
        assert not is_put_right, f"{where} is refused, and nothing is wrong with it any more"
        return
    if not place.on_sale[goods.sku]:
        assert listing.state == Listing.State.DISCONNECTED, f"{where} is {listing.state}"
        assert there["state"] in ("withdrawn", "absent", "rejected"), f"{where} is still {there['state']}"
        return
    assert listing.state == Listing.State.CONNECTED, f"{where} is stuck in {listing.state}"
    assert there["state"] == "live", f"{where} is {there['state']}"
    if goods.sku not in place.linked:
        number = int(there["title"].rpartition(" n")[2])
        must = place.follows_content and place.mapped == EASY and (is_put_right or not play.refuses)
        least = goods.title if must else place.titles_at[goods.sku]
        assert least <= number <= goods.title, f"{where} has title {number}, not {least} to {goods.title}"
    if play.refuses and not is_put_right:
        return
    if (goods.sku, "price") not in place.frozen:
        _judge_price(place, goods, listing, Decimal(there["price"]), is_put_right)
    if (goods.sku, "stock") not in place.frozen:
        wanted = offered(play, place, goods)
        assert there["quantity"] == wanted, f"{where} offers {there['quantity']}, not {wanted}"


def _judge_price(place: Place, goods: Goods, listing: Listing, shown: Decimal, is_put_right: bool) -> None:
    wanted = place.price(goods)
    if shown == wanted:
        return
    said = f"{goods.sku} at {place.account} costs {shown}, not {wanted}"
    assert not is_put_right, said
    held = HeldPrice.objects.filter(
        listing=listing, price=wanted, state__in=(HeldPrice.State.OPEN, HeldPrice.State.REJECTED)
    )
    assert held.exists(), said
    was = held.get().was
    assert abs(wanted - was) * 100 > GUARD * was, f"{said}; it was held for nothing"


def offered(play: Company, place: Place, goods: Goods) -> int:
    """The ERP's figure, less what was sold and is not in it yet, less what the seller keeps back."""
    if not goods.enabled:
        return 0
    held = sum(
        one.units.get(goods.sku, 0)
        for one in play.world.sold
        if one.place.shelf is place.shelf and not (one.accounted or _is_off(one))
    )
    free = max(0, goods.qty - (held if place.holds else 0) - place.reserve)
    return free if place.most is None else min(free, place.most)


def _is_off(one: Any) -> bool:
    return bool(one.done == "canceled" or (one.canceled and one.done != "delivered"))


def _judge_history(play: Company, place: Place) -> None:
    """No older value after a newer one, and none that nobody ever wanted.

    A publication may be on its way while a newer value arrives; then that must have come once more, unless
    the seller froze it meanwhile: as long as it is frozen, what stands there stays.
    """
    newest: dict[tuple[str, str], int] = {}
    overwritten: dict[tuple[str, str], str] = {}
    for entry in play.sandbox.log(place.account, size=100_000):
        if entry["origin"] not in OURS:
            continue
        sku, kind, value = entry["sku"], entry["kind"], entry["value"]
        if kind == "price":
            assert value in place.prices[sku], f"nobody ever wanted {sku} to cost {value}"
            age = place.prices[sku].index(value)
        else:
            age = (int(value) + STEP // 2) // STEP
            if not age:
                # Nothing, or as little as is ever shown: it does not say which figure it is of.
                overwritten.pop((sku, kind), None)
                continue
        before = newest.get((sku, kind), 0)
        if age < before and entry["origin"] == "load":
            overwritten[sku, kind] = value
            continue
        assert age >= before, f"{sku} got an older {kind} after a newer one: {value}"
        newest[sku, kind] = age
        overwritten.pop((sku, kind), None)
    stayed = {key: value for key, value in overwritten.items() if key not in place.frozen}
    assert not stayed, f"older values stayed: {stayed}"


def _judge_healing(play: Company, place: Place) -> None:
    """The read-back had nothing to heal but what somebody changed there, or what was refused."""
    healed = {
        (sku, facet)
        for model in (Passage, Sync)
        for sku, facet in model.objects.filter(
            listing__connection=place.connection_id, why="heal"
        ).values_list("listing__variation__sku", "facet")
    }
    may_be = play.refuses or play.was_misled or healed <= place.changed_there
    assert may_be, f"it had to be healed: {healed - place.changed_there}"


def _judge_orders(play: Company, place: Place) -> None:
    there = {one["id"]: one for one in play.sandbox.orders(place.account, size=1000)["orders"]}
    here = list(Order.objects.filter(connection=place.connection_id))
    assert sorted(one.remote_id for one in here) == sorted(there), "an order is lost or doubled"
    assert all(one.seller_id == place.shelf.seller.pk for one in here)
    books = {one.id: one for one in play.world.sold if one.place is place}
    for order in here:
        status, sold = there[order.remote_id]["status"], books[order.remote_id]
        told = THERE.get(status, status.upper())
        # Delivered here, given up there: the hub believes the seller, who has a parcel to prove it.
        if not (order.status_type == "DELIVERED" and sold.canceled):
            assert order.status_type == told, f"{order.code} is {order.status_type} here and {told} there"
        if sold.done and not sold.canceled:
            assert status == sold.done, f"{order.code} was to be {sold.done} and is {status} there"
