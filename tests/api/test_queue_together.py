"""The queue over real HTTP: two web processes, four consumers at once, and orders that change meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
import requests
from django.db import connections
from django.utils import timezone

from hub.models import Seller
from marketplaces.models import Connection
from orders import queue, services
from orders.models import Order, QueueEntry
from tests.make import make_api_headers
from tests.orders import make

pytestmark = pytest.mark.django_db(transaction=True)
CONSUMERS = 4
Result = TypeVar("Result")


@dataclass
class Erp:
    """A consumer; each call is a connection of its own, so that both processes get their share."""

    address: str
    headers: dict[str, str]

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        answer = requests.request(
            method, self.address + path, json=body, headers={**self.headers, **headers}, timeout=60
        )
        assert answer.status_code < 300, answer.text
        return answer

    def take(self) -> tuple[dict[str, Any], str] | None:
        """GET the oldest order, with its receipt."""
        answer = self.send("GET", "/queues/orders")
        return (answer.json(), answer.headers["X-Hub-Receipt"]) if answer.status_code == 200 else None

    def delete(self, code: str, **headers: str) -> None:
        self.send("DELETE", f"/queues/orders/{quote(code)}", **headers)

    def post(self, what: str, **body: Any) -> Any:
        return self.send("POST", f"/queues/orders/{what}", body).json()


@pytest.fixture
def ana(db: None) -> Seller:
    return make.make_seller("Ana")


@pytest.fixture
def connection(ana: Seller) -> Connection:
    return make.make_connection(ana)


@pytest.fixture
def erp(address: str, ana: Seller) -> Erp:
    return Erp(address, make_api_headers(ana))


def at_once(*works: Callable[[], Result]) -> list[Result]:
    """Start these at the same moment, each in a thread; return what each brought."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Result]) -> Result:
        try:
            start.wait(30)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result(120) for one in [pool.submit(run, work) for work in works]]


def let_time_pass() -> None:
    """What is hidden may be seen again."""
    QueueEntry.objects.filter(hidden_until__isnull=False).update(hidden_until=timezone.now())


@dataclass
class Ledger:
    """Who holds which order at this moment, and in which states each was given out."""

    held: set[str] = field(default_factory=set)
    seen: list[tuple[str, str]] = field(default_factory=list)
    takers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    broken: threading.Event = field(default_factory=threading.Event)

    def got(self, taker: str, order: dict[str, Any]) -> None:
        with self.lock:
            assert order["code"] not in self.held, f"{order['code']} was given out twice"
            self.held.add(order["code"])
            self.seen.append((order["code"], order["status"]["type"]))
            self.takers[taker] += 1

    def gives_back(self, *codes: str) -> None:
        """Call it before the acknowledgement: a newer change may be another's the moment after."""
        with self.lock:
            self.held.difference_update(codes)


def test_four_consumers_get_every_state_once_while_orders_change(
    erp: Erp, ana: Seller, connection: Connection
) -> None:
    names = [f"P{number}" for number in range(100)]
    services.import_orders(connection, [make.remote_order(name) for name in names])
    ledger, changed = Ledger(), threading.Event()

    def until_drained(step: Callable[[], bool]) -> None:
        # Empty once more after the last change: then nothing can come any more.
        try:
            while not ledger.broken.is_set():
                was_over = changed.is_set()
                while step():
                    pass
                if was_over and not QueueEntry.objects.waiting().filter(seller=ana).exists():
                    return
        except BaseException:
            # What this consumer holds stays hidden: nobody should wait for it.
            ledger.broken.set()
            raise

    def one_by_one(name: str, with_receipt: bool) -> Callable[[], bool]:
        def step() -> bool:
            taken = erp.take()
            if taken is None:
                return False
            order, receipt = taken
            ledger.got(name, order)
            ledger.gives_back(order["code"])
            erp.delete(order["code"], **({"X-Hub-Receipt": receipt} if with_receipt else {}))
            return True

        return step

    def in_batches(name: str, limit: int) -> Callable[[], bool]:
        def step() -> bool:
            leased = erp.post("lease", limit=limit, hide_seconds=600)
            for order in leased["orders"]:
                ledger.got(name, order)
            items = [{"code": code, "receipt": receipt} for code, receipt in leased["receipts"].items()]
            if items:
                erp.post("extend", items=items, hide_seconds=900)
                ledger.gives_back(*leased["receipts"])
                assert erp.post("acknowledge", items=items) == {"unknown": [], "late": []}
            return bool(items)

        return step

    def change() -> None:
        for name in names:
            services.import_order(connection, make.remote_order(name, "APPROVED", minutes=1))
        changed.set()

    at_once(
        lambda: until_drained(one_by_one("plain", with_receipt=False)),
        lambda: until_drained(one_by_one("with receipts", with_receipt=True)),
        lambda: until_drained(in_batches("small batches", 5)),
        lambda: until_drained(in_batches("large batches", 100)),
        change,
    )
    codes = set(Order.objects.values_list("code", flat=True))
    assert max(Counter(ledger.seen).values()) == 1, "a state was given out twice"
    last = dict(ledger.seen)
    assert last == dict.fromkeys(codes, "APPROVED"), "a newer change was swallowed"
    assert sum(1 for count in ledger.takers.values() if count) > 1
    assert set(Order.objects.values_list("sync_status", flat=True)) == {"SYNCED"}


def test_of_four_consumers_one_gets_the_order_and_the_others_nothing(
    erp: Erp, ana: Seller, connection: Connection
) -> None:
    code = services.import_order(connection, make.remote_order("P1")).order.code
    for _round in range(10):

        def single() -> int:
            return 1 if erp.take() else 0

        def batch() -> int:
            return len(erp.post("lease", limit=100)["orders"])

        assert sorted(at_once(single, single, batch, batch)) == [0, 0, 0, 1]
        # It stays so while it is hidden, and is one consumer's again when the time is over.
        assert at_once(single, single, batch, batch) == [0, 0, 0, 0]
        let_time_pass()
    assert QueueEntry.objects.get(order__code=code).offers == 10


def test_a_receipt_that_is_over_does_nothing_to_the_order_of_the_next_consumer(
    erp: Erp, connection: Connection
) -> None:
    names = [f"P{number}" for number in range(20)]
    services.import_orders(connection, [make.remote_order(name) for name in names])
    first = erp.post("lease", limit=100)["receipts"]
    let_time_pass()
    second = erp.post("lease", limit=100)["receipts"]
    late = [{"code": code, "receipt": receipt, "reason": "x"} for code, receipt in first.items()]
    answers = at_once(
        lambda: erp.post("acknowledge", items=late),
        lambda: erp.post("extend", items=late, hide_seconds=43_200),
        lambda: erp.post("failures", failures=late),
        lambda: erp.post("acknowledge", items=late),
    )
    assert answers == [{"unknown": [], "late": sorted(first)}] * 4
    assert erp.post("lease", limit=100)["orders"] == []
    in_time = [{"code": code, "receipt": receipt} for code, receipt in second.items()]
    assert erp.post("acknowledge", items=in_time) == {"unknown": [], "late": []}


def test_a_failure_told_four_times_at_once_counts_once(erp: Erp, connection: Connection) -> None:
    code = services.import_order(connection, make.remote_order("P1")).order.code
    for number in range(1, 6):
        QueueEntry.objects.update(hidden_until=None)
        receipt = erp.post("lease")["receipts"][code]
        failure = {"code": code, "receipt": receipt, "reason": "SKU sem cadastro"}
        answers = at_once(*[partial(erp.post, "failures", failures=[failure])] * CONSUMERS)
        assert sorted(len(one["late"]) for one in answers) == [0, 1, 1, 1]
        assert QueueEntry.objects.get().failures == number
    # The fifth parks it: nobody gets it until it is replayed, and then one does.
    assert [erp.take(), erp.send("GET", "/queues/orders/summary").json()["parked"]] == [None, 1]
    assert erp.post("replay", codes=[code])["replayed"] == 1
    assert sorted(at_once(*[lambda: erp.take() is not None] * CONSUMERS)) == [False, False, False, True]


@pytest.mark.parametrize("in_a_batch", [False, True])
def test_an_acknowledgement_never_swallows_the_change_it_races_with(
    erp: Erp, ana: Seller, connection: Connection, in_a_batch: bool
) -> None:
    for number in range(15):
        name = f"P{number}"
        code = services.import_order(connection, make.remote_order(name)).order.code
        order, receipt = erp.take() or pytest.fail("the order is not offered")
        assert (order["code"], order["status"]["type"]) == (code, "NEW")

        def acknowledge(code: str = code, receipt: str = receipt) -> object:
            if in_a_batch:
                return erp.post("acknowledge", items=[{"code": code, "receipt": receipt}])
            return erp.delete(code)

        def change(name: str = name) -> object:
            return services.import_order(connection, make.remote_order(name, "APPROVED", minutes=1))

        at_once(acknowledge, change)
        newer, _receipt = erp.take() or pytest.fail("the newer change was swallowed")
        assert (newer["code"], newer["status"]["type"]) == (code, "APPROVED")
        # Whoever repeats the older acknowledgement takes nothing, or what was just given.
        erp.delete(code)
        assert erp.take() is None
        assert queue.summary(ana, timezone.now()).waiting == 0
