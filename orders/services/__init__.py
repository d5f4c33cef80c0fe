"""What can happen to an order: the marketplace tells it, the seller moves it, a test account makes it."""

from __future__ import annotations

from orders.services.incoming import Imported, import_order, import_orders, keep_raw
from orders.services.seller import (
    accept,
    approve,
    cancel,
    deliver,
    invoice,
    ship,
    shipment_exception,
)
from orders.services.trial import TestItem, TestOrder, create_test_order

__all__ = [
    "Imported",
    "TestItem",
    "TestOrder",
    "accept",
    "approve",
    "cancel",
    "create_test_order",
    "deliver",
    "import_order",
    "import_orders",
    "invoice",
    "keep_raw",
    "ship",
    "shipment_exception",
]
