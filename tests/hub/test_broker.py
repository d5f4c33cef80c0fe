"""The task queue on a real PostgreSQL: order, one owner per task, and life after an outage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django_q.conf import Conf
from django_q.models import OrmQ

from hub.broker import PgBroker, QueueWatch

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "test-queue"


@pytest.fixture
def broker() -> PgBroker:
    return PgBroker(list_key=KEY)


def in_thread(work: Callable[[], Any]) -> Any:
    """Run in another thread with its own database connection, as another process would."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=30)


def take_until_empty(broker: PgBroker) -> list[tuple[int, str]]:
    taken: list[tuple[int, str]] = []
    while tasks := broker._claim():
        taken += tasks
    return taken


def test_tasks_come_out_in_the_order_they_went_in(broker: PgBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conf, "BULK", 3)
    for number in range(8):
        broker.enqueue(f"task {number}")
    assert [payload for _, payload in take_until_empty(broker)] == [f"task {n}" for n in range(8)]


def test_two_consumers_never_claim_the_same_task() -> None:
    producer = PgBroker(list_key=KEY)
    with transaction.atomic():
        for number in range(200):
            producer.enqueue(f"task {number}")
    start = threading.Barrier(2)

    def consume() -> list[tuple[int, str]]:
        try:
            start.wait(10)
            return take_until_empty(PgBroker(list_key=KEY))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: consume(), range(2))
    assert len(first) + len(second) == 200
    assert {pk for pk, _ in first}.isdisjoint(pk for pk, _ in second)


def test_a_task_locked_by_another_consumer_is_passed_over_without_waiting(broker: PgBroker) -> None:
    broker.enqueue("first")
    broker.enqueue("second")
    with transaction.atomic():
        OrmQ.objects.select_for_update().get(payload="first")
        other = in_thread(lambda: PgBroker(list_key=KEY)._claim())
    assert [payload for _, payload in other] == ["second"]


def test_a_claimed_task_is_gone_whatever_becomes_of_its_worker(broker: PgBroker) -> None:
    broker.enqueue("once")
    [(pk, _)] = broker._claim()
    assert not OrmQ.objects.exists()
    # What django-q2's monitor does when the work is done, or has failed, finds nothing to do.
    broker.acknowledge(pk)
    broker.fail(pk)


def test_a_claim_that_is_not_committed_takes_nothing(broker: PgBroker) -> None:
    broker.enqueue("still there")
    with transaction.atomic():
        assert len(broker._claim()) == 1
        transaction.set_rollback(True)
    assert [payload for _, payload in broker._claim()] == ["still there"]


def test_queues_do_not_see_each_others_tasks(broker: PgBroker) -> None:
    PgBroker(list_key="another").enqueue("theirs")
    assert broker._claim() == []


def test_a_task_of_a_rolled_back_transaction_does_not_exist(broker: PgBroker) -> None:
    with transaction.atomic():
        broker.enqueue("never")
        transaction.set_rollback(True)
    assert broker._claim() == []


def test_a_waiting_consumer_is_woken_by_the_commit_and_not_before(broker: PgBroker) -> None:
    listening = threading.Event()

    def consume() -> tuple[list[tuple[int, str]] | None, float]:
        consumer = PgBroker(list_key=KEY)
        consumer.dequeue()  # starts to listen
        listening.set()
        while not (tasks := consumer.dequeue()):
            pass
        woken = time.monotonic()
        if consumer._listener:
            consumer._listener.close()
        return tasks, woken

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(in_thread, consume)
        assert listening.wait(10)
        with transaction.atomic():
            broker.enqueue("wake up")
            time.sleep(1)
        committed = time.monotonic()
        tasks, woken = found.result(timeout=10)
    assert tasks is not None
    assert tasks[0][1] == "wake up"
    assert -0.05 < woken - committed < 0.25  # well under the half second of a silent wait


def test_the_consumer_lives_through_a_database_that_drops_it(broker: PgBroker) -> None:
    broker.dequeue()  # both of its connections are open now
    in_thread(terminate_all_other_sessions)
    assert broker.dequeue() is None
    in_thread(lambda: PgBroker(list_key=KEY).enqueue("after the outage"))
    deadline = time.monotonic() + 10
    while not (tasks := broker.dequeue()):
        assert time.monotonic() < deadline
    assert tasks[0][1] == "after the outage"


def terminate_all_other_sessions() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


def test_the_watch_counts_the_seconds_a_task_waits_unclaimed(broker: PgBroker) -> None:
    watch = QueueWatch(KEY)
    assert watch() == 0
    broker.enqueue("waiting")
    assert watch() == 0
    time.sleep(0.2)
    assert watch() >= 0.2


def test_a_claim_resets_the_watch(broker: PgBroker) -> None:
    watch = QueueWatch(KEY)
    broker.enqueue("first")
    broker.enqueue("second")
    watch()
    time.sleep(0.2)
    broker._claim()
    assert watch() == 0


def test_lost_claims_do_not_make_the_watch_patient(broker: PgBroker) -> None:
    for number in range(10):
        broker.enqueue(f"task {number}")
    for _ in range(9):
        broker._claim()  # by workers that were killed with them
    watch = QueueWatch(KEY)
    watch()
    time.sleep(0.2)
    assert watch() >= 0.2


def test_the_watch_is_silent_while_the_database_is_away(broker: PgBroker) -> None:
    watch = QueueWatch(KEY)
    broker.enqueue("waiting")
    watch()
    in_thread(terminate_all_other_sessions)
    time.sleep(0.1)
    assert watch() == 0
