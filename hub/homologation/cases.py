"""The 43 cases: SkyHub's list ("how to homologate", 2019) and the refusals every client must survive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from hub.homologation import catalogue_judges as catalogue
from hub.homologation import order_judges as orders
from hub.homologation import refusal_judges as refusals
from hub.homologation.calls import Call, Verdicts

Judge = Callable[[Sequence[Call]], Verdicts]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the list."""

    number: int
    title: Any
    how: Any
    """What to call, and what must be seen."""
    judge: Judge
    is_optional: bool = False
    """An integration that does not do this may say so."""


@dataclass(frozen=True, slots=True)
class Group:
    """Cases shown under one heading."""

    title: Any
    cases: tuple[Case, ...]
    note: Any = ""
    """What holds for all of them."""


_VARIED = catalogue.every_variation_tells

GROUPS: tuple[Group, ...] = (
    Group(
        _("Products"),
        (
            Case(
                1,
                _("Simple product"),
                _("POST /products without variations, with photo and category: 201."),
                catalogue.creates(catalogue.is_simple),
            ),
            Case(
                2,
                _("Product with one variation"),
                _("POST /products with one variation and variation_attributes: 201."),
                catalogue.creates(catalogue.has_one_variation, _VARIED),
            ),
            Case(
                3,
                _("Product with several variations"),
                _("POST /products with two or more variations: 201."),
                catalogue.creates(catalogue.has_several_variations, _VARIED),
            ),
            Case(
                4,
                _("A price per variation"),
                _("POST /products; each variation has promotional_price in its specifications: 201."),
                catalogue.creates(
                    lambda product: any(map(catalogue.has_own_price, catalogue.variations(product))),
                    catalogue.every_variation_is_priced,
                ),
                is_optional=True,
            ),
            Case(
                5,
                _("Variation by size"),
                _('POST /products with variation_attributes ["Tamanho"]: 201.'),
                catalogue.creates(
                    lambda product: catalogue.varies(catalogue.told_apart_by(product), catalogue.SIZES),
                    _VARIED,
                ),
            ),
            Case(
                6,
                _("Variation by colour"),
                _('POST /products with variation_attributes ["Cor"]: 201.'),
                catalogue.creates(
                    lambda product: catalogue.varies(catalogue.told_apart_by(product), catalogue.COLOURS),
                    _VARIED,
                ),
            ),
            Case(
                7,
                _("Variation by colour and size"),
                _('POST /products with variation_attributes ["Cor", "Tamanho"]: 201.'),
                catalogue.creates(
                    lambda product: catalogue.varies(
                        catalogue.told_apart_by(product), catalogue.COLOURS, catalogue.SIZES
                    ),
                    _VARIED,
                ),
            ),
            Case(
                8,
                _("Variation by voltage"),
                _('POST /products with variation_attributes ["Voltagem"]: 201.'),
                catalogue.creates(
                    lambda product: bool(catalogue.told_apart_by(product) & catalogue.VOLTAGES), _VARIED
                ),
                is_optional=True,
            ),
            Case(
                9,
                _("Crossdocking"),
                _("POST /products with crossdocking, as a field or a specification: 201."),
                catalogue.creates(catalogue.says_crossdocking),
                is_optional=True,
            ),
            Case(
                10,
                _("Category with subcategories"),
                _("POST /products with a category named like A > B > C: 201."),
                catalogue.creates(catalogue.has_subcategory),
            ),
            Case(
                11,
                _("Stock"),
                _("GET the product, PUT its qty (204), GET it again: the new quantity is there."),
                catalogue.stock,
            ),
            Case(
                12,
                _("Price"),
                _("PUT /products/{sku} or /variations/{sku} with price or promotional_price: 204."),
                catalogue.price,
            ),
            Case(
                13,
                _("Switch a product on"),
                _('PUT /products/{sku} with status "enabled": 204.'),
                catalogue.becomes("enabled"),
            ),
            Case(
                14,
                _("Switch a product off"),
                _('PUT /products/{sku} with status "disabled": 204.'),
                catalogue.becomes("disabled"),
            ),
            Case(
                15,
                _("Delete a product"),
                _("DELETE /products/{sku} (204), then GET it: 404."),
                catalogue.deletion,
            ),
        ),
        _("Every product comes with a photo and a category."),
    ),
    Group(
        _("Orders"),
        (
            Case(
                16,
                _("Order of one unit of a simple product"),
                _("POST /orders (201); the queue shows it with the same SKU, quantity and prices."),
                orders.sells(variation=False, several=False),
            ),
            Case(
                17,
                _("Order of several units"),
                _("The same with a quantity above 1."),
                orders.sells(variation=False, several=True),
            ),
            Case(
                18,
                _("Order of a variation"),
                _(
                    "The same with a variation's SKU: in the queue, id is the variation and product_id its "
                    "product."
                ),
                orders.sells(variation=True, several=False),
            ),
            Case(
                19,
                _("Order of several units of a variation"),
                _("The same with a variation and a quantity above 1."),
                orders.sells(variation=True, several=True),
            ),
            Case(
                20,
                _("Invoice"),
                _("POST .../approval (201), POST .../invoice (201), GET the order: INVOICED, with the key."),
                orders.invoiced,
            ),
            Case(
                21,
                _("Shipment"),
                _("POST .../shipments of an invoiced order, with code and carrier in track: 201."),
                orders.shipped,
            ),
            Case(22, _("Delivery"), _("POST .../delivery of a shipped order: 201."), orders.step("delivery")),
            Case(23, _("Cancellation"), _("POST .../cancel: 201."), orders.step("cancel")),
            Case(
                24,
                _("Failed delivery"),
                _("POST .../shipment_exception after .../shipments: 201."),
                orders.step("shipment_exception", behind="shipments"),
                is_optional=True,
            ),
            Case(
                25,
                _("Drain the queue"),
                _(
                    "Take and acknowledge three orders, one after the other or by lease, until the queue "
                    "is empty."
                ),
                orders.drained,
            ),
            Case(
                26,
                _("Posting list, Correios"),
                _(
                    "GET /shipments/b2w/to_group, POST /shipments/b2w (201, the number is in message), GET "
                    "/shipments/b2w/view as JSON. Test orders with shipping_calculation_type "
                    "b2wentregacorreios can be grouped once approved."
                ),
                orders.grouped("CORREIOS"),
                is_optional=True,
            ),
            Case(
                27,
                _("Posting list, Direct"),
                _("The same with b2wentregadirect."),
                orders.grouped("DIRECT"),
                is_optional=True,
            ),
            Case(
                28,
                _("Pick-up by the carrier"),
                _(
                    "GET /shipments/b2w/collectables?requested=false, POST "
                    "/shipments/b2w/confirm_collection: 201."
                ),
                orders.collected,
                is_optional=True,
            ),
        ),
    ),
    Group(
        _("What is refused"),
        (
            Case(
                29,
                _("Wrong or missing credentials"),
                _(
                    "Four calls: without X-User-Email, without X-Api-Key, with an e-mail nobody here has, "
                    "and with a key wrong from its first letter on: 401."
                ),
                refusals.turned_away,
            ),
            Case(30, _("Not UTF-8"), _("Send a body with ç or ã in Latin-1: 415."), refusals.not_utf8),
            Case(31, _("Not JSON"), _("Send a body that breaks off: 400."), refusals.not_json),
            Case(
                32,
                _("A field is missing"),
                _(
                    "POST /products without sku, or a new one without name: refused, with a sentence in "
                    "error."
                ),
                refusals.incomplete,
            ),
            Case(
                33,
                _("Unknown status"),
                _("A step of an order with a status the account does not have: 422."),
                refusals.unknown_status,
            ),
            Case(
                34,
                _("Step out of turn"),
                _("A step the order's status forbids, such as a delivery of a new order: 422."),
                refusals.bad_transition,
            ),
            Case(
                35,
                _("Too deep a page"),
                _("GET /products?page=101&per_page=100: 400. Read long lists with the cursor."),
                refusals.too_deep,
            ),
            Case(
                36,
                _("Too many rows"),
                _("GET /products?per_page=500: 200, with a hundred rows at most."),
                refusals.too_many_rows,
            ),
            Case(
                37,
                _("Walk by cursor"),
                _("Follow next from GET /products to the end: each product comes once. Needs 26 products."),
                refusals.walked,
            ),
            Case(
                38,
                _("Too many calls"),
                _("Call faster than the limit (429), wait as Retry-After says, and get through."),
                refusals.slowed_down,
            ),
            Case(
                39,
                _("An order not acknowledged"),
                _(
                    "Take an order and do not acknowledge it: after the hiding time (5 minutes; a lease may "
                    "ask for 10 seconds) it comes again. Acknowledge it, and look: it is gone."
                ),
                refusals.comes_again,
            ),
            Case(
                40,
                _("Two consumers"),
                _("While one order is held, take another: it is never the same."),
                refusals.kept_apart,
            ),
            Case(
                41,
                _("Delete what is on sale"),
                _("DELETE a product that is connected to a marketplace: 422."),
                refusals.still_connected,
            ),
            Case(
                42,
                _("Test orders on a production account"),
                _("POST /orders with the header X-Hub-Rehearse: production: 403, as it will be there."),
                refusals.as_production,
            ),
            Case(
                43,
                _("Catalogue errors"),
                _(
                    "Connect an incomplete product, read its error with GET /sync_errors/products, hide it "
                    "with PATCH (204), and read again: it is not shown."
                ),
                refusals.errors_hidden,
            ),
        ),
    ),
)
CASES: tuple[Case, ...] = tuple(case for group in GROUPS for case in group.cases)
BY_NUMBER = {case.number: case for case in CASES}
