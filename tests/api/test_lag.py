"""/listings/lag: how long values took to the marketplaces, against the targets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from marketplaces.models import Lag
from marketplaces.simulators.sandbox import SandboxSimulator
from tests import make
from tests.api.test_hub_endpoints import Erp
from tests.marketplaces.shop import FAST, Shop, open_shop, set_qty

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    with SandboxSimulator(settings=FAST) as sandbox:
        yield open_shop(sandbox, "Ana")


@pytest.fixture
def erp(shop: Shop) -> Erp:
    return Erp(make.make_api_headers(shop.seller))


def measured(
    shop: Shop, facet: str, *, hours_ago: int = 0, bucket: int, samples: int, longest: float
) -> None:
    """What the workers counted in one hour."""
    hour = (timezone.now() - timedelta(hours=hours_ago)).replace(minute=0, second=0, microsecond=0)
    Lag.objects.create(
        connection=shop.connection, facet=facet, hour=hour, bucket=bucket, samples=samples, longest=longest
    )


def lag(erp: Erp, facet: str, **query: Any) -> dict[str, Any]:
    (found,) = [one for one in erp.get("/listings/lag", **query).json()["lag"] if one["facet"] == facet]
    return dict(found)


def test_the_lag_is_told_per_connection_and_facet_against_its_target(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    shop.connect()
    set_qty(shop.listing("PAN-1").variation, 3)
    shop.settle()

    said = erp.get("/listings/lag").json()
    assert said["hours"] == 24
    assert [(one["connection"], one["facet"], one["target"]) for one in said["lag"]] == [
        ("Sandbox", "stock", 30.0),
        ("Sandbox", "price", 60.0),
        ("Sandbox", "content", 1800.0),
    ]
    stock, price, content = said["lag"]
    assert (stock["samples"], stock["within_target"]) == (1, 1.0)
    assert 0 < stock["p50"] <= stock["p95"] <= stock["max"] < 30
    assert content["samples"] == 1
    assert (price["samples"], price["p50"], price["p95"], price["max"]) == (0, None, None, None)
    assert price["within_target"] is None


def test_the_part_within_the_target_counts_a_bucket_it_cuts_by_the_part_below(shop: Shop, erp: Erp) -> None:
    # Of a target of 60 s: all between 1 and 1.5 s, those between 45 and 60, none between 60 and 90.
    measured(shop, "price", bucket=6, samples=6, longest=1.4)
    measured(shop, "price", bucket=16, samples=2, longest=58.0)
    measured(shop, "price", bucket=17, samples=2, longest=88.0)
    assert lag(erp, "price")["within_target"] == 0.8
    assert lag(erp, "price")["max"] == 88.0

    type(shop.connection.marketplace).objects.update(lag_target_seconds=75)
    found = lag(erp, "price")
    assert found["target"] == 75.0
    # 15 of the 28 seconds in which the last two lie.
    assert found["within_target"] == pytest.approx(0.8 + 0.2 * 15 / 28, abs=1e-4)


def test_the_period_is_chosen_in_hours(shop: Shop, erp: Erp) -> None:
    measured(shop, "stock", hours_ago=30, bucket=6, samples=4, longest=1.4)
    assert [lag(erp, "stock", hours=hours)["samples"] for hours in ("1", "29", "31", "720")] == [0, 0, 4, 4]


@pytest.mark.parametrize("hours", ["0", "-1", "721", "1.5", "x", "99999999999999999999", "²"])
def test_a_period_nobody_can_mean_is_refused_in_a_sentence(shop: Shop, erp: Erp, hours: str) -> None:
    answer = erp.get("/listings/lag", hours=hours)
    assert answer.status_code == 400
    assert answer.json() == {"error": "hours deve ser um número inteiro de 1 a 720."}


def test_one_connection_can_be_asked_about_and_an_unknown_one_is_told(shop: Shop, erp: Erp) -> None:
    assert len(erp.get("/listings/lag", connection="Sandbox").json()["lag"]) == 3
    assert erp.get("/listings/lag", connection="Nowhere").status_code == 404


def test_a_stranger_is_told_nothing_of_it(shop: Shop, erp: Erp) -> None:
    measured(shop, "stock", bucket=6, samples=4, longest=1.4)
    stranger = Erp(make.make_api_headers(make.make_seller("Beto")))
    assert stranger.get("/listings/lag").json()["lag"] == []
    assert stranger.get("/listings/lag", connection="Sandbox").status_code == 404
