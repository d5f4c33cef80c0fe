"""Freight in life: one mug to Rio, and a line of the contingency table."""

from __future__ import annotations

from typing import Any

from hub.api.examples import NOWHERE, Example, missing, said

NO_RATE = said("There is no freight rate with the id %(number)s.", number=NOWHERE)
VOLUME: dict[str, Any] = {
    "sku": "CANECA-1",
    "quantity": 1,
    "price": 34.9,
    "height": 0.1,
    "length": 0.12,
    "width": 0.12,
    "weight": 0.35,
}
OFFER: dict[str, Any] = {
    "shippingCost": 18.9,
    "deliveryTime": {"total": 5, "transit": 4, "expedition": 1},
    "shippingMethodId": "PAC",
    "shippingMethodName": "PAC",
    "shippingMethodDisplayName": "PAC",
}
RATE: dict[str, Any] = {
    "name": "PAC",
    "zip_from": "01000000",
    "zip_to": "19999999",
    "weight_from": 0.0,
    "weight_to": 30.0,
    "cost": 18.9,
    "days": 4,
}

EXAMPLES = {
    "freights_quote": Example(
        bodies={
            "As the marketplace asks": {
                "destinationZip": 5010010,
                "volumes": [VOLUME],
                "saleSystem": "Sandbox",
            },
            "The least": {"destinationZip": 5010010, "volumes": [{"sku": "CANECA-1"}]},
        },
        answer={"shippingQuotes": [OFFER], "source": "contingency"},
        errors={
            400: missing("destinationZip"),
            404: "Região de entrega não atendida",
            422: said("%(field)s: send a zip of 8 digits.", field="destinationZip"),
        },
    ),
    "freights_list": Example(
        query={"filters[sale_systems]": "Sandbox"},
        answer={
            "freights": [
                {
                    "id": 81,
                    "sale_system": "Sandbox",
                    "created_at": "2026-03-02T10:30:00-03:00",
                    "destination_zip": "05010010",
                    "volumes": [VOLUME],
                    "source": "contingency",
                    "problem": "O endereço do lojista não respondeu em 800 ms.",
                    "milliseconds": 803,
                    "shipping_quotes": [OFFER],
                }
            ],
            "total": 1,
        },
    ),
    "freights_contingency_list": Example(answer={"rates": [{"id": 3, **RATE}], "total": 1}),
    "freights_contingency_create": Example(
        bodies={"A state, up to 30 kg": {"rate": RATE}},
        answer={"id": 3, **RATE},
        errors={
            400: missing("name", "zip_from", "zip_to", "weight_to", "cost", "days"),
            422: said("%(field)s: send a number from zero up.", field="cost"),
        },
    ),
    "freights_contingency_update": Example(
        path={"number": "3"},
        bodies={"Dearer and slower": {"rate": {"cost": 21.5, "days": 6}}},
        errors={
            400: missing("rate"),
            404: NO_RATE,
            422: said("%(field)s: send a number from zero up.", field="cost"),
        },
    ),
    "freights_contingency_delete": Example(path={"number": "3"}, errors={404: NO_RATE}),
}
