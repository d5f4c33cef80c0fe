"""A load of 10,000 products: how soon it is planned and its first part is out; of 100,000: the memory."""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

from benchmarks.table import Row, Target
from tests.processes import Product, running
from tests.scenarios.stage import Place, Wanted, on_sale

NAME = "loads"
SMALL, LARGE = 10_000, 100_000
WATCHED = 60
"""Seconds for which the workers' memory is watched while the large load goes out."""
SHIPPED = {"HUB_PG_CONF": ""}
_START = """
import time
from marketplaces import services
from marketplaces.models import Connection, Listing
connection = Connection.objects.get(pk={connection})
began = time.time()
services.start_load(
    connection=connection, action="reconnect", listings=Listing.objects.filter(connection=connection)
)
answer = [began, time.time()]
"""
_MAPPED = """
from catalog.models import Category
from marketplaces import mapping
from marketplaces.models import Connection, RemoteCategory
connection = Connection.objects.get(pk={connection})
category = Category.objects.create(seller_id=connection.seller_id, code="PANELAS", name="Panelas")
mapping.map_categories(
    connection, {{category.pk: RemoteCategory.objects.get(marketplace="sandbox", remote_id="SBX-2110").pk}}
)
"""
_CODED = """
UPDATE catalog_variation v SET ean = c.code || (10 - c.sum %% 10) %% 10
FROM (
    SELECT id, code, (SELECT sum(substr(code, n, 1)::int * CASE n %% 2 WHEN 0 THEN 3 ELSE 1 END)
                      FROM generate_series(1, 12) n) AS sum
    FROM (SELECT id, '789' || lpad(id::text, 9, '0') AS code
          FROM catalog_variation WHERE seller_id = %s) numbered
) c WHERE v.id = c.id
"""
"""A GTIN of its own for each, with its check digit."""


def run(rounds: int) -> list[Row]:
    """Measure on a running hub; what is loaded is on sale already and is published anew."""
    planned, out = [], []
    with running(SHIPPED) as product:
        wanted = {f"Ana{n}": Wanted(1, SMALL) for n in range(rounds)} | {"Bia": Wanted(1, LARGE)}
        with on_sale(product, wanted) as place:
            for name in wanted:
                _complete(place, name)
            for number in range(rounds):
                plan, first, _asked = _loaded(place, f"Ana{number}")
                planned.append(plan)
                out.append(first)
                place.pause(place.sellers[f"Ana{number}"].connections)
            with _Memory(product) as memory:
                _loaded(place, "Bia")
                time.sleep(WATCHED)
    return [
        Row("10,000: first submission out", "s", statistics.median(out), None, Target(2, at_most=True)),
        Row("10,000: planned", "s", statistics.median(planned), None, Target(10, at_most=True)),
        Row(
            "100,000: largest worker",
            "MB",
            memory.most / 1e6,
            None,
            Target(250, at_most=True),
            f"resident, in the first {WATCHED} s after the plan",
        ),
    ]


def _complete(place: Place, name: str) -> None:
    """Give the products what the sandbox demands of a pan."""
    seller = place.sellers[name]
    place.product.shell(_MAPPED.format(connection=seller.connections[0]))
    place.database.execute(
        "UPDATE catalog_product SET name = 'Panela de pressão ' || sku || ' 4,5 litros', nbm = '76151000',"
        " description = repeat('Panela de alumínio polido com cabo antitérmico. ', 3), weight = 1.2,"
        " height = 20, width = 25, length = 25, category_codes = '{PANELAS}',"
        " images = '{https://img.example.com/panela.jpg}', specifications ="
        ' \'[{"key": "Material", "value": "Alumínio"}, {"key": "Cor", "value": "Prata"}]\''
        " WHERE seller_id = %s",
        (seller.id,),
    )
    place.database.execute(_CODED, (seller.id,))


def _loaded(place: Place, name: str) -> tuple[float, float, float]:
    """Seconds until all of it was planned, and from then until its first submission arrived."""
    account = place.sellers[name].accounts[0]
    after = place.newest_call()
    began, planned = place.product.shell(_START.format(connection=place.sellers[name].connections[0]))
    while True:
        for call in place.calls(after):
            if call["account"] == account and call["route"] == "POST /v1/loads":
                return planned - began, call["at"] - planned, began
        assert time.time() < planned + 60, "nothing went out"
        time.sleep(0.1)


class _Memory(threading.Thread):
    """Remembers the most memory any worker had."""

    def __init__(self, product: Product) -> None:
        super().__init__(daemon=True)
        self.product, self.most, self._ends = product, 0, threading.Event()

    def __enter__(self) -> _Memory:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ends.set()
        self.join()

    def run(self) -> None:
        (sentinel,) = self.product.pids()["queue sentinel"]
        while not self._ends.wait(0.25):
            for children in Path(f"/proc/{sentinel}/task/{sentinel}/children").read_text().split():
                self.most = max(self.most, _resident(int(children)))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0
