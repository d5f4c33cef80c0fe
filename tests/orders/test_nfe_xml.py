"""Invoices as XML: what is taken, what contradicts itself, what bites."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.refusals import Refusal
from orders import nfe, nfe_xml
from tests.orders import make

KEY = make.nfe_key(7)
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def wrong(text: str | bytes) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(Refusal) as refused:
        nfe_xml.read(text if isinstance(text, bytes) else text.encode())
    return str(refused.value)


def test_an_invoice_says_its_key_and_when_it_was_issued() -> None:
    text = make.nfe_xml(7)
    for file in (text.encode(), text.encode("utf-8-sig")):
        document = nfe_xml.read(file)
        assert (document.key, document.text) == (KEY, text)
        assert document.issued_at == datetime(2026, 3, 2, 14, 45, tzinfo=UTC)


def test_an_invoice_without_namespace_protocol_or_time_is_read_as_well() -> None:
    text = f'<NFe><infNFe Id="NFe{KEY}"><emit><CNPJ>12345678000195</CNPJ></emit></infNFe></NFe>'
    document = nfe_xml.read(text.encode())
    assert (document.key, document.issued_at) == (KEY, None)


def test_a_time_of_issue_outside_this_century_is_refused() -> None:
    assert "dhEmi" in wrong(make.nfe_xml().replace("2026-03-02T11:45", "9999-12-31T23:59"))


def test_a_farmer_issues_with_a_cpf() -> None:
    first = "35260300012345678909551" + KEY[23:43]
    key = first + str(nfe.check_digit(first))
    text = f'<NFe><infNFe Id="NFe{key}"><emit><CPF>12345678909</CPF></emit></infNFe></NFe>'
    assert nfe_xml.read(text.encode()).key == key


@pytest.mark.parametrize(
    "text",
    [
        make.nfe_xml(7, cnpj="99999999000191"),
        make.nfe_xml(7, cnpj=""),
        make.nfe_xml(7, key=make.nfe_key(8)),
        make.nfe_xml(7, protocol=make.nfe_key(8)),
        make.nfe_xml(7, key=KEY[:43] + str((int(KEY[43]) + 1) % 10)),
        make.nfe_xml(7, key=KEY[:43]),
        make.nfe_xml(7, key=KEY[:43] + "A"),
        f'<NFe><infNFe Id="NFe{KEY}"/></NFe>',
    ],
)
def test_an_invoice_that_contradicts_its_key_is_refused(text: str) -> None:
    assert wrong(text)


@pytest.mark.parametrize(
    "text", ["", "x", "<xml/>", "<NFe><infNFe/></NFe>", f"<chNFe>{KEY}</chNFe>", "<NFe>"]
)
def test_what_is_no_invoice_is_refused(text: str) -> None:
    assert wrong(text)


@pytest.mark.parametrize("head", [BOMB, OUTSIDE, "<!DOCTYPE x>"])
def test_a_document_type_is_never_read(head: str) -> None:
    body = make.nfe_xml(7).partition("?>")[2].replace("Loja Conceição", "&a;" if "ENTITY" in head else "x")
    assert wrong(head + body)


def test_a_file_that_is_too_large_or_in_another_encoding_is_refused() -> None:
    assert wrong(make.nfe_xml(7) + " " * nfe_xml.LIMIT)
    assert wrong(make.nfe_xml(7).encode("latin-1"))
    assert wrong(make.nfe_xml(7).encode("utf-16"))
    assert wrong(make.nfe_xml(7).replace("UTF-8", "KLINGON"))


def test_depth_is_no_danger() -> None:
    deep = 20_000
    text = make.nfe_xml(7).replace("Loja Conceição", "<a>" * deep + "</a>" * deep)
    assert nfe_xml.read(text.encode()).key == KEY
