"""The flow table: which step may follow which, and what the marketplace's word changes."""

from __future__ import annotations

import pytest

from orders import flow, nfe
from tests.orders.make import nfe_key

SELLERS_STEPS = {
    ("NEW", "APPROVED"),
    ("NEW", "CANCELED"),
    ("APPROVED", "INVOICED"),
    ("APPROVED", "SHIPPED"),
    ("APPROVED", "CANCELED"),
    ("INVOICED", "SHIPPED"),
    ("INVOICED", "CANCELED"),
    ("SHIPPED", "DELIVERED"),
    ("SHIPPED", "SHIPMENT_EXCEPTION"),
    ("SHIPMENT_EXCEPTION", "SHIPPED"),
    ("SHIPMENT_EXCEPTION", "DELIVERED"),
    ("SHIPMENT_EXCEPTION", "CANCELED"),
}
TYPES = ("NEW", "APPROVED", "INVOICED", "SHIPPED", "DELIVERED", "SHIPMENT_EXCEPTION", "CANCELED")


@pytest.mark.parametrize("current", TYPES)
@pytest.mark.parametrize("to", TYPES)
def test_the_seller_may_make_exactly_these_steps(current: str, to: str) -> None:
    assert flow.may_move(current, to) == (current == to or (current, to) in SELLERS_STEPS)


@pytest.mark.parametrize(
    ("current", "told", "told_before", "after"),
    [
        ("NEW", "APPROVED", "NEW", "APPROVED"),
        ("NEW", "DELIVERED", "", "DELIVERED"),
        ("APPROVED", "NEW", "APPROVED", "APPROVED"),
        ("INVOICED", "APPROVED", "APPROVED", "INVOICED"),
        ("SHIPPED", "APPROVED", "APPROVED", "SHIPPED"),
        ("SHIPPED", "INVOICED", "APPROVED", "SHIPPED"),
        ("SHIPPED", "DELIVERED", "SHIPPED", "DELIVERED"),
        ("SHIPPED", "CANCELED", "SHIPPED", "CANCELED"),
        ("SHIPMENT_EXCEPTION", "SHIPPED", "SHIPPED", "SHIPMENT_EXCEPTION"),
        ("SHIPMENT_EXCEPTION", "SHIPPED", "SHIPMENT_EXCEPTION", "SHIPPED"),
        ("SHIPMENT_EXCEPTION", "CANCELED", "SHIPPED", "CANCELED"),
        ("DELIVERED", "CANCELED", "DELIVERED", "DELIVERED"),
        ("DELIVERED", "SHIPPED", "DELIVERED", "DELIVERED"),
        ("CANCELED", "APPROVED", "APPROVED", "CANCELED"),
        ("CANCELED", "DELIVERED", "SHIPPED", "CANCELED"),
    ],
)
def test_a_marketplace_moves_an_order_on_but_never_back(
    current: str, told: str, told_before: str, after: str
) -> None:
    assert flow.after_marketplace(current, told, told_before) == after


def test_the_erp_hears_of_the_carrier_s_moves_only_where_the_carrier_reports_them() -> None:
    for status in ("NEW", "APPROVED", "CANCELED"):
        assert flow.interests_erp("SHIPPED", status, carrier_owns_status=False)
    for status in ("SHIPPED", "DELIVERED"):
        assert not flow.interests_erp("APPROVED", status, carrier_owns_status=False)
        assert flow.interests_erp("APPROVED", status, carrier_owns_status=True)


def test_the_erp_hears_of_every_order_that_is_no_longer_new() -> None:
    for status in ("APPROVED", "INVOICED", "SHIPPED", "SHIPMENT_EXCEPTION", "DELIVERED", "CANCELED"):
        assert flow.interests_erp("NEW", status, carrier_owns_status=False)


def test_every_real_access_key_passes() -> None:
    # The example of the NF-e manual's check digit, and made-up ones of both models.
    assert nfe.problem_of("52060433009911002506550120000007800267301615") == ""
    assert all(nfe.problem_of(nfe_key(number, model)) == "" for number in range(50) for model in ("55", "65"))


def test_an_access_key_says_its_series_and_number() -> None:
    assert nfe.series_of(nfe_key(42)) == "1"
    assert nfe.number_of(nfe_key(42)) == "42"


def _changed(key: str, start: int, digits: str) -> str:
    body = key[:start] + digits + key[start + len(digits) : 43]
    return body + str(nfe.check_digit(body))


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("", "44"),
        ("1234", "44"),
        (nfe_key() + "0", "44"),
        (nfe_key()[:-1] + "x", ""),
        (nfe_key()[:-1] + "²", ""),
        (_changed(nfe_key(), 0, "99"), "99"),
        (_changed(nfe_key(), 4, "13"), "13"),
        (_changed(nfe_key(), 20, "57"), "57"),
        (nfe_key()[:-1] + str((int(nfe_key()[-1]) + 1) % 10), nfe_key()[-1]),
    ],
)
def test_a_wrong_access_key_is_told_what_is_wrong_with_it(key: str, word: str) -> None:
    assert nfe.problem_of(key)
    assert word in nfe.problem_of(key)


def test_any_single_wrong_digit_is_noticed() -> None:
    # A check digit of 0 stands for two remainders, so it cannot notice everything.
    key = next(key for key in map(nfe_key, range(20)) if key[-1] != "0")
    for place in range(44):
        for digit in "0123456789":
            if digit != key[place]:
                assert nfe.problem_of(key[:place] + digit + key[place + 1 :]), (place, digit)
