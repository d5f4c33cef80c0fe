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
