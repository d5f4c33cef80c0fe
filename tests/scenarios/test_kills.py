"""The whole journey while processes of every kind are killed: nothing is lost, doubled or left behind."""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.processes import running
from tests.scenarios.journey import Erp, Journey, Shoppers, alongside
from tests.scenarios.kills import TARGETS, Killer

QUEUE_HIDE_SECONDS = 5
"""An order whose GET was answered to nobody is offered again after this."""
CONVERGENCE_SECONDS = 120
"""Stuck workers are noticed after 45 s: a lost task is asked for again after 15 s and may wait 30 s for them.
A lane whose worker died is free after 30 s."""
FINAL_STATES = {"connected", "error"}


@pytest.fixture
def seed() -> int:
    """HUB_KILLS_SEED repeats a run's plan."""
    return int(os.environ.get("HUB_KILLS_SEED") or random.randrange(10**6))


def test_every_process_may_be_killed_at_any_moment(seed: int) -> None:
    print(f"HUB_KILLS_SEED={seed}")
    dice = random.Random(seed)
    with running(HUB_QUEUE_HIDE_SECONDS=str(QUEUE_HIDE_SECONDS)) as product:
        journey = Journey(product, "Loja Resistente")
        killer = Killer(product, seed)
        killer.prepare["queue worker, busy"] = lambda: journey.slow_down(3)
        erp, shoppers = Erp(journey), Shoppers(journey, seed)
        with alongside(killer, erp, shoppers):
            journey.push_catalogue()
            journey.map_categories()
            journey.connect_all()
            journey.wait_until(
                lambda: journey.states().get("connected"), CONVERGENCE_SECONDS, "the first listings on sale"
            )
            killer.pace_maker.set()
            number = 0
            has_corrected = False
            while killer.is_alive() or not has_corrected:
                shoppers.skus = journey.connected_skus()
                number += 1
                journey.change_values(dice.sample(shoppers.skus, min(25, len(shoppers.skus))), number)
                if not has_corrected and not journey.on_their_way("content"):
                    journey.correct_catalogue()
                    journey.wait_until(
                        lambda: not journey.on_their_way("content"), CONVERGENCE_SECONDS, "corrections seen"
                    )
                    journey.reconnect_corrected()
                    has_corrected = True
                time.sleep(dice.uniform(0.2, 1))
            shoppers.stop()
            print(killer.told(), f"\n{sum(killer.kills.values())} kills: {dict(killer.kills)}")
            assert not killer.missing, f"never came back: {killer.missing}"
            assert set(killer.kills) == set(TARGETS)

            began = time.monotonic()

            def left() -> float:
                return max(CONVERGENCE_SECONDS - (time.monotonic() - began), 1)

            journey.wait_until(lambda: not journey.unfinished_orders(), left(), "every order shipped")
            journey.wait_until(lambda: not journey.in_the_queue(), left(), "every order acknowledged")
            # The ERP's last word after it took the last sale, as every ERP does: what is left on its shelves.
            number += 1
            journey.change_values(journey.connected_skus(), number)
            journey.wait_until(lambda: not journey.on_their_way(), left(), "every state final")
            print(f"converged {time.monotonic() - began:.1f} s after the last kill")

        assert set(journey.states()) <= FINAL_STATES, journey.states()
        assert journey.states()["connected"] > 400
        assert journey.differences() == []
        assert journey.values_that_went_back() == []
        bought = {one["id"]: one for one in journey.market.orders(journey.account)}
        print(f"{len(bought)} orders, {shoppers.unanswered} purchases unanswered, {number} rounds of values")
        assert len(bought) >= 20
        assert journey.order_troubles(bought) == []
        assert {code.removeprefix("Sandbox-") for code in erp.orders} == set(bought)
        assert [key for key, times in erp.taken.items() if times > 1] == []
        assert erp.trouble == []
        assert product.api(journey.seller["headers"]).call("GET", "/queues/orders").status == 204
