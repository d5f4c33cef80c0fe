"""A seller who has one of everything, and what is known of it in the database."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import ForeignKey, Model

from catalog import stores, vocabulary
from catalog.models import Variation
from hub.homologation import services as homologation
from hub.models import Seller, User
from marketplaces import services as marketplaces
from marketplaces import states
from marketplaces.callbacks import services as callbacks
from marketplaces.callbacks.models import Delivery
from marketplaces.contract import Facet, Issue, IssueKind
from marketplaces.models import Issue as StoredIssue
from marketplaces.models import Listing, Load
from orders import outbound, queue, services, statuses
from orders.freight import quotes, rates
from orders.freight.models import FreightSettings
from orders.models import Notice, Order, Question
from orders.shipping import plps
from tests.make import make_api_headers, make_category, make_parent, make_product, make_seller, make_variation
from tests.orders.make import invoice_note, make_connection, remote_order, shipment_note

APPS = ("hub", "catalog", "marketplaces", "orders")
TOUCHED = {"last_used_at"}
"""Columns that reading changes: when a key was last used."""
CHANNEL = "Lojas Sandbox"


class World:
    """One seller with one of everything; `ids` names what a table's addresses and bodies mean."""

    def __init__(self) -> None:
        self.seller = make_seller("Ana", is_test=True)
        self.headers = make_api_headers(self.seller)
        self.ids: dict[str, str] = {"connection": CHANNEL, "store": "7", "status": "pago", "attribute": "cor"}
        self.ids.update(email=self.headers["X-User-Email"], key=self.headers["X-Api-Key"])
        homologation.start(self.seller, User.objects.get(email=self.headers["X-User-Email"]))
        self._catalogue()
        self._webhook()
        self._orders()
        self._listing()
        self._shipping()

    def _catalogue(self) -> None:
        make_category(self.seller, "FREE", "Casa > Livre")
        make_category(self.seller, "USED", "Casa > Luz")
        sizes = {"weight": "0.5", "height": "10", "width": "10", "length": "10"}
        make_product(self.seller, "LAMP", qty=5, category_codes=["USED"], **sizes)
        make_product(self.seller, "SPARE")
        shirt = make_parent(self.seller, "SHIRT")
        make_variation(shirt, "SHIRT-P")
        make_variation(shirt, "SHIRT-M")
        vocabulary.save_attribute(self.seller.pk, {"name": "cor", "label": "Cor", "options": ["Azul"]})
        stores.save(self.seller.pk, {"code": "7", "name": "Osasco"})
        stores.set_stock(self.seller.pk, "7", {"code": "LAMP", "qty": 2})
        self.ids.update(product="LAMP", spare="SPARE", parent="SHIRT", variation="SHIRT-P")
        self.ids.update(category="FREE", used="USED")

    def _webhook(self) -> None:
        row, _secret = callbacks.subscribe(
            self.seller, url="http://127.0.0.1:9/erp", events=["order.created"], is_active=True
        )
        self.ids["webhook"] = str(row.public_id)

    def _orders(self) -> None:
        self.connection = make_connection(self.seller, CHANNEL)
        told = [("P0", "APPROVED"), ("P1", "APPROVED"), ("P2", "SHIPPED"), ("P3", "APPROVED")]
        services.import_orders(
            self.connection, [remote_order(name, status, skus=("LAMP",)) for name, status in told]
        )
        of = {one.remote_id: one.code for one in Order.objects.filter(seller=self.seller)}
        (held,) = queue.lease(self.seller)
        self.ids.update(held=held.order.code, order=of["P1"], shipped=of["P2"], invoiced=of["P3"])
        services.invoice(self.seller, of["P3"], invoice=invoice_note())
        notice = Notice.objects.get(order__seller=self.seller)
        outbound._refused(notice, outbound.Refused("Nota fora do prazo"))
        services.ship(self.seller, of["P2"], shipment=shipment_note())
        told_of = Delivery.objects.filter(seller=self.seller)
        waiting = told_of.earliest("id")
        told_of.exclude(pk=waiting.pk).update(state=Delivery.State.GIVEN_UP)
        self.ids["delivery"] = str(told_of.latest("id").public_id)
        self.ids["waiting_delivery"] = str(waiting.public_id)
        statuses.create(self.seller, code="pago", label="Pago", status_type="APPROVED")
        asked = Question.objects.create(seller=self.seller, platform="Sandbox", text="Serve na parede?")
        self.ids["question"] = str(asked.pk)

    def _listing(self) -> None:
        lamp = Variation.objects.filter(seller=self.seller, sku="LAMP")
        load = marketplaces.start_load(
            connection=self.connection, action=Load.Action.CONNECT, variations=lamp, origin=Load.Origin.API
        )
        listing = Listing.objects.get(seller=self.seller)
        Listing.objects.filter(pk=listing.pk).update(url="https://shop.example/lamp")
        refusal = states.Refusal(listing.pk, None, 1, (Issue(IssueKind.REQUIRED, "brand"),))
        states.open_issues(
            self.seller.pk, self.connection.pk, Facet.CONTENT, StoredIssue.Origin.MARKETPLACE, [refusal]
        )
        self.ids.update(load=str(load.number), errors="link_sandbox_products")

    def _shipping(self) -> None:
        def made(calculation: str) -> Order:
            wanted = services.TestOrder("Lojas Americanas", [services.TestItem("LAMP", 1)])
            return services.create_test_order(self.seller, replace(wanted, calculation_type=calculation))

        self.ids["new"] = made("").code
        for name in ("correios", "direct"):
            order = made(f"b2wentrega{name}")
            services.approve(self.seller, order.code)
            self.ids[name], self.ids[f"{name}_order"] = order.remote_id, order.code
        self.ids["plp"] = str(plps.group(self.seller, [self.ids["direct"]]).pk)
        rate = rates.create(
            self.seller.pk,
            {"name": "Mesa", "zip_from": 1, "zip_to": 9_999_999, "weight_to": 30, "cost": 12, "days": 4},
        )
        self.ids["rate"] = str(rate.pk)
        FreightSettings.objects.create(seller=self.seller)
        volumes = quotes.read_volumes(self.seller.pk, [{"sku": "LAMP"}])
        quotes.quote(self.seller, 5_010_010, volumes)


def nobody(ids: dict[str, str]) -> dict[str, str]:
    """The same names for what nobody has."""
    return {name: str(uuid.UUID(int=404)) if len(one) == 36 else "4040404" for name, one in ids.items()}


def all_rows_of(seller: Seller) -> dict[str, list[dict[str, Any]]]:
    """Everything the database holds of a seller, by model."""
    found = {}
    for model in apps.get_models():
        if model._meta.app_label in APPS and (path := _path_to_seller(model)):
            rows = model._base_manager.filter(**{path: seller.pk}).order_by("pk").values()
            found[model._meta.label] = [
                {name: value for name, value in row.items() if name not in TOUCHED} for row in rows
            ]
    return found


class Watched:
    """Tells what changed of a seller since it was last asked."""

    def __init__(self, seller: Seller) -> None:
        self._seller = seller
        self._before = all_rows_of(seller)

    def changes(self) -> list[str]:
        """Names of the models whose rows are not what they were."""
        before, self._before = self._before, all_rows_of(self._seller)
        return [name for name, found in self._before.items() if found != before[name]]


@cache
def _path_to_seller(model: type[Model]) -> str:
    """How a model's rows belong to a seller, such as order__seller; empty where they do not."""
    if model is Seller:
        return "pk"
    keys = [one for one in model._meta.get_fields() if isinstance(one, ForeignKey)]
    if any(key.related_model is Seller for key in keys):
        return next(key.name for key in keys if key.related_model is Seller)
    for key in keys:
        related: Any = key.related_model
        if related is not model and related._meta.app_label in APPS and (path := _path_to_seller(related)):
            return f"{key.name}__{path}"
    return ""
