"""The access key of a Brazilian electronic invoice (NF-e, NFC-e): can it be true, what does it say.

Layout (Manual de Orientação do Contribuinte da NF-e): state 2, year and month 4, issuer's CNPJ 14, model 2,
series 3, number 9, kind of issue 1, random code 8, check digit 1. All are digits but the first twelve places
of the CNPJ, which since July 2026 may be letters (Nota Técnica Conjunta 2025.001, April 2025).
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

LENGTH = 44
FORM = r"^[0-9]{6}[0-9A-Z]{12}[0-9]{26}$"
_FORM = re.compile(FORM, re.ASCII)
MODELS = ("55", "65")
# IBGE codes of the 27 states.
STATES = frozenset(
    map(str, [*range(11, 18), *range(21, 30), *range(31, 34), 35, *range(41, 44), *range(50, 54)])
)


def check_digit(first: str) -> int:
    """Return the last digit that belongs to the first 43: modulo 11 with weights 2 to 9 from the right.

    A letter counts as its ASCII code less 48, as a digit does (Nota Técnica Conjunta 2025.001).
    """
    total = sum((ord(letter) - 48) * (2 + place % 8) for place, letter in enumerate(reversed(first)))
    rest = total % 11
    return 0 if rest < 2 else 11 - rest


def is_made_up(key: str) -> bool:
    """Say whether a key names no state, month or model there is: a placeholder, not a slip of the pen."""
    if not _FORM.match(key):
        return False
    return key[:2] not in STATES or not 1 <= int(key[4:6]) <= 12 or key[20:22] not in MODELS


def problem_of(key: str) -> str:
    """Say in one sentence what is wrong with an access key; empty when nothing is."""
    if len(key) != LENGTH:
        return _("The invoice key must have 44 characters; this one has %(length)s.") % {"length": len(key)}
    if not _FORM.match(key):
        return _("The invoice key may only have digits, and capital letters inside the issuer's CNPJ.")
    if key[:2] not in STATES:
        return _("The invoice key starts with %(code)s, which is not the code of a Brazilian state.") % {
            "code": key[:2]
        }
    if not 1 <= int(key[4:6]) <= 12:
        return _("The invoice key names month %(month)s.") % {"month": key[4:6]}
    if key[20:22] not in MODELS:
        return _("The invoice key is of model %(model)s; only 55 (NF-e) and 65 (NFC-e) are accepted.") % {
            "model": key[20:22]
        }
    if int(key[-1]) != check_digit(key[:-1]):
        return _(
            "The check digit of the invoice key is wrong: it ends in %(is)s and should end in %(should)s."
        ) % {
            "is": key[-1],
            "should": check_digit(key[:-1]),
        }
    return ""


def issuer_of(key: str) -> str:
    """Return the issuer's CNPJ inside a key; a person's CPF stands there with three zeros before it."""
    return key[6:20]


def series_of(key: str) -> str:
    """Return the series inside a key, without leading zeros."""
    return str(int(key[22:25]))


def number_of(key: str) -> str:
    """Return the invoice's number inside a key, without leading zeros."""
    return str(int(key[25:34]))
