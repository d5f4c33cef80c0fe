"""What the guide tells developers to copy works as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orders import queue
from orders.models import Order
from tests.api.server import serving
from tests.make import make_api_headers, make_product, make_seller
from tests.orders.make import make_connection
from tests.processes import PROJECT


def test_the_queue_loop_takes_everything_and_acknowledges_it(transactional_db: None, tmp_path: Path) -> None:
    seller = make_seller("Ana", is_test=True)
    connection = make_connection(seller)
    make_product(seller, "LAMP")
    orders = [
        Order.objects.create(
            seller=seller,
            connection=connection,
            channel="Lojas Teste",
            remote_id=str(number),
            code=f"Lojas Teste-{number}",
            status_code="book_product",
            placed_at="2026-11-01T10:00:00Z",
        )
        for number in range(3)
    ]
    assert queue.replay(seller, [one.code for one in orders]) == []
    headers = make_api_headers(seller)
    with serving(tmp_path / "server.log", workers=1, HUB_RATE_LIMITS="on") as base:
        known = {"HUB_URL": base, "HUB_EMAIL": headers["X-User-Email"], "HUB_KEY": headers["X-Api-Key"]}
        told = subprocess.run(
            [sys.executable, str(PROJECT / "docs/examples/queue_loop.py"), "--once"],
            env={**os.environ, **known},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert told.returncode == 0, told.stderr
    assert [line.rpartition(" ")[0] for line in told.stdout.splitlines()] == [
        f"Lojas Teste-{number} NEW" for number in range(3)
    ]
    assert queue.summary(seller, orders[0].imported_at).waiting == 0
    assert set(Order.objects.values_list("sync_status", flat=True)) == {"SYNCED"}
