"""Access keys of real invoices, as manuals and blogs print them, and what a slip of the pen makes of them."""

from __future__ import annotations

import pytest

from orders import nfe

PUBLISHED = [
    # zrpaplicacoes/br-dfe-validator, README
    "35120859597245000190550000000095831710040056",
    # invoisys.com.br, "Como é formada a chave de acesso"
    "13181017921427000125650010000000309887251170",
    # ajuda.maino.com.br, "Como é formada a chave de acesso de uma NF-e"
    "33150308370779000149550010001100931002410775",
    # erpbrasil.base 2.5, fiscal/dfe.py
    "35210320695448000184550010000035891981839923",
]


@pytest.mark.parametrize("key", PUBLISHED)
def test_a_published_key_is_right_and_every_wrong_digit_is_noticed(key: str) -> None:
    assert nfe.problem_of(key) == ""
    for place, digit in enumerate(key):
        for other in "0123456789":
            changed = key[:place] + other + key[place + 1 :]
            # Two different sums may share a check digit only where the rest of 11 is 0 or 1.
            if other != digit and not (key[-1] == "0" and nfe.check_digit(changed[:-1]) == 0):
                assert nfe.problem_of(changed), (place, other)


def test_a_key_says_who_issued_it_and_which_invoice_it_is() -> None:
    key = PUBLISHED[2]
    assert (nfe.issuer_of(key), nfe.series_of(key), nfe.number_of(key)) == ("08370779000149", "1", "110093")


def lettered(cnpj: str = "12ABC34501DE35") -> str:
    """A key of an issuer whose CNPJ holds letters."""
    first = f"352607{cnpj}55001000000042112345678"
    return first + str(nfe.check_digit(first))


def test_a_cnpj_may_hold_letters() -> None:
    key = lettered()
    assert nfe.problem_of(key) == ""
    assert nfe.issuer_of(key) == "12ABC34501DE35"
    # By hand: each letter counts as its ASCII code less 48, A being 17.
    weights = [2 + place % 8 for place in range(43)]
    total = sum((ord(one) - 48) * weight for one, weight in zip(reversed(key[:43]), weights, strict=True))
    assert int(key[-1]) == (0 if total % 11 < 2 else 11 - total % 11)


@pytest.mark.parametrize(
    "key",
    [
        lettered().lower(),
        lettered("12ABC34501DEA5"),
        "A" + lettered()[1:],
        lettered()[:21] + "B" + lettered()[22:],
        lettered().replace("A", "Ã"),
        "٣" + lettered()[1:],
        lettered().replace("B", "C", 1),
    ],
)
def test_letters_stand_nowhere_else_and_count(key: str) -> None:
    assert nfe.problem_of(key)
