"""Barcodes, invoice keys, documents and titles as the sandbox reads them."""

from __future__ import annotations

import random

import pytest

from marketplaces.simulators.sandbox.people import cpf
from marketplaces.simulators.sandbox.words import (
    GTIN_LENGTHS,
    gtin_digit,
    is_gtin,
    is_nfe_key,
    narrow_gtin,
    plain,
    wide_gtin,
)

# Barcodes of real products and the examples of GS1's own check digit page.
KNOWN = ("7894900027013", "78933873", "9002490225353", "6291041500213", "036000291452", "10614141543219")


@pytest.mark.parametrize("code", KNOWN)
def test_known_barcodes_are_right(code: str) -> None:
    assert is_gtin(code)


@pytest.mark.parametrize("length", GTIN_LENGTHS)
def test_every_single_wrong_digit_is_noticed(length: int) -> None:
    dice = random.Random(length)
    for _ in range(200):
        body = "".join(dice.choice("0123456789") for _ in range(length - 1))
        code = body + gtin_digit(body)
        assert is_gtin(code) == bool(code.strip("0"))
        place = dice.randrange(length)
        wrong = code[:place] + str((int(code[place]) + dice.randrange(1, 10)) % 10) + code[place + 1 :]
        assert not is_gtin(wrong)


@pytest.mark.parametrize(
    "code", ["", "0000000000000", "789490002701", "78949000270131", "789490002701x", "７８９３３８７３"]
)
def test_other_texts_are_no_barcodes(code: str) -> None:
    assert not is_gtin(code)


@pytest.mark.parametrize("code", KNOWN)
def test_a_barcode_survives_its_widest_form(code: str) -> None:
    assert len(wide_gtin(code)) == 14
    assert is_gtin(wide_gtin(code))
    assert narrow_gtin(wide_gtin(code)).lstrip("0") == code.lstrip("0")


def test_an_invoice_key_needs_its_check_digit() -> None:
    # The example key of the NF-e taxpayer manual (Manual de Orientação do Contribuinte); its digit is 5.
    key = "52060433009911002506550120000007800267301615"
    digits = [key[:43] + str(digit) for digit in range(10)]
    assert key in digits
    assert [code for code in digits if is_nfe_key(code)] == [key]
    assert not is_nfe_key(key[:43])
    assert not is_nfe_key("x" * 44)


def test_made_up_documents_have_right_check_digits() -> None:
    dice = random.Random(1)
    for _ in range(200):
        digits = [int(digit) for digit in cpf(dice)]
        for length in (9, 10):
            rest = sum(digit * (length + 1 - place) for place, digit in enumerate(digits[:length])) * 10 % 11
            assert digits[length] == rest % 10


@pytest.mark.parametrize(
    ("text", "words"),
    [("Açaí  1,5L!", "acai 1 5 l"), ("COCA-COLA 2l", "coca cola 2 l"), ("💚 ﬁm", "fim"), ("", "")],
)
def test_titles_are_compared_as_plain_words(text: str, words: str) -> None:
    assert plain(text) == words
